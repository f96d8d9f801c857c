/**
 * What the operator asks a relay, on its own machine: which networks it serves, to let one in, to forget one. The same
 * whether the relay runs, when it is asked through its socket (core/process/relay-lock.ts), or not.
 */
import { z } from 'zod';
import type { Env } from '../core/lib/env.js';
import { EvioError } from '../core/lib/errors.js';
import type { LocalMember } from './local-network.js';
import type { NetworkRecord } from './network-record.js';
import { memberEntries, type MemberEntry } from './member-entries.js';
import { openState } from './open-state.js';
import type { PacketExchange } from './packet-exchange.js';
import type { KnownTicket, Registry } from './registry.js';
import { hasRelayKeys, neverRan } from './relay-keys.js';
import type { StateLog } from './state-log.js';
import type { AdmissionWay } from './state-lines.js';

const ticketId = z.string().regex(/^[0-9a-f]{16}$/);
const networkId = z.string().regex(/^[0-9a-f]{16}$/);

export const deskRequest = z.discriminatedUnion('do', [
  z.object({ do: z.literal('networks') }),
  z.object({ do: z.literal('members'), network: networkId }),
  z.object({ do: z.literal('allow'), network: networkId }),
  z.object({ do: z.literal('forget'), network: networkId }),
  z.object({ do: z.literal('invites') }),
  /** One was made: it is written down. */
  z.object({
    do: z.literal('note-invite'),
    id: ticketId,
    notAfter: z.number(),
    uses: z.number().int().min(1),
  }),
  z.object({ do: z.literal('revoke-invite'), id: ticketId, notAfter: z.number().optional() }),
]);
export type DeskRequest = z.infer<typeof deskRequest>;

/** A network as the operator sees it. */
export interface NetworkEntry {
  readonly id: string;
  /** What its owner called it; empty when that is not known. */
  readonly name: string;
  /** How it was let in; null: it is served while the relay is open, or names it with --allow. */
  readonly by: AdmissionWay | null;
  /** RFC 3339; null as `by`. */
  readonly since: string | null;
  /** Known, connected or not. */
  readonly members: number;
  readonly online: number;
}

/** A relay invite as the operator sees it. */
export interface InviteEntry {
  readonly id: string;
  /** RFC 3339; null for one that was made by an evio which did not write it down. */
  readonly created: string | null;
  readonly expires: string;
  /** How many networks it admits; null as `created`. */
  readonly uses: number | null;
  /** Ids of those that came by it. */
  readonly networks: readonly string[];
  readonly state: 'valid' | 'used-up' | 'expired' | 'revoked';
}

/** An invite of which nothing is known is barred for as long as one can be made for, ms. */
const longestMs = 10 * 365 * 86_400_000;

export interface DeskPorts {
  readonly registry: Registry;
  readonly log: StateLog;
  readonly env: Env;
  /** Members of a network that are connected. */
  online(network: string): number;
  /** Those that are connected to this relay, by id. */
  readonly here: (record: NetworkRecord) => ReadonlyMap<string, LocalMember>;
  /** What is known of their packets; undefined for a relay that does not run. */
  readonly packets: Pick<PacketExchange, 'byUdp' | 'passed'> | undefined;
  /** Forgets the network, on disk as well. */
  forget(record: NetworkRecord): Promise<void>;
}

export class RelayDesk {
  readonly #ports: DeskPorts;

  constructor(ports: DeskPorts) {
    this.#ports = ports;
  }

  /** @throws EvioError EVIO_NO_NETWORK */
  async answer(request: DeskRequest): Promise<object> {
    switch (request.do) {
      case 'networks':
        return { networks: this.#networks() };
      case 'members':
        return this.#members(request.network);
      case 'allow':
        return { network: await this.#allow(request.network) };
      case 'forget':
        return { network: await this.#forget(request.network) };
      case 'invites':
        return { invites: [...this.#ports.registry.tickets].map((entry) => this.#invite(...entry)) };
      case 'note-invite': {
        const { id, notAfter, uses } = request;
        const at = this.#ports.env.clock.date();
        this.#ports.registry.ticket(id, notAfter).made = { at, uses };
        await this.#ports.log.append([{ kind: 'invite', ticket: id, notAfter, uses, at }], true);
        return {};
      }
      case 'revoke-invite':
        return { invite: await this.#revoke(request.id, request.notAfter) };
    }
  }

  async #revoke(id: string, told: number | undefined): Promise<InviteEntry> {
    const { registry, log, env } = this.#ports;
    const before = registry.tickets.get(id);
    const notAfter = before?.notAfter ?? told ?? env.clock.date() + longestMs;
    const ticket = registry.ticket(id, notAfter);
    ticket.revoked = true;
    await log.append([{ kind: 'invite-revoked', ticket: id, notAfter }], true);
    env.log.info('the operator revoked a relay invite', { invite: id });
    return this.#invite(id, ticket);
  }

  #invite(id: string, { notAfter, networks, made, revoked }: KnownTicket): InviteEntry {
    const expired = notAfter < this.#ports.env.clock.date();
    const usedUp = made !== undefined && networks.size >= made.uses;
    return {
      id,
      created: made ? new Date(made.at).toISOString() : null,
      expires: new Date(notAfter).toISOString(),
      uses: made?.uses ?? null,
      networks: [...networks],
      state: revoked ? 'revoked' : expired ? 'expired' : usedUp ? 'used-up' : 'valid',
    };
  }

  #networks(): NetworkEntry[] {
    return [...this.#ports.registry.networks].map((record) => this.#entry(record));
  }

  async #allow(id: string): Promise<NetworkEntry> {
    const { registry, log, env } = this.#ports;
    const record = registry.ensure(id);
    if (!record.admission) {
      const at = env.clock.date();
      record.admission = { by: 'operator', at };
      registry.claimed = true;
      await log.append([{ kind: 'admit', network: id, name: record.name, by: 'operator', at }], true);
      env.log.info('the operator let a network in', { network: id });
    }
    return this.#entry(record);
  }

  async #forget(id: string): Promise<NetworkEntry> {
    const { env } = this.#ports;
    const record = this.#known(id);
    const entry = this.#entry(record);
    await this.#ports.forget(record);
    env.log.info('the operator had a network forgotten', { network: id });
    return entry;
  }

  #members(id: string): { network: NetworkEntry; members: readonly MemberEntry[] } {
    const record = this.#known(id);
    const { here, packets } = this.#ports;
    return { network: this.#entry(record), members: memberEntries(record, here(record), packets) };
  }

  #known(id: string): NetworkRecord {
    const record = this.#ports.registry.network(id);
    if (record) return record;
    throw new EvioError('EVIO_NO_NETWORK', `This relay knows no network ${id}.`, [
      'See those it knows with: evio relay networks',
    ]);
  }

  #entry(record: NetworkRecord): NetworkEntry {
    const { id, name, admission, size } = record;
    return {
      id,
      name,
      by: admission?.by ?? null,
      since: admission ? new Date(admission.at).toISOString() : null,
      members: size,
      online: this.#ports.online(id),
    };
  }
}

/**
 * Where no relay ran yet there is nobody to ask; a network may be let in beforehand.
 *
 * @throws EvioError EVIO_NOT_RUNNING
 */
export async function checkHasRun(folder: string, request: DeskRequest): Promise<void> {
  if (request.do !== 'allow' && !(await hasRelayKeys(folder))) throw neverRan(folder);
}

/**
 * Answers for a relay that does not run (`checkHasRun`); nobody else may use its folder meanwhile.
 *
 * @param folder `<home>/relay`
 * @throws EvioError EVIO_NO_NETWORK, EVIO_STORAGE, EVIO_PROFILE_CORRUPT
 */
export async function answerAtRest(folder: string, env: Env, request: DeskRequest): Promise<object> {
  const { registry, log } = await openState({ folder, env, before: true, smallLogBytes: Infinity });
  try {
    const desk = new RelayDesk({
      registry,
      log,
      env,
      online: () => 0,
      here: () => new Map(),
      packets: undefined,
      forget: async (record) => {
        registry.forget(record, false);
        await log.append([{ kind: 'forget', network: record.id, refund: false }], true);
      },
    });
    return await desk.answer(request);
  } finally {
    await log.stop();
  }
}

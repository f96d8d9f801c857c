/**
 * What the operator asks a relay, on its own machine: which networks it serves, to let one in, to forget one. The same
 * whether the relay runs, when it is asked through its socket (core/process/relay-lock.ts), or not.
 */
import { z } from 'zod';
import type { Env } from '../core/lib/env.js';
import { EvioError } from '../core/lib/errors.js';
import type { NetworkRecord } from './network-record.js';
import { openState } from './open-state.js';
import type { Registry } from './registry.js';
import type { StateLog } from './state-log.js';
import type { AdmissionWay } from './state-lines.js';

const networkId = z.string().regex(/^[0-9a-f]{16}$/);

export const deskRequest = z.discriminatedUnion('do', [
  z.object({ do: z.literal('networks') }),
  z.object({ do: z.literal('allow'), network: networkId }),
  z.object({ do: z.literal('forget'), network: networkId }),
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

export interface DeskPorts {
  readonly registry: Registry;
  readonly log: StateLog;
  readonly env: Env;
  /** Members of a network that are connected. */
  online(network: string): number;
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
      case 'allow':
        return { network: await this.#allow(request.network) };
      case 'forget':
        return { network: await this.#forget(request.network) };
    }
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
    const { registry, env } = this.#ports;
    const record = registry.network(id);
    if (!record) {
      throw new EvioError('EVIO_NO_NETWORK', `This relay knows no network ${id}.`, [
        'See those it knows with: evio relay networks',
      ]);
    }
    const entry = this.#entry(record);
    await this.#ports.forget(record);
    env.log.info('the operator had a network forgotten', { network: id });
    return entry;
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
 * Answers for a relay that does not run; nobody else may use its folder meanwhile.
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

/**
 * Ways out of the network: the member by which all traffic of this machine goes, and what this machine does as one.
 *
 * What is used stands in the profile, and on the machine (tap/exit-routes.ts): set before the node says a word to the
 * outside, since its sockets are pinned to the way that the machine had before. While the member is away, nothing leaves.
 */
import type { Clock, Logger } from '../lib/env.js';
import { EvioError, messageOf } from '../lib/errors.js';
import { formatCidr, formatIpv4 } from '../lib/ipv4.js';
import { formatPrefix, type Prefix } from '../lib/prefix.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { Profile, UsedExit } from '../membership/profile.js';
import type { Peers } from '../peer/peers.js';
import { rangesOf } from '../identity/network.js';
import { isExit } from '../subnets/exits.js';
import type { ExitReport, ExitState } from '../subnets/exit-report.js';
import type { RouteSettings } from '../subnets/settings.js';
import type { Subnets } from '../subnets/subnets.js';

const lookEveryMs = 1_000;
/** What is on the machine is put right this often, whoever changed it. */
const setEveryMs = 30_000;

/** The machine, as ways out need it. */
export interface ExitPorts {
  set(
    networkId: string,
    way: {
      readonly device: string;
      readonly member: { readonly ip: number; readonly mac: Uint8Array } | undefined;
      readonly allowLan: boolean;
      readonly keep: readonly Prefix[];
    },
  ): string[];
  clear(networkId: string): boolean;
  /** Null, or why it could not be done. */
  setNat(networkId: string, device: string, ranges: readonly [string, string]): Promise<string | null>;
  clearNat(networkId: string): Promise<void>;
}

/** What the operator chose: it outlives a run of the node. */
export interface ExitSettings {
  used: UsedExit | undefined;
}

export interface ExitParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly credential: OwnCredential;
  readonly settings: ExitSettings;
  readonly routes: RouteSettings;
  readonly members: Peers;
  readonly subnets: Subnets;
  /** Name of the interface, once the plane has started. */
  readonly device: () => string;
  /** None: this node sets nothing on the machine. */
  readonly ports: ExitPorts | undefined;
}

export class Exit {
  readonly #parts: ExitParts;
  #lookAt = Infinity;
  #setAt = -Infinity;
  #way = '';
  #fault: string | null = null;
  #natFault: string | null = null;
  /** Addresses are translated, or are going to be. */
  #offered = false;
  #work: Promise<void> = Promise.resolve();

  constructor(parts: ExitParts) {
    this.#parts = parts;
  }

  /** The interface is up, and nothing was said to the outside. */
  start(): void {
    const { clock, settings, ports, credential } = this.#parts;
    this.#lookAt = clock.now();
    // A killed node left it.
    if (!settings.used) ports?.clear(credential.self.networkId);
    this.look(clock.now());
  }

  /** Takes everything back. */
  async stop(): Promise<void> {
    const { ports, credential, settings } = this.#parts;
    this.letGo();
    if (settings.used) ports?.clear(credential.self.networkId);
    if (this.#offered) this.#translate(false);
    await this.#work;
  }

  /** Another process goes on with what is on the machine. */
  letGo(): void {
    this.#lookAt = Infinity;
    this.#way = '';
  }

  /** The settings were changed. */
  reconfigured(): void {
    const { clock, ports, settings, credential } = this.#parts;
    if (!settings.used) ports?.clear(credential.self.networkId);
    this.#way = '';
    this.look(clock.now());
  }

  /** Throws EvioError EVIO_EXIT where the member offers no way out. */
  check(id: string, name: string): void {
    if (!this.#parts.ports) {
      throw new EvioError('EVIO_EXIT', 'A node without an interface of its own sends nothing by an exit.', [
        'Run it without --userspace.',
      ]);
    }
    const offers = this.#parts.subnets.exits();
    if (offers.some((offer) => offer.id === id && !offer.own)) return;
    throw new EvioError('EVIO_EXIT', `${name} offers no way out.`, [
      'There: "evio exit announce"',
      'See who does: evio exit status',
    ]);
  }

  get dueAt(): number {
    return this.#lookAt;
  }

  tick(now: number): void {
    this.look(now);
  }

  look(now: number): void {
    if (this.#lookAt === Infinity) return;
    this.#lookAt = now + lookEveryMs;
    const { settings, ports, routes } = this.#parts;
    const offered = ports !== undefined && routes.announced.some(({ prefix }) => isExit(prefix));
    if (offered !== this.#offered) this.#translate(offered);
    if (settings.used && ports) this.#use(now, settings.used, ports);
    else this.#fault = null;
  }

  #use(now: number, { allowLan }: UsedExit, ports: ExitPorts): void {
    const { credential, device, subnets, log } = this.#parts;
    const { networkId, network } = credential.self;
    const found = this.#member();
    const member = found && { ip: found.ip, mac: found.mac };
    const keep = [...rangesOf(network), ...subnets.accepted()];
    const key = [device(), member?.ip ?? '', allowLan, ...keep.map(formatPrefix)].join(' ');
    if (key === this.#way && now < this.#setAt) return;
    this.#way = key;
    this.#setAt = now + setEveryMs;
    const [fault = null] = ports.set(networkId, { device: device(), member, allowLan, keep });
    if (fault !== null && fault !== this.#fault) log.warn('exit not set', { reason: fault });
    this.#fault = fault;
  }

  /** The member that is used, as long as it offers itself. */
  #member(): { readonly ip: number; readonly mac: Uint8Array } | undefined {
    const { settings, subnets } = this.#parts;
    return subnets.exits().find(({ id }) => id === settings.used?.id);
  }

  #translate(on: boolean): void {
    const { ports, credential, device, log } = this.#parts;
    this.#offered = on;
    const { networkId, network } = credential.self;
    const ranges = rangesOf(network).map(formatPrefix);
    const v6 = ranges.find((range) => range.includes(':')) ?? '::/128';
    this.#work = this.#work
      .then(async () => {
        if (!on) return await ports?.clearNat(networkId);
        this.#natFault = (await ports?.setNat(networkId, device(), [formatCidr(network.cidr), v6])) ?? null;
        if (this.#natFault !== null) log.warn('exit not offered', { reason: this.#natFault });
      })
      .catch((thrown: unknown) => {
        this.#natFault = messageOf(thrown);
      });
  }

  report(): ExitReport {
    const { settings, subnets, members } = this.#parts;
    const connected = (id: string): boolean => members.get(id)?.state === 'connected';
    const offers = subnets.exits();
    const { used } = settings;
    const offer = offers.find(({ id }) => id === used?.id);
    const state: ExitState = !used
      ? 'off'
      : this.#fault !== null
        ? 'failed'
        : !offer
          ? 'withdrawn'
          : connected(offer.id)
            ? 'active'
            : 'unreachable';
    return {
      use: used ? { id: used.id, name: members.nameOf(used.id) ?? used.name, allowLan: used.allowLan } : null,
      state,
      fault: this.#fault,
      announced: this.#offered,
      announceFault: this.#natFault,
      offers: offers.map(({ id, name, ip, own }) => ({
        ...{ id, name, own, ip: formatIpv4(ip), connected: own || connected(id) },
      })),
    };
  }
}

/** The profile with this choice. */
export function withExit({ exit: _, ...rest }: Profile, used: UsedExit | undefined): Profile {
  return used ? { ...rest, exit: used } : rest;
}

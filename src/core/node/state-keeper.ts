/** What the node remembers from run to run, and when that goes to disk. */
import { fromBase64Url, toBase64Url } from '../lib/bytes.js';
import { formatEndpoint } from '../lib/endpoint.js';
import type { Clock, Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import type { InviteUses, KeptSubnets, NodeState } from '../membership/profile.js';
import type { Peer } from '../peer/peer.js';
import type { KeptAnnouncement } from '../subnets/book.js';
import type { Peers } from '../peer/peers.js';
import type { Timed } from './pulse.js';

/** State goes to disk at most this often. */
const saveMs = 2_000;

export interface StateKeeperPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** May throw: the node goes on and says so. */
  save(state: NodeState): void;
}

export class StateKeeper implements Timed {
  readonly #ports: StateKeeperPorts;
  #state: NodeState;
  #members: Peers | undefined;
  #subnets: (() => readonly KeptAnnouncement[]) | undefined;
  #dueAt = Infinity;

  constructor(state: NodeState, ports: StateKeeperPorts) {
    this.#state = state;
    this.#ports = ports;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  /** UDP port of the last run; 0 when there was none. */
  get port(): number {
    return this.#state.port ?? 0;
  }

  /** Credentials of the members that were known last, as they were kept: not verified. */
  get credentials(): Uint8Array[] {
    return this.#state.members.flatMap((text) => fromBase64Url(text) ?? []);
  }

  /** What members announced, as it was kept: not verified. */
  get subnets(): KeptAnnouncement[] {
    return (this.#state.subnets ?? []).flatMap(({ document, ranks }) => {
      const bytes = fromBase64Url(document);
      return bytes ? [{ document: bytes, ranks }] : [];
    });
  }

  /** Endpoints at which this member was reached. */
  endpointsOf(idText: string): readonly string[] {
    return this.#state.endpoints[idText] ?? [];
  }

  /** The members of a run are kept too, and what they announce. Undefined when that is over. */
  follow(
    run: { readonly members: Peers; readonly subnets: { kept(): readonly KeptAnnouncement[] } } | undefined,
  ): void {
    this.#members = run?.members;
    this.#subnets = run && (() => run.subnets.kept());
  }

  setPort(port: number): void {
    if (this.#state.port !== port) this.#change({ port });
  }

  setCredential(credential: Uint8Array): void {
    this.#change({ credential: toBase64Url(credential) });
  }

  /** Addresses of relays' names, as they were known last. */
  get relayAddresses(): Readonly<Record<string, readonly string[]>> {
    return this.#state.relayAddresses ?? {};
  }

  setRelayAddresses(relayAddresses: Readonly<Record<string, readonly string[]>>): void {
    this.#change({ relayAddresses });
  }

  /** Uses of invites that this machine counted. */
  get uses(): InviteUses | undefined {
    return this.#state.uses;
  }

  setUses(uses: InviteUses): void {
    this.#change({ uses });
  }

  /** Keeps where the peer was reached, and forgets that of members that are no more. */
  remember(peer: Peer): void {
    const known = Object.entries(this.#state.endpoints).filter(([id]) => this.#members?.get(id));
    const endpoints = {
      ...Object.fromEntries(known),
      [peer.member.idText]: peer.remembered.map(formatEndpoint),
    };
    this.#change({ endpoints });
  }

  /** The member was here until now. */
  saw(idText: string): void {
    const known = Object.entries(this.#state.seen ?? {}).filter(([id]) => this.#members?.get(id));
    this.#change({ seen: { ...Object.fromEntries(known), [idText]: this.#ports.clock.date() } });
  }

  /** When the member was here last, ms since 1970; undefined when it never was. */
  lastSeen(idText: string): number | undefined {
    return this.#state.seen?.[idText];
  }

  /** What members said that left, oldest first, not verified. */
  get farewells(): Uint8Array[] {
    return (this.#state.farewells ?? []).flatMap((text) => fromBase64Url(text) ?? []);
  }

  /** @param limit how many are kept */
  keepFarewell(document: Uint8Array, limit: number): void {
    const farewells = [...(this.#state.farewells ?? []), toBase64Url(document)].slice(-limit);
    this.#change({ farewells });
  }

  /** Something that is kept has changed. */
  changed(): void {
    if (this.#dueAt === Infinity) this.#dueAt = this.#ports.clock.now() + saveMs;
  }

  tick(): void {
    this.save();
  }

  /** Saves now what has not been saved. */
  save(): void {
    if (this.#dueAt === Infinity) return;
    this.#dueAt = Infinity;
    const members = this.#members?.all().map((peer) => toBase64Url(peer.member.credential));
    if (members) this.#state = { ...this.#state, members };
    const subnets = this.#subnets?.().map(keptOf);
    if (subnets) this.#state = { ...this.#state, subnets };
    try {
      this.#ports.save(this.#state);
    } catch (thrown) {
      this.#ports.log.warn('state not saved', { reason: messageOf(thrown) });
    }
  }

  #change(change: Partial<NodeState>): void {
    this.#state = { ...this.#state, ...change };
    this.changed();
  }
}

function keptOf({ document, ranks }: KeptAnnouncement): KeptSubnets {
  return { document: toBase64Url(document), ranks };
}

/**
 * Which networks a relay serves. An open one serves any; another those that the operator named with --allow and those that
 * were admitted: by a relay invite, by being the first at a new relay, or by the operator's word.
 *
 * To come in, a network is founded: `evio init` registers its first member, whom the root itself signed, and says so. That
 * this comes from somebody who was given the relay's URL is proven already, since without the relay's key, which a closed
 * relay shows to nobody, there is no Noise handshake.
 */
import type { Keys } from '../core/identity/keys.js';
import type { NetworkFacts } from '../core/identity/network.js';
import { fromBase64Url } from '../core/lib/bytes.js';
import type { NetworkRecord } from './network-record.js';
import type { Registry } from './registry.js';
import type { AdmitLine, TicketLine } from './state-lines.js';
import { openTicket, type Ticket } from './ticket.js';

/** What the operator said when the relay was started. */
export interface GatePolicy {
  /** Any network is served. */
  readonly open: boolean;
  /** Networks that are served whatever else is true. */
  readonly allow: ReadonlySet<string>;
}

/** What of a hello matters here. */
export interface Founding {
  readonly founding?: 'enter' | 'withdraw' | undefined;
  readonly ticket?: string | undefined;
}

/** How a network comes in now; `null`: it is in. */
export interface Entry {
  readonly by: 'claim' | 'ticket';
  readonly ticket: Ticket | undefined;
}

export type GateVerdict =
  { readonly entry: Entry | null } | { readonly refused: string; readonly why: GateRefusal };
/** Reasons by which refusals are counted, and by which the node's side chooses its words (relays/net/refusal.ts). */
export type GateRefusal =
  | 'network-unknown'
  | 'invite-bad'
  | 'invite-expired'
  | 'invite-used-up'
  | 'invite-revoked'
  | 'not-the-owner'
  | 'withdrawn';

/** How long who founded a network may take that back, ms: `evio init` failed at another relay. */
const withdrawMs = 10 * 60_000;

export class Gate {
  readonly #policy: GatePolicy;
  readonly #keys: Keys;
  readonly #registry: Registry;

  constructor(policy: GatePolicy, keys: Keys, registry: Registry) {
    this.#policy = policy;
    this.#keys = keys;
    this.#registry = registry;
  }

  /** True until the relay belongs to somebody: the first network that is founded here claims it. */
  get claimable(): boolean {
    const { open, allow } = this.#policy;
    return !open && allow.size === 0 && !this.#registry.claimed && this.#registry.size === 0;
  }

  /** True for a network that the operator named or admitted: it counts for nobody's share of networks. */
  welcomes(network: string): boolean {
    return this.#policy.allow.has(network) || this.#registry.network(network)?.admission !== undefined;
  }

  /**
   * May the network be served? Decides without changing anything; `enter` does.
   *
   * An `entry` counts only when the root itself signed who registers (admission.ts).
   */
  judge(network: string, hello: Founding, dateMs: number): GateVerdict {
    if (this.welcomes(network)) return { entry: null };
    // An invite is used even where it is not needed: the relay may be closed one day.
    if (hello.founding === 'enter' && hello.ticket !== undefined) {
      const verdict = this.#byTicket(hello.ticket, dateMs);
      if ('entry' in verdict || !this.#policy.open) return verdict;
    }
    if (this.#policy.open) return { entry: null };
    if (hello.founding === 'enter' && this.claimable) return { entry: { by: 'claim', ticket: undefined } };
    return {
      refused: `network ${network} is not among those this relay serves`,
      why: 'network-unknown',
    };
  }

  /** Lets the network in. Returns what must be on disk before it is told so. */
  enter(
    record: NetworkRecord,
    facts: NetworkFacts,
    { by, ticket }: Entry,
    dateMs: number,
  ): (AdmitLine | TicketLine)[] {
    record.admission = { by, at: dateMs };
    record.name = facts.name;
    this.#registry.claimed = true;
    const network = record.id;
    const admit: AdmitLine = { kind: 'admit', network, name: facts.name, by, at: dateMs };
    if (!ticket) return [admit];
    const { id, notAfter } = ticket;
    this.#registry.useTicket(id, notAfter, network);
    return [admit, { kind: 'ticket', ticket: id, notAfter, network }];
  }

  /** True when the network came in a moment ago and has no member but this one: then it may be taken back. */
  mayWithdraw(record: NetworkRecord, member: string, dateMs: number): boolean {
    const { admission, size } = record;
    const own = admission?.by === 'claim' || admission?.by === 'ticket';
    return own && dateMs - admission.at < withdrawMs && size === 1 && record.member(member) !== undefined;
  }

  #byTicket(text: string, dateMs: number): GateVerdict {
    const bytes = fromBase64Url(text);
    const ticket = bytes && openTicket(bytes, this.#keys);
    if (!ticket) return { refused: 'the relay invite is not of this relay', why: 'invite-bad' };
    if (dateMs > ticket.notAfter) return { refused: 'the relay invite has expired', why: 'invite-expired' };
    const { networks, revoked } = this.#registry.tickets.get(ticket.id) ?? {};
    if (revoked === true) return { refused: 'the relay invite was revoked', why: 'invite-revoked' };
    if ((networks?.size ?? 0) >= ticket.uses)
      return { refused: 'the relay invite was used already', why: 'invite-used-up' };
    return { entry: { by: 'ticket', ticket } };
  }
}

/**
 * A network policy, read: rules of who may send what to whom, what is expected of them, and when a member is put into
 * quarantine. docs/policy.md has the language; parse.ts reads it, evaluate.ts says what it means, compile.ts makes of it
 * what the packet loop looks things up in.
 */
import type { Cidr } from '../lib/ipv4.js';
import type { MemberRole } from '../identity/invite.js';

/** Bytes that a policy may have as text. */
export const policyLimit = 65_536;
/** Rules that it may have: the counters of the packet loop have room for so many. */
export const ruleLimit = 2_000;

/** One way to say who: any member of the list that a rule gives. Groups are put in where they are named. */
export type Term =
  | { readonly kind: 'any' }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'role'; readonly role: MemberRole }
  | { readonly kind: 'name'; readonly name: string }
  /** A whole node id, hexadecimal. */
  | { readonly kind: 'id'; readonly id: string }
  /** The address of the member's certificate lies in the range. */
  | { readonly kind: 'range'; readonly range: Cidr };

/** Both ends belong to it. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** What is sent. */
export type Traffic =
  /** Everything but ARP, which passes unless a rule names it. */
  | { readonly kind: 'all' }
  /** IPv4 and IPv6. */
  | { readonly kind: 'ip' }
  /** One IP protocol; TCP and UDP may have destination ports. */
  | { readonly kind: 'protocol'; readonly protocol: number; readonly ports?: readonly PortRange[] }
  /** Any other EtherType, ARP among them; 0 is all that has a length in its place (LLC). */
  | { readonly kind: 'ether'; readonly type: number };

export interface Rule {
  readonly line: number;
  /** As it stands in the file, spaces made one. */
  readonly text: string;
  readonly allow: boolean;
  readonly from: readonly Term[];
  readonly to: readonly Term[];
  readonly what: readonly Traffic[];
}

/** An assertion of the file about itself. */
export interface Expectation {
  readonly line: number;
  readonly text: string;
  readonly from: Term;
  readonly to: Term;
  /** Each of them. */
  readonly probes: readonly Probe[];
  readonly allowed: boolean;
}

/** One packet, as far as rules see it. */
export type Probe =
  | { readonly kind: 'protocol'; readonly protocol: number; readonly port: number }
  | { readonly kind: 'ether'; readonly type: number };

/** What the watch of anomalies (anomaly.ts) tells apart. */
export const anomalyKinds = ['scan', 'spoof', 'flood', 'storm', 'replay'] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];
/** Those that nobody but the member itself can cause: for the others nobody is put into quarantine. */
export const provableKinds = ['scan', 'spoof', 'flood', 'storm'] as const satisfies readonly AnomalyKind[];
export type ProvableKind = (typeof provableKinds)[number];

export interface Policy {
  /** What happens to that which no rule is about. */
  readonly allow: boolean;
  readonly rules: readonly Rule[];
  readonly expectations: readonly Expectation[];
  /** How long a member stays in quarantine, ms, by what it did. */
  readonly quarantine: ReadonlyMap<AnomalyKind, number>;
}

/** A place in a policy that cannot be read. Line and column begin at 1. */
export interface PolicyFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** IP protocols by the names that rules have for them. */
export const protocolNames: Readonly<Record<string, readonly number[]>> = {
  tcp: [6],
  udp: [17],
  icmp: [1, 58],
  igmp: [2],
  gre: [47],
  esp: [50],
  sctp: [132],
};
export const arpType = 0x0806;

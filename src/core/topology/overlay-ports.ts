/** What the overlay asks of its node, and what it tells of itself: the seam between topology and the rest. */
import type { MemberRole } from '../identity/invite.js';
import type { Env } from '../lib/env.js';
import type { RingMessage } from '../wire/ring.js';

export interface OverlaySelf {
  /** 32 hexadecimal characters. */
  readonly id: string;
  readonly role: MemberRole;
}

export interface OverlayOptions {
  /** The published Evio drew long links with log10; for comparison only. */
  readonly drawBase?: 'ln' | 'log10';
  /** Links on demand, and ms without traffic after which one goes. */
  readonly demandLimit?: number | undefined;
  readonly demandIdleMs?: number | undefined;
}

/** One link as the packet path needs it (dataplane/plane/plane.ts). */
export interface LinkRoute {
  readonly id: string;
  /** Packets between others may go through it. */
  readonly forwards: boolean;
  /** How broadcasts go: `range` in the bounded flood, `copy` one copy and no more (a leaf that we anchor), `none`. */
  readonly flood: 'range' | 'copy' | 'none';
  /** Positions of those that this link reaches by itself, for the look-ahead. Not for leaves. */
  readonly reaches: readonly number[];
}

/** What the overlay needs from its surroundings. Times are monotonic ms. */
export interface OverlayPorts {
  readonly env: Env;
  /** Wants a link. `via`: a link of ours that has a link to it and can introduce us; undefined when the rendezvous named it. Answer with `connected` or `unreachable`. */
  connect(id: string, via: string | undefined): void;
  /** Nobody needs the link any more. No answer. */
  disconnect(id: string): void;
  /** To a connected link. May be lost on the way, as datagrams are. */
  send(id: string, message: RingMessage): void;
  /** ms since anything authentic came from this link. */
  silence(id: string): number;
  /** ms since packets began to go out on this link with nothing coming back; 0 when there are none. */
  waiting(id: string): number;
  /** There is no way to it, not even through others, and that may be the relays' fault. Default: never. */
  cutOff?(id: string): boolean;
  /**
   * Asks the rendezvous for the online member at or after each of these positions; the answer comes by `found`.
   * False when no rendezvous is connected: the overlay then seeks through its links.
   */
  locate(positions: readonly number[]): boolean;
  /** Our own card (wire/ring.ts) for a seek or its answer. */
  card(): Uint8Array;
  /** A card that came by this link with a seek or its answer, owner not proven. */
  received(from: string, card: Uint8Array): void;
  /** The links in use, or what they reach, changed: a new forwarding table. */
  routes(links: readonly LinkRoute[]): void;
}

/** What a link is to this node: the strongest of its reasons. */
export const linkRoles = ['successor', 'predecessor', 'long', 'on-demand', 'static'] as const;
/** What a link is for, as reports show it. */
export type LinkRole = 'successor' | 'predecessor' | 'long' | 'on-demand' | 'static';

export interface LinkReport {
  readonly id: string;
  readonly role: LinkRole;
  /** False while the connection is under way. */
  readonly up: boolean;
}

export interface RingReport {
  /** Estimated number of members, this one counted. */
  readonly sizeEstimate: number;
  readonly predecessor: string | null;
  /** Nearest first. */
  readonly successors: readonly string[];
  readonly longLinks: readonly string[];
  readonly onDemand: readonly string[];
}

/** What a running relay leaves to the process that goes on in its place. Only ever in memory, and in one private socket. */
import type { HeldTransport } from '../../core/noise/transport.js';
import type { ToNode, ToRelay } from '../../core/wire/signal.js';
import type { RelayTotals } from '../counters.js';

/** A connection of a node (member-connection.ts). */
export interface HeldConnection {
  readonly stage: 'handshake' | 'hello' | 'waiting' | 'up';
  readonly observed: string;
  /** The node was asked to come back by another connection. */
  readonly away: boolean;
  readonly transport: HeldTransport | undefined;
  readonly remoteStatic: Uint8Array | undefined;
  /** What waits until the socket has room. */
  readonly announcements: readonly ToNode[];
}

/** Who is admitted by a connection. */
export interface HeldMember {
  readonly network: string;
  /** 32 hexadecimal characters. */
  readonly id: string;
  readonly association: number;
  /** Of its certificate: whether it may speak for the network follows from these. */
  readonly key: Uint8Array;
  readonly inviteId: string;
  readonly rights: number;
  /** Ids whose coming and going it is told of. */
  readonly watches: readonly string[];
  /** It is who packets for the node go to; else a newer connection of the node is. */
  readonly here: boolean;
}

export interface HeldGuest {
  /** By which both processes mean this connection. */
  readonly connection: number;
  readonly held: HeldConnection;
  readonly member: HeldMember | undefined;
  /** What it said, which has to wait until it is let in. */
  readonly hello: Extract<ToRelay, { type: 'hello' }> | undefined;
}

/** A member whose connection is gone, and whom UDP still serves. */
export type HeldLingering = Pick<HeldMember, 'network' | 'id' | 'association'> & {
  readonly observed: string;
};

/** How a network is told of its members. */
export interface HeldView {
  readonly network: string;
  readonly rootKey: Uint8Array;
  readonly complete: boolean;
  readonly size: number;
}

/** What the forwarding thread knows: rows of `forward/table-rows.ts`, and what it counted. */
export interface HeldForwarding {
  readonly rows: Uint8Array;
  readonly totals: RelayTotals;
}

export interface HeldRelay {
  readonly guests: readonly HeldGuest[];
  readonly lingering: readonly HeldLingering[];
  readonly views: readonly HeldView[];
  /** What the main thread counted. */
  readonly totals: RelayTotals;
  readonly restarts: number;
  readonly refused: readonly (readonly [reason: string, count: number])[];
  /** As of the moment when all but UDP came to rest: what came of it later is told at the very end. */
  readonly forwarding: HeldForwarding;
}

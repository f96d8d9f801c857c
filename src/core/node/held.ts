/** All that a running node leaves to the process that goes on in its place. Only ever in memory, and in one private socket. */
import type { Endpoint } from '../lib/endpoint.js';
import type { HeldPlane, PlaneDescriptors } from '../dataplane/plane/plane.js';
import type { HeldPeer } from '../peer/held.js';
import type { HeldRelay } from '../relays/held.js';
import type { HeldOverlay } from '../topology/held.js';

/** A peer, and whose it is. */
export interface HeldMember extends HeldPeer {
  /** Slot that the plane knew it by. */
  readonly slot: number;
  readonly credential: Uint8Array;
  /** By which it is reached, if by any. */
  readonly hole: HeldHole | null;
}

/** A port of ours that a member hit (carriers/birthday); its socket is among the plane's descriptors. */
export interface HeldHole {
  /** Its number in the plane. */
  readonly number: number;
  readonly endpoint: Endpoint;
}

export interface HeldNode {
  /** Statements of the ledger that it knew: who goes on must know as many. */
  readonly serial: number;
  /** Our credential as it was. */
  readonly credential: Uint8Array;
  /** Names the process to peers. */
  readonly boot: number;
  readonly peers: readonly HeldMember[];
  readonly relays: readonly HeldRelay[];
  /** Null: it begins anew. */
  readonly overlay: HeldOverlay | null;
  readonly plane: HeldPlane;
}

/** What a node is given by the process before, and what it says to it meanwhile. */
export interface Heritage {
  /** Descriptors of interface and socket, which are this process's own now. */
  readonly plane: PlaneDescriptors;
  /** All is prepared: the process before comes to rest and leaves what it knows. */
  take(): Promise<HeldNode>;
  /** Resolves when the process before has given all up for good. Nothing may be sent with its keys before. */
  commit(): Promise<void>;
  /** What was left cannot be taken over: the process before goes on, and this one ends. */
  fail(thrown: unknown): Promise<never>;
  /** Packets flow again. */
  took(): void;
}

/** One WebRTC connection as a call uses it; datachannel.ts makes real ones, of which tests on one machine need none. */
import type { IceServer } from '../../membership/ice-server.js';
import type { IceCandidate, IceDescription } from '../../wire/ice.js';

export interface ConnectionOptions {
  /** The side that offers; the other answers. */
  readonly offers: boolean;
  readonly servers: readonly IceServer[];
  /** Only addresses that a TURN server gave us are told and used. */
  readonly relayedOnly: boolean;
  /** The interface by which its packets leave, whatever the routes are; undefined: as the routes are. */
  readonly device: string | undefined;
}

/** What a connection tells. Each is told later, never inside a call of its methods. */
export interface ConnectionListener {
  /** Our side of the agreement; once. For the side that answers: after `accept`. */
  described(description: Omit<IceDescription, 'candidates'>): void;
  found(candidate: IceCandidate): void;
  /** Packets pass. `how` says by which pair, for people. */
  opened(endpoint: string, how: string): void;
  /** Owns the bytes. */
  received(message: Uint8Array): void;
  /** It failed, or the other side ended it; once, and last. Not told after `close`. */
  closed(reason: string): void;
}

export interface Connection {
  /** The other side's agreement. Once. */
  accept(description: Omit<IceDescription, 'candidates'>): void;
  add(candidate: IceCandidate): void;
  /** One unreliable message. False when it was dropped: not open, or too much waits already. */
  send(message: Uint8Array): boolean;
  close(): void;
}

export type OpenConnection = (options: ConnectionOptions, listener: ConnectionListener) => Connection;

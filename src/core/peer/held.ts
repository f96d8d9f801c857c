/**
 * What a process leaves of one peer to the process that goes on in its place (core/handover). Ages are ms, so that clocks
 * may differ. The keys themselves are the data plane's.
 */

/** One keypair of a session; the plane has its keys under the local index. */
export interface HeldKeypair {
  readonly localIndex: number;
  readonly initiator: boolean;
  readonly confirmed: boolean;
  readonly ageMs: number;
}

export interface HeldSession {
  readonly keypairs: readonly HeldKeypair[];
  /** Local index of the keypair in use; null without a session. */
  readonly current: number | null;
  readonly peerBoot: number | null;
  /** Stamp of the last initiation that was taken. */
  readonly lastStamp: Uint8Array | null;
  readonly handshakeAgeMs: number | null;
  /** Initiations of the peer that were answered, ever. */
  readonly accepted: number;
  /** A handshake of ours was under way. */
  readonly wanted: boolean;
}

/** How the peer was reached, and what that carries (path/mtu.ts): bytes of the longest ping answered, 0 when unknown. */
export interface HeldPath {
  /** `HOST:PORT`; null: by a relay or through members. */
  readonly endpoint: string | null;
  readonly rttMs: number | null;
  readonly rttVarMs: number;
  readonly proven: number;
  readonly joins: boolean;
}

export interface HeldOffers {
  /** Number of our last offer, and of the last of the peer that was taken; -1: none. */
  readonly sent: number;
  readonly taken: number;
}

export interface HeldPeer {
  readonly session: HeldSession;
  /** Null: there was none. */
  readonly path: HeldPath | null;
  readonly offers: HeldOffers;
}

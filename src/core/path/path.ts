/** Ways to a peer: as reports name them, as they are chosen, and back where a packet came from. */
import type { Origin, Path } from '../dataplane/plane/plane.js';

export const pathKinds = ['direct', 'webrtc', 'relay', 'overlay'] as const;
export type PathKind = (typeof pathKinds)[number];

export interface PathReport {
  readonly kind: PathKind;
  /** `HOST:PORT` of the peer, or of the relay with its transport: `udp://…`, `ws://…`. */
  readonly endpoint: string;
  readonly rttMs: number | null;
}

/** Where data goes now. */
export interface ActivePath extends PathReport {
  readonly kind: 'direct' | 'relay' | 'overlay';
}

/** A way through a relay, or through other members, that works now. */
export interface RelayChoice {
  readonly path: Path;
  /** `udp://HOST:PORT`, `ws://HOST:PORT`, `via NAME` of a member, or `ring`. Another way has another label. */
  readonly label: string;
}

/** The path by which an answer goes back where a packet came from; `id` is the peer's node id. */
export function pathBack(origin: Origin, id: Uint8Array): Path {
  switch (origin.kind) {
    case 'direct':
      return { kind: 'direct', endpoint: origin.endpoint };
    case 'relay':
      return { kind: 'relay', relay: origin.relay, destination: id };
    case 'carrier':
      return { kind: 'carrier', carrier: origin.carrier, destination: id };
    case 'overlay':
      return { kind: 'overlay', destination: id, via: origin.via };
  }
}

/** Ways to a peer: as reports name them, as they are chosen, and back where a packet came from. */
import type { Origin, Path } from '../dataplane/plane/plane.js';

export const pathKinds = ['direct', 'webrtc', 'relay', 'overlay'] as const;
export type PathKind = (typeof pathKinds)[number];

export interface PathReport {
  readonly kind: PathKind;
  /** `HOST:PORT` of the peer, or of the relay with its transport: `udp://…`, `ws://…`; of WebRTC `webrtc://HOST:PORT`. */
  readonly endpoint: string;
  readonly rttMs: number | null;
  /** Direct, and it passes no router. */
  readonly lan?: true | undefined;
}

/** Where data goes now. */
export type ActivePath = PathReport;

/** A way through a relay, a WebRTC call or other members that works now. */
export interface RelayChoice {
  readonly path: Path;
  /** `udp://HOST:PORT`, `ws://HOST:PORT`, `webrtc://HOST:PORT`, `via NAME` of a member, or `ring`. Another way has another label. */
  readonly label: string;
  /**
   * Default: by the kind of its path, where a carrier is a relay's. `direct`: of a carrier whose packets are datagrams to the peer
   * itself, so that what it carries is found out as for any such path.
   */
  readonly kind?: 'webrtc' | 'direct';
}

/** What a way carries is found out: it is datagrams, which may be too long for something on it. */
export const hasWidth = ({ path, kind }: RelayChoice): boolean => path.kind === 'relay' || kind === 'direct';

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

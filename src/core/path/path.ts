/** A way to a peer as reports name it. */

export const pathKinds = ['direct', 'webrtc', 'relay', 'overlay'] as const;
export type PathKind = (typeof pathKinds)[number];

export interface PathReport {
  readonly kind: PathKind;
  /** `HOST:PORT` of the peer, or of the relay with its transport: `udp://…`, `ws://…`. */
  readonly endpoint: string;
  readonly rttMs: number | null;
}

/** Who looks at the counters of a peer only while they move is told when they begin to. */
import { PeerField } from '../plane/shared.js';
import type { LoopContext } from './context.js';
import type { PeerEntry } from './table.js';

/** Traffic after a pause of this length is told. */
export const quietMs = 1_000;

/**
 * To be called for what goes to the peer or comes from it and is no control message, unless the peer is the context's
 * `stirred`: for each packet it would be felt.
 */
export function stir(c: LoopContext, peer: PeerEntry): void {
  const { peers } = c.shared;
  const at = peer.counters + PeerField.trafficMs;
  const before = peers[at] as number;
  peers[at] = c.now;
  c.stirred = peer;
  if (c.now - before >= quietMs) c.uplink.tell({ type: 'stirred', slot: peer.slot });
}

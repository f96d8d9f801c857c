/** Counts what a peer did that looks like an attack, and lets the control thread know that there is something to look at. */
import { drop, Drop, PeerField } from '../plane/shared.js';
import type { LoopContext } from './context.js';
import type { PeerEntry } from './table.js';

/** The control thread hears of one peer no more often. */
const tellEveryMs = 1_000;

export type ConductField = (typeof PeerField)[
  'spoofed' | 'floodLimited' | 'replayed' | 'denied' | 'probes' | 'controlLimited'];

export function misconduct(c: LoopContext, peer: PeerEntry, field: ConductField): void {
  const { peers } = c.shared;
  const at = peer.counters + field;
  peers[at] = (peers[at] as number) + 1;
  if (c.now - peer.misconductAt < tellEveryMs) return;
  peer.misconductAt = c.now;
  c.uplink.tell({ type: 'conduct', slot: peer.slot });
}

/** The control thread may hear of this member once more. */
export function mayTell(c: LoopContext, peer: PeerEntry): boolean {
  if (c.uplink.admitsOf(peer.slot, c.now)) return true;
  drop(c.shared, Drop['control-limited']);
  misconduct(c, peer, PeerField.controlLimited);
  return false;
}

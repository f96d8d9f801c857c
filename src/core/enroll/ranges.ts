/** The address ranges of the networks in a home. */
import type { Store } from '../config/store.js';
import type { Cidr } from '../lib/ipv4.js';
import { cidrsOf } from '../surroundings/local-ranges.js';
import { storedSelf } from './stored-self.js';

export interface Range {
  /** Network id. */
  readonly id: string;
  readonly name: string;
  readonly cidr: Cidr;
  /** What the operator allows it beside what is private and unused. */
  readonly allowed: readonly Cidr[];
  /** Our address there. */
  readonly ip: number;
}

export function rangesOf(store: Store): Range[] {
  const ranges: Range[] = [];
  for (const id of store.ids()) {
    try {
      const { network, certificate } = storedSelf(store, id);
      const { name, cidr } = network;
      const allowed = cidrsOf(store.profile(id).allowedRanges);
      ranges.push({ id, name, cidr, allowed, ip: certificate.ip });
    } catch {
      // A damaged profile keeps no range; the commands that use it say what is wrong.
    }
  }
  return ranges;
}

/** The address ranges of the networks in a home. */
import type { Store } from '../config/store.js';
import { openNetwork } from '../identity/network.js';
import { fromBase64Url } from '../lib/bytes.js';
import type { Cidr } from '../lib/ipv4.js';

export interface Range {
  /** Network id. */
  readonly id: string;
  readonly name: string;
  readonly cidr: Cidr;
}

export function rangesOf(store: Store): Range[] {
  const ranges: Range[] = [];
  for (const id of store.ids()) {
    try {
      const bytes = fromBase64Url(store.profile(id).network);
      const facts = bytes && openNetwork(bytes);
      if (facts) ranges.push({ id, name: facts.name, cidr: facts.cidr });
    } catch {
      // A damaged profile keeps no range; the commands that use it say what is wrong.
    }
  }
  return ranges;
}

/** The address ranges of the networks in a home. */
import type { Store } from '../config/store.js';
import { openNetwork } from '../identity/network.js';
import { fromBase64Url } from '../lib/bytes.js';
import { parseCidr, type Cidr } from '../lib/ipv4.js';

export interface Range {
  /** Network id. */
  readonly id: string;
  readonly name: string;
  readonly cidr: Cidr;
  /** What the operator allows it beside what is private and unused. */
  readonly allowed: readonly Cidr[];
}

/** Ranges as a profile keeps them. */
export function cidrsOf(texts: readonly string[] = []): Cidr[] {
  return texts.map(parseCidr).filter((cidr) => cidr !== undefined);
}

export function rangesOf(store: Store): Range[] {
  const ranges: Range[] = [];
  for (const id of store.ids()) {
    try {
      const { network, allowedRanges } = store.profile(id);
      const bytes = fromBase64Url(network);
      const facts = bytes && openNetwork(bytes);
      if (facts) ranges.push({ id, name: facts.name, cidr: facts.cidr, allowed: cidrsOf(allowedRanges) });
    } catch {
      // A damaged profile keeps no range; the commands that use it say what is wrong.
    }
  }
  return ranges;
}

/** The address ranges of the networks in a home. */
import type { Store } from '../config/store.js';
import { selfWith } from '../membership/self.js';
import { parseCidr, type Cidr } from '../lib/ipv4.js';

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

/** Ranges as a profile keeps them. */
export function cidrsOf(texts: readonly string[] = []): Cidr[] {
  return texts.map(parseCidr).filter((cidr) => cidr !== undefined);
}

export function rangesOf(store: Store): Range[] {
  const ranges: Range[] = [];
  for (const id of store.ids()) {
    try {
      const profile = store.profile(id);
      const { network, certificate } = selfWith(profile, store.state(id));
      const { name, cidr } = network;
      ranges.push({ id, name, cidr, allowed: cidrsOf(profile.allowedRanges), ip: certificate.ip });
    } catch {
      // A damaged profile keeps no range; the commands that use it say what is wrong.
    }
  }
  return ranges;
}

/** Which subnets of others this machine sends to them: what the operator accepted. No I/O. */
import { cidrOfPrefix, containsPrefix, formatPrefix, parsePrefix, type Prefix } from '../lib/prefix.js';
import { isPrivateRange } from '../surroundings/local-ranges.js';

/** Accepts every subnet for private use. */
export const acceptAll = 'all';

/** Unique local addresses (RFC 4193). */
const uniqueLocal = parsePrefix('fc00::/7') as Prefix;

/** True for a subnet that is for private use: no address of it is anybody's on the Internet. */
export function isPrivatePrefix(prefix: Prefix): boolean {
  const cidr = cidrOfPrefix(prefix);
  return cidr ? isPrivateRange(cidr) : containsPrefix(uniqueLocal, prefix);
}

export class Acceptance {
  readonly #all: boolean;
  readonly #ranges: readonly Prefix[];

  /** @param texts ranges, or `all`; others are left out */
  constructor(texts: readonly string[]) {
    this.#all = texts.includes(acceptAll);
    this.#ranges = texts.flatMap((text) => parsePrefix(text) ?? []);
  }

  /** The ranges that were named. */
  get ranges(): readonly Prefix[] {
    return this.#ranges;
  }

  /** True when packets for this subnet go to who announces it. A public one has to be in a range that was named. */
  accepts(prefix: Prefix): boolean {
    return this.names(prefix) || (this.#all && isPrivatePrefix(prefix));
  }

  /** True when its addresses may be sources: of a public subnet only when it was accepted. */
  trusts(prefix: Prefix): boolean {
    return isPrivatePrefix(prefix) || this.names(prefix);
  }

  /** True when it lies in a range that was named, so that nobody has to guess whether it is meant. */
  names(prefix: Prefix): boolean {
    return this.#ranges.some((range) => containsPrefix(range, prefix));
  }
}

/** The list with one more, in its canonical form; without it when `accepted` is false. */
export function withAccepted(list: readonly string[], range: Prefix | 'all', accepted: boolean): string[] {
  const text = range === acceptAll ? acceptAll : formatPrefix(range);
  const others = list.filter((other) => other !== text);
  return accepted ? [...others, text] : others;
}

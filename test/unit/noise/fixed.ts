/** Seeded randomness and fixed keys for the tests of this room. */
import type { Random } from '../../../src/core/lib/env.js';
import { generateDhKeys, type DhKeys } from '../../../src/core/noise/suite.js';

/** Deterministic bytes (xorshift32): the same seed gives the same packets. */
export function seededRandom(seed: number): Random {
  let state = 2 * seed + 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) bytes[i] = next() & 0xff;
      return bytes;
    },
    unit: () => next() / 0x1_0000_0000,
  };
}

export function keysOf(seed: number): DhKeys {
  return generateDhKeys(seededRandom(seed));
}

/** A copy with one bit turned. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice();
  out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7));
  return out;
}

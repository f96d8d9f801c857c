/**
 * A keyed fingerprint of 64 bits of a few words: HalfSipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012), which Linux uses for tables of this kind. Who does not know the key finds no two inputs with one
 * fingerprint, and cannot choose where in a table an entry goes. Allocates nothing.
 */

/** Random words that a fingerprint wants. */
export const fingerprintKeys = 2;
/** Words that can be hashed at once. */
const longest = 16;

export class Fingerprint {
  /** What `of` made. */
  high = 0;
  low = 0;
  /** Fill it, then call `of`. */
  readonly words = new Int32Array(longest);
  readonly #key0: number;
  readonly #key1: number;

  constructor(keys: Int32Array, at = 0) {
    this.#key0 = keys[at] as number;
    this.#key1 = keys[at + 1] as number;
  }

  /** Of the first `count` words. All in one place, and in local variables: it is done for every packet of some flows. */
  of(count: number): void {
    const { words } = this;
    let v0 = this.#key0;
    let v1 = this.#key1 ^ 0xee;
    let v2 = this.#key0 ^ 0x6c796765;
    let v3 = this.#key1 ^ 0x74656462;
    // The words, their length, and twice what ends it.
    for (let i = 0; i < count + 3; i++) {
      const word = i < count ? (words[i] as number) : i === count ? (count * 4) << 24 : 0;
      v3 ^= word;
      for (let rounds = i > count ? 4 : 2; rounds > 0; rounds--) {
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
      }
      v0 ^= word;
      if (i === count) {
        v2 ^= 0xee;
      } else if (i === count + 1) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
    }
    this.high = v1 ^ v3;
  }
}

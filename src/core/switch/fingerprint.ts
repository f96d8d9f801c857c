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
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  constructor(keys: Int32Array, at = 0) {
    this.#key0 = keys[at] as number;
    this.#key1 = keys[at + 1] as number;
  }

  /** Of the first `count` words. */
  of(count: number): void {
    this.#v0 = this.#key0;
    this.#v1 = this.#key1 ^ 0xee;
    this.#v2 = this.#key0 ^ 0x6c796765;
    this.#v3 = this.#key1 ^ 0x74656462;
    for (let i = 0; i < count; i++) this.#take(this.words[i] as number);
    this.#take((count * 4) << 24);
    this.#v2 ^= 0xee;
    this.#finish();
    this.low = this.#v1 ^ this.#v3;
    this.#v1 ^= 0xdd;
    this.#finish();
    this.high = this.#v1 ^ this.#v3;
  }

  #take(word: number): void {
    this.#v3 ^= word;
    this.#round();
    this.#round();
    this.#v0 ^= word;
  }

  #finish(): void {
    for (let i = 0; i < 4; i++) this.#round();
  }

  #round(): void {
    let v0 = (this.#v0 + this.#v1) | 0;
    let v1 = ((this.#v1 << 5) | (this.#v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    let v2 = (this.#v2 + this.#v3) | 0;
    let v3 = ((this.#v3 << 8) | (this.#v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}

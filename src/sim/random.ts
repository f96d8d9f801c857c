/**
 * Seeded chance: sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state. Not for secrets.
 *
 * Every node and every part of the model draws from its own stream, split off by a label, so that one more draw here
 * changes nothing there.
 */
import type { Random } from '../core/lib/env.js';

export class SeededRandom implements Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any integer; 32 bits of it count */
  constructor(seed: number) {
    this.#seed = seed | 0;
    this.#a = mix(this.#seed);
    this.#b = mix(this.#a ^ 0x9e3779b9);
    this.#c = mix(this.#b ^ 0x85ebca6b);
    for (let i = 0; i < 12; i++) this.word();
  }

  /** An independent stream, the same for the same seed and label whatever was drawn before. */
  split(label: string | number): SeededRandom {
    let hash = mix(this.#seed ^ 0x5bd1e995);
    for (const char of String(label)) hash = mix(hash ^ char.charCodeAt(0));
    return new SeededRandom(hash);
  }

  /** 32 random bits as an unsigned integer. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.word() >>> 24;
    return bytes;
  }

  unit(): number {
    return (this.word() * 0x20_0000 + (this.word() >>> 11)) / 2 ** 53;
  }

  /** Uniform integer in 0 ... n - 1. */
  below(n: number): number {
    return Math.floor(this.unit() * n);
  }

  /** Exponential with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit());
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** `count` different ones of a list, in random order; all of them when there are no more. */
  sample<T>(list: readonly T[], count: number): T[] {
    const all = [...list];
    const some = Math.min(count, all.length);
    for (let i = 0; i < some; i++) {
      const j = i + this.below(all.length - i);
      [all[i], all[j]] = [all[j] as T, all[i] as T];
    }
    return all.slice(0, some);
  }
}

/** Finalizer of MurmurHash3 (public domain algorithm): every bit of the input moves every bit of the output. */
function mix(x: number): number {
  let h = (x + 0x6d2b79f5) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

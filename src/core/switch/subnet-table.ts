/**
 * Whose a source address is that lies behind a member: the subnets that members announced, by longest prefix, both
 * families in one form (lib/prefix.ts). Open addressing over a typed array, one lookup for each length that occurs;
 * rebuilt as a whole when a subnet comes or goes, so nothing is ever deleted. Looking up allocates nothing.
 */
import { prefixMask } from '../lib/prefix.js';

/** A subnet, and the member that speaks for it. One that two members share is there twice. */
export interface SubnetRule {
  /** Its address (lib/prefix.ts). */
  readonly words: readonly [number, number, number, number];
  readonly length: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
}

export const Standing = { foreign: -1, nobodys: 0, own: 1 } as const;
export type Standing = (typeof Standing)[keyof typeof Standing];

/** Random words that the table wants, so that nobody chooses prefixes which fall together. */
export const subnetKeys = 9;
const stride = 7;
const lengthAt = 4;
const highAt = 5;
const lowAt = 6;

export class SubnetTable {
  readonly #keys: Int32Array;
  #mask = 0;
  #entries = new Int32Array(stride).fill(-1);
  /** Prefix lengths that occur, the longest first. */
  #lengths = new Int32Array(0);

  constructor(keys: Int32Array) {
    this.#keys = keys.slice(0, subnetKeys);
  }

  /** Replaces everything. */
  replace(rules: readonly SubnetRule[]): void {
    let capacity = 1;
    while (capacity < rules.length * 2) capacity *= 2;
    this.#mask = capacity - 1;
    this.#entries = new Int32Array(capacity * stride).fill(-1);
    this.#lengths = Int32Array.from(new Set(rules.map((rule) => rule.length))).sort((x, y) => y - x);
    for (const { words, length, mac } of rules) {
      const [a, b, c, d] = words;
      const view = new DataView(mac.buffer, mac.byteOffset, mac.length);
      let at = this.#hash(a, b, c, d, length) & this.#mask;
      while (this.#entries[at * stride + lengthAt] !== -1) at = (at + 1) & this.#mask;
      this.#entries.set([a, b, c, d, length, view.getUint16(0), view.getInt32(2)], at * stride);
    }
  }

  /** Whether the address (four words, signed) lies in a subnet of the member with this MAC, of others only, or in none. */
  standing(a: number, b: number, c: number, d: number, high: number, low: number): Standing {
    const lengths = this.#lengths;
    for (let i = 0; i < lengths.length; i++) {
      const found = this.#find(lengths[i] as number, a, b, c, d, high, low);
      if (found !== Standing.nobodys) return found;
    }
    return Standing.nobodys;
  }

  #find(length: number, a: number, b: number, c: number, d: number, high: number, low: number): Standing {
    a &= prefixMask(length, 0);
    b &= prefixMask(length, 1);
    c &= prefixMask(length, 2);
    d &= prefixMask(length, 3);
    const entries = this.#entries;
    let found: Standing = Standing.nobodys;
    for (let at = this.#hash(a, b, c, d, length) & this.#mask; ; at = (at + 1) & this.#mask) {
      const entry = at * stride;
      if (entries[entry + lengthAt] === -1) return found;
      if (entries[entry + lengthAt] !== length || entries[entry + 3] !== d || entries[entry + 2] !== c)
        continue;
      if (entries[entry + 1] !== b || entries[entry] !== a) continue;
      if (entries[entry + lowAt] === low && entries[entry + highAt] === high) return Standing.own;
      found = Standing.foreign;
    }
  }

  /** Multilinear over 16-bit pieces with secret keys; the upper bits are good (Lemire and Kaser, 2014). */
  #hash(a: number, b: number, c: number, d: number, length: number): number {
    const sum =
      this.#times(0, a) +
      this.#times(2, b) +
      this.#times(4, c) +
      this.#times(6, d) +
      Math.imul(this.#keys[8] as number, length);
    return (sum | 0) >>> 15;
  }

  #times(key: number, word: number): number {
    return (
      Math.imul(this.#keys[key] as number, word & 0xffff) +
      Math.imul(this.#keys[key + 1] as number, word >>> 16)
    );
  }
}

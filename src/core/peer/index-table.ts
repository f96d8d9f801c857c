/**
 * Receiver indexes: the low 16 bits name a slot, so that the packet path finds a key by one array access; the high 16
 * bits are random, so that a packet for an old key in a slot used again is told apart without decryption.
 */
import type { Random } from '../lib/env.js';

const slots = 0x1_0000;

export class IndexTable<Owner> {
  readonly #owners = new Map<number, Owner>();
  readonly #indexes = new Map<number, number>();
  readonly #random: Random;
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A fresh index for `owner`. Throws RangeError when all 65 536 are taken. */
  allocate(owner: Owner): number {
    if (this.#owners.size >= slots) throw new RangeError('no receiver index is left');
    while (this.#owners.has(this.#next)) this.#next = (this.#next + 1) % slots;
    const slot = this.#next;
    this.#next = (slot + 1) % slots;
    const index = (Math.floor(this.#random.unit() * slots) * slots + slot) >>> 0;
    this.#owners.set(slot, owner);
    this.#indexes.set(slot, index);
    return index;
  }

  /** Gives a certain index, which a process before this one gave. False when its slot is taken. */
  reserve(index: number, owner: Owner): boolean {
    const slot = index % slots;
    if (this.#owners.has(slot)) return false;
    this.#owners.set(slot, owner);
    this.#indexes.set(slot, index);
    return true;
  }

  get(index: number): Owner | undefined {
    const slot = index % slots;
    return this.#indexes.get(slot) === index ? this.#owners.get(slot) : undefined;
  }

  release(index: number): void {
    const slot = index % slots;
    if (this.#indexes.get(slot) !== index) return;
    this.#owners.delete(slot);
    this.#indexes.delete(slot);
  }
}

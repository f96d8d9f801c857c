/**
 * Flows that were found or noted in this second, by their words as they are: a stream is hashed and looked up once a second
 * instead of once a packet. Allocates nothing after construction.
 */

const cells = 256;
/** Second, how many words, and the words of an IPv6 flow. */
const stride = 12;

export class RecentFlows {
  readonly #cells = new Int32Array(cells * stride);
  /** Of the flow asked for last. */
  #at = 0;

  /** True when these words were remembered in this second. */
  has(words: Int32Array, count: number, second: number): boolean {
    const c = this.#cells;
    const mixed = Math.imul((words[1] as number) ^ (words[count - 1] as number), 0x9e3779b1);
    const at = (mixed >>> 24) * stride;
    this.#at = at;
    if (c[at] !== second || c[at + 1] !== count) return false;
    for (let i = 0; i < count; i++) if (c[at + 2 + i] !== words[i]) return false;
    return true;
  }

  /** Remembers the words that `has` was asked for last. */
  remember(words: Int32Array, count: number, second: number): void {
    const c = this.#cells;
    const at = this.#at;
    c[at] = second;
    c[at + 1] = count;
    for (let i = 0; i < count; i++) c[at + 2 + i] = words[i] as number;
  }

  clear(): void {
    this.#cells.fill(0);
  }
}

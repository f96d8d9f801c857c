/**
 * Floods that were seen, by origin and sequence number: a copy that comes again, over another link while the ring changes
 * or because somebody sends it again, is told from the first. A fixed table, two places for each hash; of floods that meet
 * in one the older is forgotten. No allocation after construction.
 */

/** Pairs of places. */
const sets = 4_096;

export class FloodCache {
  readonly #origins = new Float64Array(2 * sets).fill(-1);
  readonly #sequences = new Int32Array(2 * sets);

  /** Notes the flood; true when it was noted before. `origin` is a position on the ring, `sequence` signed 32 bits. */
  seen(origin: number, sequence: number): boolean {
    const low = origin | 0;
    const x = Math.imul(low ^ (low >>> 15), 0x9e3779b1) ^ Math.imul(sequence, 0x85ebca6b);
    const at = 2 * ((x ^ (x >>> 16)) & (sets - 1));
    if (this.#origins[at] === origin && this.#sequences[at] === sequence) return true;
    if (this.#origins[at + 1] === origin && this.#sequences[at + 1] === sequence) return true;
    this.#origins[at + 1] = this.#origins[at] as number;
    this.#sequences[at + 1] = this.#sequences[at] as number;
    this.#origins[at] = origin;
    this.#sequences[at] = sequence;
    return false;
  }
}

/**
 * Bounded flood (Evio): a broadcast reaches every member of the ring once, by N - 1 copies, and nobody keeps a state
 * for it. Who floods covers an arc: the origin the whole ring, everybody else the arc that came with the copy. Each
 * link inside the arc gets a copy and the arc from itself to the next link, or to the end.
 *
 *   self ─────── p1 ─────── p2 ──────────── p3 ─── end         p1 covers (p1, p2), p2 covers (p2, p3), p3 covers (p3, end)
 *
 * A member that has just joined may sit between self and p1 without self knowing. So the copy to the first link is
 * marked as the edge: whoever gets it and knows members between the sender and itself passes it back to the first of
 * them with the arc up to itself (`holes`).
 *
 * Walked without allocation: `begin` or `holes`, then `next` until -1, with `bound` and `edge` beside it.
 */
import { clockwise, isInside } from '../topology/position.js';

export interface FloodLink {
  /** What `next` answers with. */
  readonly port: number;
  readonly position: number;
  /** `range`: covers an arc. `copy`: one copy, passed on to nobody. */
  readonly flood: 'range' | 'copy';
}

export class BoundedFlood {
  readonly #self: number;
  /** Links that cover arcs, clockwise from us. */
  #ports = new Int32Array(0);
  #positions = new Float64Array(0);
  #copies = new Int32Array(0);
  #at = 0;
  #copyAt = 0;
  #last = 0;
  #end = 0;
  /** First of a `begin`: nobody of ours lies between us and it. */
  #first = false;
  /** End of the arc of the port that `next` gave: a position. The port covers what is strictly before it. */
  bound = 0;
  /** The port that `next` gave has no link of ours between us and it. */
  edge = false;

  constructor(self: number) {
    this.#self = self;
  }

  set(links: readonly FloodLink[]): void {
    const arcs = links
      .filter((link) => link.flood === 'range')
      .sort((a, b) => clockwise(this.#self, a.position) - clockwise(this.#self, b.position));
    this.#ports = Int32Array.from(arcs, (link) => link.port);
    this.#positions = Float64Array.from(arcs, (link) => link.position);
    this.#copies = Int32Array.from(
      links.filter((link) => link.flood === 'copy'),
      (link) => link.port,
    );
    this.#at = this.#last = 0;
    this.#copyAt = this.#copies.length;
  }

  /** Links that would get a copy of our own broadcast. */
  get size(): number {
    return this.#ports.length + this.#copies.length;
  }

  /** Covers the arc from us to `end`; our own position means the whole ring. */
  begin(end: number): void {
    this.#at = 0;
    this.#end = end;
    this.#first = true;
    this.#copyAt = 0;
    let last = 0;
    while (last < this.#ports.length && isInside(this.#positions[last] as number, this.#self, end)) last++;
    this.#last = last;
  }

  /**
   * For a copy that was marked as the edge: covers what lies between its sender and us that the sender does not know.
   * Gives at most one port, the first link after the sender; it covers the arc up to us.
   */
  holes(sender: number): void {
    this.#copyAt = this.#copies.length;
    this.#first = false;
    this.#end = this.#self;
    this.#at = this.#last = 0;
    for (let i = 0; i < this.#ports.length; i++) {
      if (!isInside(this.#positions[i] as number, sender, this.#self)) continue;
      this.#at = i;
      this.#last = i + 1;
      // Clockwise from us the links after the sender come last and in order, so the first found is the first after it.
      return;
    }
  }

  /** The next port, or -1 at the end. */
  next(): number {
    if (this.#at < this.#last) {
      const i = this.#at++;
      this.bound = i + 1 < this.#last ? (this.#positions[i + 1] as number) : this.#end;
      this.edge = this.#first;
      this.#first = false;
      return this.#ports[i] as number;
    }
    if (this.#copyAt < this.#copies.length) {
      this.bound = this.#self;
      this.edge = false;
      return this.#copies[this.#copyAt++] as number;
    }
    return -1;
  }
}

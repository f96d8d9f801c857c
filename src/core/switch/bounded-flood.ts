/**
 * Bounded flood (Evio): a broadcast reaches every member of the ring once, by N - 1 copies, and nobody keeps a state
 * for it. Who floods covers an arc: the origin the whole ring, everybody else the arc that came with the copy. Each
 * link inside the arc gets a copy and the arc from itself to the next link, or to the end.
 *
 *   self ─────── p1 ─────── p2 ──────────── p3 ─── end         p1 covers (p1, p2), p2 covers (p2, p3), p3 covers (p3, end)
 *
 * Members that have just joined may sit between self and p1 without self knowing. So the copy to the first link is
 * marked as the edge: whoever gets it and knows members between the sender and itself passes it back to each of them,
 * with the arc up to the next of them or to itself (`holes`). Where self has a link before p1 that does not know the
 * newcomer either, nobody notices: it hears broadcasts from there once its predecessor knows it.
 *
 * Walked without allocation: `begin` or `holes`, then `next` until -1, with `bound`, `edge` and `from` beside it.
 */
import { clockwise, isInside, wrap } from '../topology/position.js';

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
  #copyPositions = new Float64Array(0);
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
  /**
   * Where the arc begins whose members get the frame through the port that `next` gave: at the port, or at us when it is
   * the edge. -1 for a port that gets a copy only for itself.
   */
  from = -1;

  constructor(self: number) {
    this.#self = self;
  }

  set(links: readonly FloodLink[]): void {
    // A link at our own position would end every arc before it begins.
    const arcs = links
      .filter((link) => link.flood === 'range' && link.position !== this.#self)
      .sort((a, b) => clockwise(this.#self, a.position) - clockwise(this.#self, b.position));
    this.#ports = Int32Array.from(arcs, (link) => link.port);
    this.#positions = Float64Array.from(arcs, (link) => link.position);
    const copies = links.filter((link) => link.flood === 'copy');
    this.#copies = Int32Array.from(copies, (link) => link.port);
    this.#copyPositions = Float64Array.from(copies, (link) => link.position);
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
   * For a copy that was marked as the edge: covers what lies between its sender and us that the sender does not know,
   * through each of our links there.
   */
  holes(sender: number): void {
    this.#copyAt = this.#copies.length;
    this.#first = false;
    this.#end = this.#self;
    this.#last = this.#ports.length;
    // Clockwise from us the links after the sender come last and in order.
    this.#at = 0;
    while (this.#at < this.#last && !isInside(this.#positions[this.#at] as number, sender, this.#self)) {
      this.#at++;
    }
  }

  /** The next port, or -1 at the end. */
  next(): number {
    if (this.#at < this.#last) {
      const i = this.#at++;
      this.bound = i + 1 < this.#last ? (this.#positions[i + 1] as number) : this.#end;
      this.edge = this.#first;
      this.from = this.#first ? this.#self : (this.#positions[i] as number);
      this.#first = false;
      return this.#ports[i] as number;
    }
    if (this.#copyAt < this.#copies.length) {
      // An arc without room for anybody, whatever else the link is connected with.
      this.bound = wrap((this.#copyPositions[this.#copyAt] as number) + 1);
      this.edge = false;
      this.from = -1;
      return this.#copies[this.#copyAt++] as number;
    }
    return -1;
  }
}

/**
 * Greedy routing on the ring with a look-ahead of one hop (Manku, Naor, Wieder 2004, "Know thy neighbor's neighbor").
 *
 * A packet goes to the link that itself, or through one of its own links, comes nearest to the destination. Only links
 * that are strictly nearer to it than we are may be taken, so the distance shrinks with every hop: whatever stale tables
 * say, a packet cannot go in circles. Used by the packet loop and the simulator; allocates nothing per packet.
 */
import { distance } from './position.js';

/** A link that may be the next hop. */
export interface RouterLink {
  /** What `nextHop` answers with. */
  readonly port: number;
  readonly position: number;
  /** May forward to others. A link that does not is taken for its own position only. */
  readonly forwards: boolean;
  /** Positions of the links of this link: where it reaches in one hop. */
  readonly reaches: readonly number[];
}

const cacheSize = 256;
/** No link is nearer: the packet has arrived at the member nearest to its destination. */
export const nowhere = -1;

export class Router {
  readonly #self: number;
  readonly #leaf: boolean;
  #count = 0;
  #ports = new Int32Array(0);
  #positions = new Float64Array(0);
  #forwards = new Uint8Array(0);
  /** What link i reaches is at #starts[i] ... #starts[i + 1]. */
  #starts = new Int32Array(1);
  #reaches = new Float64Array(0);
  readonly #cacheKeys = new Float64Array(cacheSize).fill(-1);
  readonly #cachePorts = new Int32Array(cacheSize);

  /**
   * @param self our own position
   * @param leaf we forward nothing for others, so nothing can come back to us: any link may be taken
   */
  constructor(self: number, leaf = false) {
    this.#self = self;
    this.#leaf = leaf;
  }

  /** Replaces the table. */
  set(links: readonly RouterLink[]): void {
    this.#count = links.length;
    this.#ports = Int32Array.from(links, (link) => link.port);
    this.#positions = Float64Array.from(links, (link) => link.position);
    this.#forwards = Uint8Array.from(links, (link) => (link.forwards ? 1 : 0));
    this.#starts = new Int32Array(links.length + 1);
    links.forEach((link, i) => {
      this.#starts[i + 1] = (this.#starts[i] as number) + (link.forwards ? link.reaches.length : 0);
    });
    this.#reaches = new Float64Array(this.#starts[links.length] as number);
    links.forEach((link, i) => {
      if (link.forwards) this.#reaches.set(link.reaches, this.#starts[i]);
    });
    this.#cacheKeys.fill(-1);
  }

  /** The port towards `destination`, or `nowhere` when no link is nearer to it than we are. */
  nextHop(destination: number): number {
    // The low bits of a position are as random as the others.
    const cell = destination % cacheSize;
    if (this.#cacheKeys[cell] === destination) return this.#cachePorts[cell] as number;
    const port = this.#find(destination);
    this.#cacheKeys[cell] = destination;
    this.#cachePorts[cell] = port;
    return port;
  }

  #find(destination: number): number {
    const own = this.#leaf ? Infinity : distance(this.#self, destination);
    let best = nowhere;
    let bestReach = Infinity;
    let bestDistance = Infinity;
    for (let i = 0; i < this.#count; i++) {
      const away = distance(this.#positions[i] as number, destination);
      if (away === 0) return this.#ports[i] as number;
      if (this.#forwards[i] === 0 || away >= own) continue;
      let reach = away;
      const end = this.#starts[i + 1] as number;
      for (let j = this.#starts[i] as number; j < end; j++) {
        const beyond = distance(this.#reaches[j] as number, destination);
        // One more hop is the price of going through: it must be worth it.
        if (beyond < reach) reach = beyond;
      }
      if (reach < bestReach || (reach === bestReach && away < bestDistance)) {
        best = i;
        bestReach = reach;
        bestDistance = away;
      }
    }
    return best < 0 ? nowhere : (this.#ports[best] as number);
  }
}

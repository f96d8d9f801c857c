/** The forwarding table: what the packet path may use each link for. It is given again only when something changed for it. */
import { Claim } from '../wire/ring.js';
import type { Link } from './link.js';
import type { LinkRoute } from './overlay-ports.js';

/** News of where else links lead are gathered for this time. */
const gatherMs = 500;

type Routed = Pick<
  Link,
  'id' | 'up' | 'settled' | 'suspect' | 'retiring' | 'indirect' | 'mine' | 'theirs' | 'reaches'
>;

interface Given {
  readonly route: LinkRoute;
  readonly indirect: boolean;
}

export class Routes {
  readonly #leaf: boolean;
  /** What the packet path was given of each link. */
  #given = new Map<Routed, Given>();
  /** It must be given again, changed or not. */
  #owed = true;
  #dueAt = Infinity;

  /** @param leaf we forward for nobody */
  constructor(leaf: boolean) {
    this.#leaf = leaf;
  }

  /** When the table is to be looked at, if nothing asks for it before. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** A link told of others that it reaches: that can wait a little. */
  soon(now: number): void {
    this.#dueAt = Math.min(this.#dueAt, now + gatherMs);
  }

  /** The next table is given whether it changed or not. */
  again(): void {
    this.#owed = true;
  }

  /** The table to be given to the packet path; undefined when it has it already. */
  update(links: Iterable<Routed>): readonly LinkRoute[] | undefined {
    this.#dueAt = Infinity;
    const before = this.#given;
    const next: [Routed, Given][] = [];
    let changed = this.#owed;
    for (const link of links) {
      if (!link.up) continue;
      const old = before.get(link);
      const given = this.#giveFor(link, old);
      changed ||= given !== old;
      next.push([link, given]);
    }
    if (!changed && next.length === before.size) return undefined;
    this.#owed = false;
    this.#given = new Map(next);
    return next.map(([, { route }]) => route);
  }

  /** The old one, unless something changed. */
  #giveFor(link: Routed, old: Given | undefined): Given {
    const { id, indirect, reaches } = link;
    const usable = link.settled && !link.suspect && !link.retiring;
    const forwards = usable && !indirect;
    const flood = this.#floodOf(link, usable);
    const same =
      old?.indirect === indirect &&
      old.route.reaches === reaches &&
      old.route.forwards === forwards &&
      old.route.flood === flood;
    return same ? old : { indirect, route: { id, forwards, flood, reaches } };
  }

  #floodOf(link: Routed, usable: boolean): LinkRoute['flood'] {
    // A leaf gets broadcasts from its anchor, and passes its own to it.
    if (usable && (!this.#leaf || (link.mine & Claim.anchor) !== 0)) return 'range';
    return !link.settled && !this.#leaf && (link.theirs & Claim.anchor) !== 0 ? 'copy' : 'none';
  }
}

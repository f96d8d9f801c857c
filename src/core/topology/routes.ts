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

/** What the packet path was given of a link, and how the link was reached then. */
interface Given {
  readonly link: Routed;
  readonly indirect: boolean;
  readonly route: LinkRoute;
}

export class Routes {
  readonly #leaf: boolean;
  /** In the order of the links. */
  #given: readonly Given[] = [];
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
    if (!this.#owed && this.#hasAll(links)) return undefined;
    const given: Given[] = [];
    for (const link of links) {
      if (!link.up) continue;
      const { id, indirect, reaches } = link;
      const usable = isUsable(link);
      const route = { id, forwards: usable && !indirect, flood: this.#floodOf(link, usable), reaches };
      given.push({ link, indirect, route });
    }
    this.#owed = false;
    this.#given = given;
    return given.map(({ route }) => route);
  }

  /** The packet path has all of it. Asked often: allocates nothing. */
  #hasAll(links: Iterable<Routed>): boolean {
    let count = 0;
    for (const link of links) {
      if (!link.up) continue;
      const given = this.#given[count++];
      if (given?.link !== link || given.indirect !== link.indirect) return false;
      const { route } = given;
      const usable = isUsable(link);
      if (route.reaches !== link.reaches || route.forwards !== (usable && !link.indirect)) return false;
      if (route.flood !== this.#floodOf(link, usable)) return false;
    }
    return count === this.#given.length;
  }

  #floodOf(link: Routed, usable: boolean): LinkRoute['flood'] {
    // A leaf gets broadcasts from its anchor, and passes its own to it.
    if (usable && (!this.#leaf || (link.mine & Claim.anchor) !== 0)) return 'range';
    return !link.settled && !this.#leaf && (link.theirs & Claim.anchor) !== 0 ? 'copy' : 'none';
  }
}

function isUsable(link: Routed): boolean {
  return link.settled && !link.suspect && !link.retiring;
}

/**
 * Gives the packet path its forwarding table, no more often than is good for it: the table is given as a whole, which
 * costs work for each link in it. A machine without I/O.
 */
import type { PlaneLink } from '../dataplane/plane/plane.js';
import type { LinkRoute } from '../topology/overlay-ports.js';
import type { LinkPeers } from './ports.js';

/** With more links than this the table is given no more often. */
export const manyLinks = 64;
export const routeEveryMs = 100;

export class RouteFeed {
  readonly #give: (routes: readonly LinkRoute[]) => void;
  /** What has not been given yet. */
  #waiting: readonly LinkRoute[] | undefined;
  #givenAt = -Infinity;

  constructor(give: (routes: readonly LinkRoute[]) => void) {
    this.#give = give;
  }

  /** A new table. It is given now, or by a later `tick`, unless a newer one comes first. */
  put(now: number, routes: readonly LinkRoute[]): void {
    this.#waiting = routes;
    if (routes.length <= manyLinks) this.#giveNow(now);
    else this.tick(now);
  }

  tick(now: number): void {
    if (now >= this.dueAt) this.#giveNow(now);
  }

  get dueAt(): number {
    return this.#waiting ? this.#givenAt + routeEveryMs : Infinity;
  }

  clear(): void {
    this.#waiting = undefined;
  }

  #giveNow(now: number): void {
    const routes = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#givenAt = now;
    this.#give(routes);
  }
}

/** The table as the packet path takes it: members by their slots. */
export function planeLinks(routes: readonly LinkRoute[], members: Pick<LinkPeers, 'get'>): PlaneLink[] {
  return routes.flatMap(({ id, forwards, flood, reaches }) => {
    const peer = members.get(id);
    return peer ? [{ slot: peer.slot, forwards, flood, reaches }] : [];
  });
}

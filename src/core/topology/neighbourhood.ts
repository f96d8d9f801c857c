/** Who is around us on the ring: everybody known near our place, how many members that means, and whether we have our place. */
import type { Link } from './link.js';
import { clockwise, positionOfText, ringSize } from './position.js';
import { Nearby, predecessorsOf, sizeAround, successorsOf, type Place } from './ring.js';
import { meshEnd, meshLimit, neighbourCount, perSide } from './symphony.js';

/** What is known is gathered again after this time even without news of it. */
const poolMs = 1_000;
/** Neighbours known on each side that the size is estimated from. */
const sampled = 2 * neighbourCount;
/** Up to this many known members are taken for all that there are. */
const countedLimit = 32;
/** Members named by the rendezvous that are remembered. */
const maxKnown = 64;
/** A member without any answer takes itself for alone after this time. */
export const aloneMs = 1_500;
/** What the rendezvous counted is believed for this time even when our neighbours tell otherwise. */
const earlyMs = 2_000;

/** Our neighbourhood, as far as it is known. */
interface Pool {
  /** Everybody in it. */
  readonly ids: ReadonlySet<string>;
  /** Those with whom something may be begun, and who of them should be our neighbours on each side, nearest first. */
  readonly approachable: readonly Place[];
  readonly ahead: readonly Place[];
  readonly behind: readonly Place[];
  /** Members that there are, judged by it. */
  readonly size: number;
}

/** The links, as the neighbourhood looks at them. */
export interface Around extends Iterable<Pick<Link, keyof Place | 'up' | 'suspect' | 'names' | 'positions'>> {
  get(id: string): Pick<Link, 'up' | 'leaf' | 'table'> | undefined;
  shuns(now: number, id: string): boolean;
}

export class Neighbourhood {
  readonly #self: Place;
  readonly #leaf: boolean;
  /** Members that the rendezvous named, least recent first. */
  readonly #known = new Map<string, Place>();
  #startedAt = 0;
  #size = 1;
  /** Size that the rendezvous told. */
  #toldSize = 1;
  /** The rendezvous has answered: who it did not name is not there. */
  #answered = false;
  #settled = false;
  #mesh: boolean;
  /** Until news of those around us come. */
  #pool: Pool | undefined;
  #poolUntil = 0;
  /** How far it reaches: news from beyond do not move our place. */
  #reach = { ahead: Infinity, behind: Infinity };

  constructor(self: Place, leaf: boolean) {
    this.#self = self;
    this.#leaf = leaf;
    this.#mesh = !leaf;
  }

  /** Members that there are, this one counted, as far as can be told from here. */
  get size(): number {
    return this.#size;
  }

  /** True when we have found our place on the ring. */
  get settled(): boolean {
    return this.#settled;
  }

  /** True when we are so few that everybody is linked with everybody. */
  get mesh(): boolean {
    return this.#mesh;
  }

  start(now: number): void {
    this.#answered = false;
    this.#startedAt = now;
  }

  /** The process before had found our place, and so many members. */
  adopt(size: number): void {
    this.#settled = true;
    this.#answered = true;
    this.#size = this.#toldSize = size;
  }

  clear(): void {
    this.#known.clear();
    this.#pool = undefined;
    this.#settled = false;
  }

  /* ---- news ---- */

  /** The rendezvous counted the members that are online. */
  counted(members: number): void {
    this.#toldSize = members;
    this.#answered = true;
  }

  /** The rendezvous named a member that is online. `shunned`: nothing was to be begun with it until now. */
  named(id: string, shunned: boolean): void {
    if (id === this.#self.id) return;
    this.appeared(id, shunned);
    this.#known.delete(id);
    this.#known.set(id, { id, position: positionOfText(id) });
    if (this.#known.size > maxKnown) this.#known.delete(this.#known.keys().next().value as string);
  }

  /** A member lives. */
  appeared(id: string, shunned: boolean): void {
    if (shunned || this.#pool?.ids.has(id) !== true) this.changed(id);
  }

  /** A member went, is to be left alone, or is not any more: where it is around us, the pool is old. */
  changed(id: string): void {
    if (this.#pool && this.#isNear(positionOfText(id))) this.#pool = undefined;
  }

  /** A member went. `forget`: that it was named once does not count any more. */
  gone(id: string, forget = true): void {
    this.changed(id);
    if (forget) this.#known.delete(id);
  }

  /** Links told of these members. True when that matters to our place: some are around us and were not known to be. */
  heard(ids: readonly string[], positions: readonly number[]): boolean {
    const pool = this.#pool;
    if (!pool) return true;
    for (let i = 0; i < ids.length; i++) {
      if (!this.#isNear(positions[i] as number) || pool.ids.has(ids[i] as string)) continue;
      if (ids[i] === this.#self.id) continue;
      this.#pool = undefined;
      return true;
    }
    return false;
  }

  /** All of it is to be gathered again. */
  renew(): void {
    this.#pool = undefined;
  }

  #isNear(position: number): boolean {
    const ahead = clockwise(this.#self.position, position);
    return ahead <= this.#reach.ahead || ringSize - ahead <= this.#reach.behind;
  }

  /* ---- what follows from them ---- */

  /** Those around us, as of now. */
  look(now: number, links: Around): Pool {
    if (!this.#pool || now >= this.#poolUntil) this.#pool = this.#gather(now, links);
    const { size } = this.#pool;
    const early = !this.#settled || now - this.#startedAt < earlyMs;
    this.#size = early ? Math.max(size, this.#toldSize) : size;
    this.#mesh = !this.#leaf && this.#size <= (this.#mesh ? meshEnd : meshLimit);
    return this.#pool;
  }

  /** Those known who may be ring neighbours, the nearest on each side: everybody where there are not many. */
  #gather(now: number, links: Around): Pool {
    const count = this.#size > 2 * countedLimit ? sampled + 2 : countedLimit;
    const everybody = new Nearby(this.#self, count, (id) => links.get(id)?.leaf !== true);
    const approachable = new Nearby(this.#self, count, (id) => {
      const link = links.get(id);
      return link?.up === true ? !link.leaf : !links.shuns(now, id);
    });
    const offer = (id: string, position: number): void => {
      everybody.offer(id, position);
      approachable.offer(id, position);
    };
    for (const link of links) {
      offer(link.id, link.position);
      if (!link.up || link.suspect) continue;
      const { names, positions } = link;
      for (let i = 0; i < names.length; i++) offer(names[i] as string, positions[i] as number);
    }
    for (const { id, position } of this.#known.values()) offer(id, position);
    this.#reach = approachable.reach;
    this.#poolUntil = now + poolMs;
    const all = everybody.places();
    const near = approachable.places();
    // With few members we know all of them, and a density says little.
    const counted = everybody.whole ? all.length + 1 : Infinity;
    return {
      ids: new Set(all.map(({ id }) => id)),
      approachable: near,
      ahead: successorsOf(this.#self, near, perSide(this.#leaf)),
      behind: predecessorsOf(this.#self, near, perSide(this.#leaf)),
      size: counted <= countedLimit ? counted : Math.max(countedLimit, sizeAround(this.#self, all, sampled)),
    };
  }

  /**
   * We have our place once the nearest on both sides are linked and told us whom they know, or once nobody is there.
   * Returns when that is to be asked again; Infinity when only news can change it.
   */
  settle(now: number, { ahead: [ahead], behind: [behind] }: Pool, links: Around): number {
    if (this.#settled) return Infinity;
    const stands = (place: Place | undefined): boolean =>
      place !== undefined && links.get(place.id)?.table !== undefined;
    const lonely = !ahead && !behind;
    const alone = lonely && (this.#answered || now - this.#startedAt >= aloneMs);
    this.#settled = alone || (stands(ahead) && stands(behind));
    return lonely && !alone ? this.#startedAt + aloneMs : Infinity;
  }
}

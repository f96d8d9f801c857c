/**
 * Who wants which multicast group, all over the ring: group key -> positions of the members that announced it.
 *
 * A set of positions answers one question without allocating, however many members there are: does any of them lie on
 * this arc? What does not fit counts as wanting everything, so that a full table floods too much and never too little.
 */

import { equalWanted, everything, wantedLimit, type Wanted } from '../wire/groups.js';

/** An announcement is repeated every two minutes; two may be lost. */
export const announcementMs = 300_000;
const originLimit = 4_096;
const membershipLimit = 131_072;

/** Sorted positions in a growing array. */
export class PositionSet {
  #positions = new Float64Array(4);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Index of the first position that is not below `position`. */
  #find(position: number): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#positions[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(position: number): void {
    const at = this.#find(position);
    if (at < this.#size && this.#positions[at] === position) return;
    if (this.#size === this.#positions.length) {
      const grown = new Float64Array(this.#size * 2);
      grown.set(this.#positions);
      this.#positions = grown;
    }
    this.#positions.copyWithin(at + 1, at, this.#size);
    this.#positions[at] = position;
    this.#size++;
  }

  delete(position: number): void {
    const at = this.#find(position);
    if (at === this.#size || this.#positions[at] !== position) return;
    this.#positions.copyWithin(at, at + 1, this.#size);
    this.#size--;
  }

  /** True when one lies on the arc from `from` (included) clockwise to `to` (not included). `from` = `to`: the whole ring. */
  meets(from: number, to: number): boolean {
    if (this.#size === 0 || from === to) return this.#size > 0;
    const at = this.#find(from);
    if (from < to) return at < this.#size && (this.#positions[at] as number) < to;
    return at < this.#size || (this.#positions[0] as number) < to;
  }
}

interface Origin {
  readonly position: number;
  /** What it said, and what is kept of it. */
  wanted: Wanted;
  stored: Wanted;
  heard: number;
}

export class GroupTable {
  readonly #origins = new Map<number, Origin>();
  readonly #groups = new Map<number, PositionSet>();
  /** Members that want everything. */
  readonly #all = new PositionSet();
  readonly #self: number;
  #memberships = 0;
  #crowdedAt = -Infinity;
  #group: PositionSet | undefined;

  constructor(self: number) {
    this.#self = self;
  }

  /** Members that want anything. */
  get size(): number {
    return this.#origins.size;
  }

  /** More members want something than are kept: nothing can be said of who wants what. */
  get crowded(): boolean {
    return this.#crowdedAt !== -Infinity;
  }

  /** What the member at `position` said that it wants; undefined when that is nothing. */
  get(position: number): Wanted | undefined {
    return this.#origins.get(position)?.wanted;
  }

  /** Replaces what the member at `position` wants. `heard`: when it said so. */
  set(position: number, wanted: Wanted, heard: number): void {
    if (position === this.#self) return;
    const known = this.#origins.get(position);
    if (!wanted.all && wanted.keys.length === 0) {
      if (known) this.#drop(known);
      return;
    }
    if (known) {
      known.heard = heard;
      if (equalWanted(known.wanted, wanted)) return;
      this.#unlist(known);
      known.wanted = wanted;
      this.#list(known);
    } else if (this.#origins.size >= originLimit) {
      this.#crowdedAt = heard;
    } else {
      const origin = { position, wanted, stored: wanted, heard };
      this.#origins.set(position, origin);
      this.#list(origin);
    }
  }

  /** The member at `position` left. */
  delete(position: number): void {
    const known = this.#origins.get(position);
    if (known) this.#drop(known);
  }

  #drop(origin: Origin): void {
    this.#unlist(origin);
    this.#origins.delete(origin.position);
  }

  #list(origin: Origin): void {
    const { wanted, position } = origin;
    const fits = wanted.keys.length <= wantedLimit;
    const room = this.#memberships + wanted.keys.length <= membershipLimit;
    origin.stored = wanted.all || !fits || !room ? everything : wanted;
    if (origin.stored.all) return this.#all.add(position);
    this.#memberships += wanted.keys.length;
    for (const key of wanted.keys) {
      let group = this.#groups.get(key);
      if (!group) this.#groups.set(key, (group = new PositionSet()));
      group.add(position);
    }
  }

  #unlist(origin: Origin): void {
    const { stored, position } = origin;
    if (stored.all) return this.#all.delete(position);
    this.#memberships -= stored.keys.length;
    for (const key of stored.keys) {
      const group = this.#groups.get(key);
      group?.delete(position);
      if (group?.size === 0) this.#groups.delete(key);
    }
    this.#group = undefined;
  }

  /** Forgets members that have been silent for too long. */
  expire(now: number): void {
    for (const origin of this.#origins.values()) if (now - origin.heard > announcementMs) this.#drop(origin);
    if (now - this.#crowdedAt > announcementMs) this.#crowdedAt = -Infinity;
  }

  /** Everything kept, for a member that asks. */
  *entries(): Iterable<{ readonly position: number; readonly wanted: Wanted; readonly heard: number }> {
    yield* this.#origins.values();
  }

  /** Chooses the group that `meets` and `anybody` answer for. Allocates nothing. */
  select(key: number): void {
    this.#group = this.#groups.get(key);
  }

  /** Chooses nobody but the members that want everything. */
  selectAll(): void {
    this.#group = undefined;
  }

  /** True when a member that wants the chosen group is on the arc from `from` (included) clockwise to `to`. */
  meets(from: number, to: number): boolean {
    return this.#all.meets(from, to) || (this.#group?.meets(from, to) ?? false);
  }

  /** True when anybody but us wants the chosen group. */
  get anybody(): boolean {
    return this.#all.size > 0 || this.#group !== undefined;
  }
}

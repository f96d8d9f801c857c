/**
 * A model of the rendezvous server: the sorted registry of who is online, and a way between any two that it sees.
 *
 * It learns of a goodbye at once and of a silent death only when heartbeats stay out. Members notice its silence on
 * their side the same way (net/relay-client.ts).
 */
import { wrap } from '../core/topology/position.js';
import type { SeededRandom } from './random.js';

// Numbers that the model has of its own; test/unit/sim/constants.test.ts compares them with those of relay and node.

/** A connection that fell silent is dropped after so long, as is seen every so often, ms. */
export const relaySilentMs = 30_000;
export const relayCheckMs = 5_000;
/** A member notices that the relay is out of reach after so long: direct paths that fail make it look before its heartbeat does. */
export const memberNoticesMs = 8_000;
/** Nobody is asked for again within this time. */
export const askAgainMs = 10_000;
/** A member out of reach of the relay tries again: upper bounds of the wait, doubled each time. */
export const reconnectMs = { first: 250, most: 2_000 } as const;
/** TCP, WebSocket and Noise take so many round trips before the welcome comes. */
export const welcomeRoundTrips = 3;
/** Members named in the welcome: on each side of the newcomer, and others at random. */
export const neighboursPerSide = 4;
export const strangers = 8;

/** What the registry needs of a member. */
export interface Registered {
  readonly id: string;
  readonly position: number;
  /** Tells it that another one came or went. */
  hear(id: string, online: boolean): void;
}

export class Relay<M extends Registered> {
  /** Runs. */
  up = true;
  readonly #online: M[] = [];
  readonly #present = new Set<M>();
  /** Everybody who ever was here. */
  readonly #known = new Map<string, M>();
  /** Who is told of the coming and going of whom: of a member that was named to it. */
  readonly #watchers = new Map<string, Set<M>>();

  get size(): number {
    return this.#online.length;
  }

  has(member: M): boolean {
    return this.#present.has(member);
  }

  add(member: M): void {
    if (this.#present.has(member)) return;
    this.#present.add(member);
    this.#known.set(member.id, member);
    this.#online.splice(this.#indexOf(member.position), 0, member);
    for (const neighbour of this.#neighbours(member)) this.#watch(neighbour, member.id);
    for (const watcher of this.#watchers.get(member.id) ?? []) watcher.hear(member.id, true);
  }

  remove(member: M): void {
    if (!this.#present.delete(member)) return;
    this.#online.splice(this.#online.indexOf(member, this.#indexOf(member.position)), 1);
    for (const watcher of this.#watchers.get(member.id) ?? []) {
      if (this.#present.has(watcher)) watcher.hear(member.id, false);
    }
  }

  clear(): void {
    this.#online.length = 0;
    this.#present.clear();
    this.#watchers.clear();
  }

  /** Those of them that ever were here, and those that are. Who asks hears of them from now on. */
  find(ids: readonly string[], asker: M): { known: string[]; online: string[] } {
    for (const id of ids) this.#watch(asker, id);
    const known = ids.filter((id) => this.#known.has(id));
    const isOnline = (id: string): boolean => this.#present.has(this.#known.get(id) as M);
    return { known, online: known.filter(isOnline) };
  }

  /** Whom a newcomer is told of. */
  welcome(member: M, random: SeededRandom): string[] {
    const named = new Set(this.#neighbours(member));
    const others = this.#online.length - 1;
    const limit = Math.min(others, named.size + strangers);
    // Tries are bounded: in a small network nearly everybody is a neighbour.
    for (let i = 0; i < 4 * strangers && named.size < limit; i++) {
      const other = random.pick(this.#online);
      if (other !== member) named.add(other);
    }
    return this.#name([...named], member);
  }

  /** Nearest online members on both sides, without the member itself. */
  #neighbours(member: M): M[] {
    const count = this.#online.length;
    const at = this.#indexOf(member.position);
    const near = new Set<M>();
    for (let i = -neighboursPerSide; i <= neighboursPerSide; i++) {
      const other = this.#online[(((at + i) % count) + count) % count];
      if (other && other !== member) near.add(other);
    }
    return [...near];
  }

  #name(members: readonly M[], to: M): string[] {
    for (const { id } of members) this.#watch(to, id);
    return members.map(({ id }) => id);
  }

  #watch(watcher: M, id: string): void {
    const watchers = this.#watchers.get(id);
    if (watchers) watchers.add(watcher);
    else this.#watchers.set(id, new Set([watcher]));
  }

  /** The online member at or after each position, without the one who asks. */
  locate(positions: readonly number[], asker: M): string[] {
    const members = new Set<M>();
    for (const position of positions) {
      const at = this.#indexOf(wrap(position)) % Math.max(1, this.#online.length);
      const found =
        this.#online[at] === asker ? this.#online[(at + 1) % this.#online.length] : this.#online[at];
      if (found && found !== asker) members.add(found);
    }
    return this.#name([...members], asker);
  }

  /** Index of the first member at or after a position; the length when there is none before the ring closes. */
  #indexOf(position: number): number {
    let low = 0;
    let high = this.#online.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#online[middle] as M).position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

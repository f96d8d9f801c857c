/**
 * What we tell our links, and when: whom we are linked with (tables), that we live and what we need them for (beats).
 * A change goes out at once to those whom it concerns, our neighbours, and is gathered for the others.
 */
import { Claim, type RingMessage, type TableMessage } from '../wire/ring.js';
import { stands, type Link } from './link.js';
import type { OverlayPorts } from './overlay-ports.js';
import { predecessorsOf, successorsOf, type Place } from './ring.js';
import { neighbourCount } from './symphony.js';

/** Tables go out this long after a change. */
const tableAfterMs = 60;
/** Those that tell nothing new of our neighbours go no more often: who routes by an old table takes a detour at worst. */
const tableEveryMs = 2_000;
/** Where many join at once everybody's table changes all the time: each member sends so few of them a second. */
const tableShareMs = 200;
const tableSlackMs = 500;
/** A table that the other side does not have yet is sent again no sooner. */
const tableAgainMs = 900;
/** The first one of a new link that does not come is asked for after this time: nobody has a place without it. */
const firstTableMs = 300;
/** Beats go out so much early to go together. */
const beatSlackMs = 250;

type BeatMessage = Extract<RingMessage, { type: 'beat' }>;

/** Whom our table names. */
type Listing = Pick<TableMessage, 'successors' | 'predecessors' | 'others' | 'indirect'>;

/** What one link was told. */
interface Told {
  /** When anything was, and when our table was, with which version. */
  at: number;
  tableAt: number;
  version: number;
  /** What we need it for. */
  claims: number;
}

export class Tables {
  readonly #self: Place;
  readonly #leaf: boolean;
  readonly #ports: Pick<OverlayPorts, 'send'>;
  readonly #told = new Map<Link, Told>();
  /** Whom our table lists, in the order of the links, and whether each is indirect. */
  #listed: readonly { readonly link: Link; readonly indirect: boolean }[] = [];
  #listing: Listing = { successors: [], predecessors: [], others: [], indirect: [] };
  #settled = false;
  #version = 1;
  /** When our table changed, and when its neighbours did. */
  #changedAt = -Infinity;
  #ringChangedAt = -Infinity;
  #dueAt = 0;

  constructor(self: Place, leaf: boolean, ports: Pick<OverlayPorts, 'send'>) {
    this.#self = self;
    this.#leaf = leaf;
    this.#ports = ports;
  }

  /** When `tick` has something to do. */
  get dueAt(): number {
    return this.#dueAt;
  }

  clear(): void {
    this.#told.clear();
  }

  get version(): number {
    return this.#version;
  }

  /** The process before came so far. */
  countFrom(version: number): void {
    this.#version = version;
  }

  forget(link: Link): void {
    this.#told.delete(link);
  }

  /* ---- what is to be told ---- */

  /** What we need some links for changed: they are told. */
  claimed(now: number): void {
    this.#dueAt = now;
  }

  /** Makes our table anew, if anything in it changed. `settled`: we have our place. */
  list(now: number, links: Iterable<Link>, settled: boolean): void {
    if (settled === this.#settled && this.#listsAll(links)) return;
    const standing = [...links].filter(stands);
    const { successors, predecessors } = this.#listing;
    this.#listed = standing.map((link) => ({ link, indirect: link.indirect }));
    this.#listing = listingOf(this.#self, standing);
    if (
      settled !== this.#settled ||
      !equal(successors, this.#listing.successors) ||
      !equal(predecessors, this.#listing.predecessors)
    ) {
      this.#ringChangedAt = now;
    }
    this.#settled = settled;
    this.#version++;
    this.#changedAt = this.#dueAt = now;
  }

  /** Asked often: allocates nothing. */
  #listsAll(links: Iterable<Link>): boolean {
    let count = 0;
    for (const link of links) {
      if (!stands(link)) continue;
      const listed = this.#listed[count++];
      if (listed?.link !== link || listed.indirect !== link.indirect) return false;
    }
    return count === this.#listed.length;
  }

  /** A beat says which of our tables the other side has: it gets the newest again when that was lost on the way. */
  heard(now: number, link: Link, beat: Pick<BeatMessage, 'seen' | 'answer'>): void {
    const told = this.#of(link);
    const patienceMs = beat.seen === 0 ? firstTableMs / 2 : tableAgainMs;
    if (beat.seen !== told.version && now - told.tableAt > patienceMs) {
      told.version = -1;
      this.#dueAt = now;
    }
    if (beat.answer) this.beat(now, link, false);
  }

  /* ---- telling ---- */

  /** Sends the tables and claims that are due. */
  tick(now: number, links: Iterable<Link> & { readonly size: number }): void {
    let next = Infinity;
    const everyMs = Math.max(tableEveryMs, tableShareMs * links.size);
    for (const link of links) {
      if (!link.up) continue;
      const told = this.#of(link);
      if (told.version !== this.#version) {
        const near = (link.claims & (Claim.ring | Claim.anchor)) !== 0 && told.tableAt < this.#ringChangedAt;
        const due = near
          ? this.#ringChangedAt + tableAfterMs
          : Math.max(this.#changedAt + tableAfterMs, told.version < 0 ? 0 : told.tableAt + everyMs);
        // A little early, so that one waking serves many links.
        const early = near ? due : Math.max(this.#changedAt + tableAfterMs, due - tableSlackMs);
        if (now >= early) this.tell(now, link);
        else next = Math.min(next, due);
      }
      if (told.claims !== link.mine) this.beat(now, link, false);
    }
    this.#dueAt = next;
  }

  /** Beats where that is due, or for an answer. Returns when it is due next, if nothing else is told before. */
  beatWhenDue(now: number, link: Link, ask: boolean): number {
    const told = this.#of(link);
    const first = link.table === undefined;
    // A little early, so that one waking serves many links.
    const due = now - told.at >= link.beatMs - beatSlackMs;
    const firstDue = first && now - Math.max(link.since, told.at) >= firstTableMs;
    if (ask || due || firstDue) this.beat(now, link, ask);
    return Math.min(told.at + link.beatMs, first ? now + firstTableMs : Infinity);
  }

  /** @param answer the other side shall answer at once */
  beat(now: number, link: Link, answer: boolean): void {
    const told = this.#of(link);
    told.at = now;
    told.claims = link.mine;
    this.#ports.send(link.id, { type: 'beat', seen: link.table?.version ?? 0, claims: link.mine, answer });
  }

  /** Sends our table. */
  tell(now: number, link: Link): void {
    const told = this.#of(link);
    told.at = told.tableAt = now;
    told.version = this.#version;
    told.claims = link.mine;
    const { successors, predecessors, others, indirect } = this.#listing;
    // The same for all: that it names its receiver too costs less than to sort that out.
    this.#ports.send(link.id, {
      type: 'table',
      version: this.#version,
      claims: link.mine,
      leaf: this.#leaf,
      settled: this.#settled,
      successors,
      predecessors,
      others,
      indirect,
    });
  }

  #of(link: Link): Told {
    let told = this.#told.get(link);
    if (!told) {
      told = { at: -Infinity, tableAt: -Infinity, version: -1, claims: 0 };
      this.#told.set(link, told);
    }
    return told;
  }
}

/** Each link once: neighbours on the ring, all others that we reach by ourselves, the rest. */
function listingOf(self: Place, links: readonly Link[]): Listing {
  const direct = links.filter((link) => !link.indirect);
  const named = new Set<Link>();
  const idsOf = (some: readonly Link[]): string[] => {
    const fresh = some.filter((link) => !named.has(link));
    for (const link of fresh) named.add(link);
    return fresh.map(({ id }) => id);
  };
  return {
    successors: idsOf(successorsOf(self, direct, neighbourCount + 1)),
    predecessors: idsOf(predecessorsOf(self, direct, neighbourCount + 1)),
    others: idsOf(direct),
    indirect: idsOf(links),
  };
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

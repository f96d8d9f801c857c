/** One link of the overlay: whom it is with, whether it stands, what both sides need it for, what the other side told. */
import { LinkLiveness, otherBeatMs, ringBeatMs } from '../peer/link-liveness.js';
import { Claim, type TableMessage } from '../wire/ring.js';
import { positionOfText } from './position.js';
import type { Place } from './ring.js';

/** A link as everybody sees it; link-table.ts alone changes it. Times are ms. */
export interface Link extends Place {
  /** False while the connection is under way. */
  readonly up: boolean;
  /** Its packets go through other members. */
  readonly indirect: boolean;
  /** When it was asked for, or came up. */
  readonly since: number;
  /** It does not answer: others' packets had better go another way. */
  readonly suspect: boolean;
  /** Nobody needed it for so long that it is about to go: nothing more takes it. */
  readonly retiring: boolean;
  /** What we and the other side need the link for, and both together; sets of `Claim`. */
  readonly mine: number;
  readonly theirs: number;
  readonly claims: number;
  /** How often each side beats. */
  readonly beatMs: number;
  /** The other side's newest table; undefined until the first one came. */
  readonly table: TableMessage | undefined;
  /** Ids of everybody in the table, and their positions; those it reaches by itself come first. */
  readonly names: readonly string[];
  readonly positions: readonly number[];
  /** Positions of those it reaches by itself. The same array until they change. */
  readonly reaches: readonly number[];
  /** Its certificate or its table says that it forwards for nobody. */
  readonly leaf: boolean;
  /** It may forward, and cover an arc of a broadcast. */
  readonly settled: boolean;
  /** It is linked with this member, and not through others. */
  isLinkedWith(id: string): boolean;
}

/** It may be our neighbour on the ring, and others are told of it. */
export function stands(link: Pick<Link, 'up' | 'leaf' | 'retiring'>): boolean {
  return link.up && !link.leaf && !link.retiring;
}

/** One side needs it, or it is still to come: when it breaks, that says something against its member. */
export function isNeeded(link: Pick<Link, 'up' | 'claims'>): boolean {
  return !link.up || link.claims !== 0;
}

/** A link as its table keeps it. */
export class LinkState implements Link {
  readonly id: string;
  readonly position: number;
  readonly life: LinkLiveness;
  up = false;
  indirect = false;
  since: number;
  retiring = false;
  mine = 0;
  theirs = 0;
  table: TableMessage | undefined;
  names: readonly string[] = [];
  positions: readonly number[] = [];
  reaches: readonly number[] = [];
  /** When it is to be looked at again, if nothing goes out unanswered. */
  lookAt = -Infinity;
  /** Since when nobody needs it. */
  unclaimedSince: number | undefined;
  #certifiedLeaf = false;

  constructor(id: string, now: number) {
    this.id = id;
    this.position = positionOfText(id);
    this.since = now;
    this.life = new LinkLiveness(now);
  }

  get suspect(): boolean {
    return this.life.suspect;
  }

  get leaf(): boolean {
    return this.table?.leaf ?? this.#certifiedLeaf;
  }

  get settled(): boolean {
    return this.table !== undefined && this.table.settled && !this.table.leaf;
  }

  get claims(): number {
    return this.mine | this.theirs;
  }

  get beatMs(): number {
    return (this.claims & (Claim.ring | Claim.anchor)) !== 0 ? ringBeatMs : otherBeatMs;
  }

  isLinkedWith(id: string): boolean {
    const at = this.names.indexOf(id);
    return at >= 0 && at < this.reaches.length;
  }

  /** The connection stands. */
  came(now: number, indirect: boolean, leaf: boolean): void {
    this.up = true;
    this.indirect = indirect;
    this.#certifiedLeaf = leaf;
    this.#begin(now);
  }

  /** The other side is another process now, and knows nothing of us. */
  restarted(now: number): void {
    this.table = undefined;
    this.names = [];
    this.positions = [];
    this.reaches = [];
    this.theirs = 0;
    this.#begin(now);
  }

  #begin(now: number): void {
    this.since = now;
    this.retiring = false;
    this.unclaimedSince = undefined;
    this.lookAt = -Infinity;
    this.life.came(now);
  }

  /** The other side told whom it is linked with. */
  take(table: TableMessage): void {
    this.table = table;
    this.theirs = table.claims;
    const { successors, predecessors, others, indirect } = table;
    this.names = [...successors, ...predecessors, ...others, ...indirect];
    this.positions = this.names.map((id) => positionOfText(id));
    const { reaches, positions } = this;
    const direct = positions.length - indirect.length;
    if (reaches.length !== direct || reaches.some((position, i) => position !== positions[i])) {
      this.reaches = indirect.length === 0 ? positions : positions.slice(0, direct);
    }
  }
}

/** One link of the overlay: what both sides need it for, what the other side told, and whether it still lives. */
import { LinkLiveness, otherBeatMs, ringBeatMs, type LinkVerdict } from '../peer/liveness.js';
import { Claim, type TableMessage } from '../wire/ring.js';
import type { LinkRoute } from './overlay-ports.js';
import { positionOfText } from './position.js';
import type { Place } from './ring.js';

export class Link implements Place {
  readonly id: string;
  readonly position: number;
  /** The member through which it can be met. */
  via: string | undefined;
  up = false;
  /** Up, but through other members. */
  tunnel = false;
  /** When it was asked for, or came up; ms. */
  since: number;
  /** What we and the other side need the link for; sets of `Claim`. */
  mine = 0;
  theirs = 0;
  /** We need it for traffic until then. */
  demandedUntil = -Infinity;
  /** Kept by the operator's wish. */
  fixed = false;
  /** Size of the network when we drew it as a long link; undefined: not ours. */
  drawnFor: number | undefined;
  table: TableMessage | undefined;
  /** Ids of everybody in the table, and their positions; those it reaches by itself come first. */
  names: readonly string[] = [];
  positions: readonly number[] = [];
  /** Positions of those it reaches by itself. */
  neighbours: readonly number[] = [];
  /** Our table names it, and says that it is indirect. */
  listed = false;
  listedTunnel = false;
  /** What the packet path was told of it. */
  route: LinkRoute | undefined;
  routedTunnel = false;
  /** Its certificate says that it is a leaf: known before its first table. */
  certifiedLeaf = false;
  /** When it is to be looked at again, if nothing goes out unanswered. */
  watchAt = -Infinity;
  /** Nobody claimed it for so long that it is about to go: nothing more takes it. */
  retiring = false;
  /** Since when nobody claims it, ms. */
  unclaimedSince: number | undefined;
  /** When and with which version of our table it was told last. */
  beatAt = -Infinity;
  toldAt = -Infinity;
  toldVersion = -1;
  /** What it was told that we need it for. */
  toldClaims = 0;
  readonly #life: LinkLiveness;

  constructor(id: string, now: number, via: string | undefined) {
    this.id = id;
    this.position = positionOfText(id);
    this.since = now;
    this.via = via;
    this.#life = new LinkLiveness(now);
  }

  /** It does not answer: others' packets had better go another way. */
  get suspect(): boolean {
    return this.#life.suspect;
  }

  get leaf(): boolean {
    return this.table?.leaf ?? this.certifiedLeaf;
  }

  /** It may forward, and cover an arc of a broadcast. */
  get settled(): boolean {
    return this.table !== undefined && this.table.settled && !this.table.leaf;
  }

  get claims(): number {
    return this.mine | this.theirs;
  }

  get beatMs(): number {
    return (this.claims & (Claim.ring | Claim.anchor)) !== 0 ? ringBeatMs : otherBeatMs;
  }

  came(now: number, tunnel: boolean): void {
    this.up = true;
    this.tunnel = tunnel;
    this.since = now;
    this.retiring = false;
    this.unclaimedSince = undefined;
    this.watchAt = -Infinity;
    this.toldVersion = -1;
    this.#life.came(now);
  }

  /** The rendezvous says that it went offline: it has a moment to show that it lives. */
  doubt(now: number): void {
    this.#life.doubt(now);
  }

  take(table: TableMessage): void {
    this.table = table;
    this.theirs = table.claims;
    const { successors, predecessors, others, indirect } = table;
    this.names = [...successors, ...predecessors, ...others, ...indirect];
    this.positions = this.names.map((id) => positionOfText(id));
    const { neighbours, positions } = this;
    const direct = positions.length - indirect.length;
    if (neighbours.length !== direct || neighbours.some((position, i) => position !== positions[i])) {
      this.neighbours = indirect.length === 0 ? positions : positions.slice(0, direct);
    }
  }

  /** It is linked with this member, and not through others. */
  reaches(id: string): boolean {
    const at = this.names.indexOf(id);
    return at >= 0 && at < this.neighbours.length;
  }

  /**
   * @param silence ms since anything came from it
   * @param waiting ms since packets went out with nothing coming back, 0 for none
   */
  judge(now: number, silence: number, waiting: number): LinkVerdict {
    return this.#life.judge(now, this.beatMs, silence, waiting);
  }

  /** When `judge` or a beat is due next, if nothing comes. */
  dueAt(now: number, silence: number): number {
    return Math.min(this.beatAt + this.beatMs, this.#life.dueAt(now, this.beatMs, silence));
  }
}

/**
 * Which links there are. A link is begun, comes up, is looked at now and then, and goes when it is dead or when neither
 * side has needed it for a while. Members that could not be reached are left alone, and tried again.
 */
import { Claim, type TableMessage } from '../wire/ring.js';
import type { HeldLink } from './held.js';
import { isNeeded, LinkState, type Link } from './link.js';
import type { OverlayPorts } from './overlay-ports.js';
import { Retry } from './retry.js';

/** News of a link are seen within this time, and links are looked at so much early to go together. */
const lookMs = 500;
const lookSlackMs = 250;
/** A connection that does not come about. */
export const connectMs = 10_000;
const maxConnecting = 32;
/** A link that nobody needs is kept this long: roles move while the ring settles. Before it goes, nothing takes it any more. */
const unclaimedMs = 10_000;
const retireMs = 8_000;

/**
 * What was seen when a link was looked at.
 *
 *   failed     what was asked for did not come about in time ┐
 *   dead       it does not answer any more                   ├ it is gone, its connection ended
 *   retired    neither side needed it for long               ┘
 *   suspect    it stopped answering, or answers again
 *   retiring   it is about to go, or is needed again
 */
export type Sight = 'failed' | 'dead' | 'retired' | 'suspect' | 'retiring';

/** Who beats on links (tables.ts). */
export interface Beats {
  /** Beats where that is due, and at once for an answer when `ask`. Returns when it is due next. */
  beatWhenDue(now: number, link: Link, ask: boolean): number;
}

type Ports = Pick<OverlayPorts, 'env' | 'connect' | 'disconnect' | 'silence' | 'waiting' | 'cutOff'>;

export class LinkTable {
  readonly #self: string;
  readonly #ports: Ports;
  readonly #links = new Map<string, LinkState>();
  readonly #retry: Retry;
  #lookAt = 0;

  /** @param self our own id: nobody is linked with itself */
  constructor(self: string, ports: Ports) {
    this.#self = self;
    this.#ports = ports;
    this.#retry = new Retry(ports.env.random);
  }

  /* ---- which there are ---- */

  get size(): number {
    return this.#links.size;
  }

  /** All, in the order in which they were begun. */
  [Symbol.iterator](): MapIterator<Link> {
    return this.#links.values();
  }

  get(id: string): Link | undefined {
    return this.#links.get(id);
  }

  /** A link that can pass packets on to this member, because it is linked with it. */
  friendOf(id: string): string | undefined {
    for (const link of this.#links.values()) {
      if (link.id === id || !link.up || link.indirect || link.suspect || link.leaf) continue;
      if (link.isLinkedWith(id)) return link.id;
    }
    return undefined;
  }

  /** True while nothing is to be begun with this member. */
  shuns(now: number, id: string): boolean {
    return this.#retry.shuns(now, id);
  }

  /** Somebody says that this member lives. */
  forgive(id: string): void {
    this.#retry.forgive(id);
  }

  /* ---- coming and going ---- */

  /** Begins a link, unless there is one, it may not be begun now, or too many are under way. Who named it introduces us. */
  begin(now: number, id: string): void {
    if (this.#links.has(id) || id === this.#self || this.#retry.shuns(now, id)) return;
    let connecting = 0;
    for (const link of this.#links.values()) if (!link.up) connecting++;
    if (connecting >= maxConnecting) return;
    const via = this.friendOf(id);
    this.#links.set(id, new LinkState(id, now));
    this.#lookBy(now + lookMs);
    this.#ports.connect(id, via);
  }

  /** Begins links with those lost that are worth coming back to, where that is due. */
  beginAgain(now: number): void {
    for (const id of this.#retry.due(now)) this.begin(now, id);
  }

  /** The connection with this member stands, whoever asked for it. */
  came(now: number, id: string, indirect: boolean, leaf: boolean): Link {
    let link = this.#links.get(id);
    if (!link) this.#links.set(id, (link = new LinkState(id, now)));
    link.came(now, indirect, leaf);
    this.#lookBy(now + lookMs);
    this.#retry.forgive(id);
    return link;
  }

  /** A link of the process before, with what both sides had said of it. */
  adopt(now: number, held: HeldLink, table: TableMessage): Link {
    const link = this.came(now, held.id, held.indirect, held.leaf) as LinkState;
    link.take(table);
    link.mine = held.mine;
    link.theirs = held.theirs;
    return link;
  }

  /** The link did not come about: its member is left alone for a while. */
  failed(now: number, link: Link): void {
    this.#links.delete(link.id);
    this.#retry.failed(now, link.id);
  }

  /** The link is no more: where it was needed, its member is left alone for a while, and then, if `again`, come back to. */
  lost(now: number, link: Link, again: boolean): void {
    this.#links.delete(link.id);
    if (isNeeded(link)) this.#retry.lost(now, link.id, again);
  }

  clear(): void {
    this.#links.clear();
    this.#retry.clear();
  }

  /* ---- what happens to one ---- */

  /** Its packets go through other members from now on, or do not any more. */
  moved(link: Link, indirect: boolean): void {
    own(link).indirect = indirect;
  }

  /** Its other side is another process now. */
  restarted(now: number, link: Link): void {
    own(link).restarted(now);
    this.#lookBy(now + lookMs);
  }

  take(now: number, link: Link, table: TableMessage): void {
    own(link).take(table);
    this.#countUnclaimed(now, own(link));
  }

  /** What the other side needs it for. */
  claimed(now: number, link: Link, claims: number): void {
    own(link).theirs = claims;
    this.#countUnclaimed(now, own(link));
  }

  /** The other side shall not have it for a long link. */
  refuse(link: Link): void {
    own(link).theirs &= ~Claim.long;
  }

  /**
   * @param claims what we need each link for, in their order
   * @returns whether that is news for any that is up
   */
  claim(now: number, claims: readonly number[]): boolean {
    let news = false;
    let i = 0;
    for (const link of this.#links.values()) {
      const mine = claims[i++] as number;
      if (link.up) {
        news ||= link.mine !== mine;
        link.mine = mine;
        this.#countUnclaimed(now, link);
        if (link.retiring && mine !== 0) link.lookAt = this.#lookAt = now;
      } else {
        link.mine = mine;
      }
    }
    return news;
  }

  /** Packets go out to it and nothing comes back. From now on it is looked at until something does. */
  unanswered(now: number): void {
    this.#lookBy(now + lookMs);
  }

  /** The rendezvous says that it went offline: it has a moment to show that it lives. */
  doubt(now: number, link: Link): void {
    own(link).life.doubt(now);
    own(link).lookAt = this.#lookAt = now;
  }

  /* ---- looking at them ---- */

  /** When `look` has something to do. */
  get lookAt(): number {
    return this.#lookAt;
  }

  /** When `look` or `beginAgain` has. */
  get dueAt(): number {
    return Math.min(this.#lookAt, this.#retry.nextAt);
  }

  /**
   * Looks at the links for which that is due, and beats on them. What was `seen` is acted upon before the next is looked at.
   */
  look(now: number, beats: Beats, seen: (link: Link, sight: Sight) => void): void {
    // Whatever happens meanwhile may ask for a look, too.
    this.#lookAt = Infinity;
    for (const link of this.#links.values()) {
      const { suspect, retiring } = link;
      const waiting = this.#ports.waiting(link.id);
      const waits = suspect || waiting > 0;
      const due = now >= link.lookAt - lookSlackMs || waits;
      if (due) {
        const end = this.#lookAtOne(now, link, beats, waiting);
        if (end) seen(link, end);
        else if (link.suspect !== suspect) seen(link, 'suspect');
        if (link.retiring !== retiring) seen(link, 'retiring');
      }
      this.#lookBy(waits ? Math.min(now + lookMs, link.lookAt) : link.lookAt);
    }
    this.#lookAt = Math.max(this.#lookAt, now + lookSlackMs);
  }

  #lookBy(at: number): void {
    this.#lookAt = Math.min(this.#lookAt, at);
  }

  /** Says when the link is to be looked at again. `waiting` as the ports tell it. Returns how it ended, if it did. */
  #lookAtOne(now: number, link: LinkState, beats: Beats, waiting: number): Sight | undefined {
    link.lookAt = Infinity;
    if (!link.up) {
      if (now - link.since >= connectMs) return this.#end(now, link, 'failed');
      link.lookAt = link.since + connectMs;
      return undefined;
    }
    if (this.#ports.cutOff?.(link.id) === true) {
      // Keys and link are kept for when there is a way again: to make those of everybody anew takes long.
      link.life.cutOff(now);
      link.lookAt = now + lookMs;
      return undefined;
    }
    const silence = this.#ports.silence(link.id);
    const verdict = link.life.judge(now, link.beatMs, silence, waiting);
    if (verdict === 'dead') return this.#end(now, link, 'dead');
    const beatAt = beats.beatWhenDue(now, link, verdict === 'ask');
    // Both sides count how long nobody needs a link, so that neither has anything under way on it when it is closed.
    this.#countUnclaimed(now, link);
    const since = link.unclaimedSince ?? Infinity;
    if (now - since >= unclaimedMs) return this.#end(now, link, 'retired');
    link.retiring = now - since >= retireMs;
    const retireAt = since + (link.retiring ? unclaimedMs : retireMs);
    link.lookAt = Math.min(beatAt, link.life.dueAt(now, link.beatMs, silence), retireAt);
    return undefined;
  }

  /** The link is gone before anybody hears of it. */
  #end(now: number, link: Link, how: 'failed' | 'dead' | 'retired'): Sight {
    if (how === 'failed') this.failed(now, link);
    else this.lost(now, link, (link.claims & (Claim.ring | Claim.fixed)) !== 0);
    this.#ports.disconnect(link.id);
    return how;
  }

  /** Notes since when nobody needs the link: as soon as that changes, for the other side counts too. */
  #countUnclaimed(now: number, link: LinkState): void {
    if (link.claims !== 0) {
      link.unclaimedSince = undefined;
    } else if (link.unclaimedSince === undefined) {
      // It beats, and so is looked at, long before it retires.
      link.unclaimedSince = now;
    }
  }
}

/** Every link is made here. */
function own(link: Link): LinkState {
  return link as LinkState;
}

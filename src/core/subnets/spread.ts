/**
 * How announcements reach everybody: each member tells its links what is new to it, once, and a new link compares what
 * both hold (wire/subnets.ts). Announcements prove themselves, so anybody may pass them on; what was lost on the way is
 * found by the next comparison. A network without subnets sends nothing.
 *
 *   new here ── announce ──▶ every link but the one it came from          at once
 *            ── tally ─────▶ every link                                   1 s later, and every minute
 *   tally that differs ─────▶ inventory to who sent it ── announce, what it lacks ──▶
 *
 * What a hostile member may cause is bounded: by link (signatures checked, answers), and by who announces.
 */
import { blake2s } from '@noble/hashes/blake2.js';
import { isGenuineAnnouncement, parseAnnouncement } from '../identity/announcement.js';
import { nodeIdOf, nodeIdText } from '../identity/node-id.js';
import { ByteWriter, equalBytes, utf8 } from '../lib/bytes.js';
import { Paced } from '../lib/paced.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { announceLimit, digestLength, maxInventory, type SubnetsMessage } from '../wire/subnets.js';
import type { Announcer, SubnetBook } from './book.js';

/** A change is followed by a comparison after so long, for what was lost. */
const tallySoonMs = 1_000;
const tallyEveryMs = 60_000;
/** An inventory goes to one link this often. */
const inventoryEveryMs = 2_000;
/** Who has been linked for so long has heard of what was there before. */
export const listeningMs = 5_000;

/** Announcements of one link that are looked into, and inventories of it that are answered. */
const announcesPerSecond = 100;
const announcesBurst = 500;
const answersPerSecond = 40;
const answersBurst = 120;
/** New announcements of one member that are taken. */
const changesPerSecond = 1;
const changesBurst = 10;

const firstId = '0'.repeat(32);
const lastId = 'f'.repeat(32);

export interface SpreadPorts {
  /** To a peer that is connected. May be lost on the way. */
  send(idText: string, message: SubnetsMessage): void;
  /** Ids of the members that are told of what is new: links of the overlay. */
  links(): Iterable<string>;
  /** The member of a credential that `from` passed on; undefined when it is not valid. Our own, too. */
  memberOf(credential: Uint8Array, from: string): Announcer | undefined;
  /** ms since 1970. */
  date(): number;
  /** The book holds something else now. */
  changed(): void;
  /** Others hold an announcement of ours with this serial, which is later than any that we know of. */
  outdone(serial: number): void;
  /** A member announced what it may not. */
  refused(member: Announcer): void;
}

/** Buckets of one link. */
interface Budget {
  readonly announces: TokenBucket;
  readonly answers: TokenBucket;
}

export class Spread {
  readonly #self: string;
  readonly #book: SubnetBook;
  readonly #ports: SpreadPorts;
  readonly #budgets = new Map<string, Budget>();
  readonly #changes = new Map<string, TokenBucket>();
  readonly #inventories = new Paced(inventoryEveryMs);
  #digest: Uint8Array | undefined;
  #linkedAt = Infinity;
  #tallyAt = Infinity;

  /** @param self our own node id as text */
  constructor(self: string, book: SubnetBook, ports: SpreadPorts) {
    this.#self = self;
    this.#book = book;
    this.#ports = ports;
  }

  get dueAt(): number {
    return this.#tallyAt;
  }

  /** A session with the peer begins. */
  connected(now: number, idText: string): void {
    this.#linkedAt = Math.min(this.#linkedAt, now);
    if (this.#book.size === 0) return;
    this.#ports.send(idText, this.#tally());
    this.#tallyAt = Math.min(this.#tallyAt, now + tallyEveryMs);
  }

  lost(idText: string): void {
    this.#budgets.delete(idText);
  }

  /** The book has an announcement of this member that it had not: everybody is told but the one who told us. */
  tell(now: number, idText: string, from?: string): void {
    this.changed(now);
    const message = this.#announce(idText);
    if (!message) return;
    for (const link of this.#ports.links()) if (link !== from) this.#ports.send(link, message);
  }

  /** The book holds something else. */
  changed(now: number): void {
    this.#digest = undefined;
    this.#tallyAt = Math.min(this.#tallyAt, now + tallySoonMs);
  }

  receive(now: number, from: string, message: SubnetsMessage): void {
    switch (message.type) {
      case 'tally':
        if (!equalBytes(message.digest, this.#tally().digest)) this.#sendInventory(now, from);
        return;
      case 'inventory':
        this.#answer(now, from, message);
        return;
      case 'announce':
        this.#take(now, from, message.credential, message.announcement);
    }
  }

  tick(now: number): void {
    if (now < this.#tallyAt) return;
    this.#tallyAt = this.#book.size === 0 ? Infinity : now + tallyEveryMs;
    for (const [id, bucket] of this.#changes) if (bucket.full(now)) this.#changes.delete(id);
    const tally = this.#tally();
    for (const link of this.#ports.links()) this.#ports.send(link, tally);
  }

  #take(now: number, from: string, credential: Uint8Array, document: Uint8Array): void {
    const announcement = parseAnnouncement(document);
    if (!announcement) return;
    const id = nodeIdText(nodeIdOf(announcement.nodeKey));
    if (announcement.serial <= this.#book.serialOf(id)) return;
    if (!this.#budget(now, from).announces.take(1, now)) return;
    const member = this.#ports.memberOf(credential, from);
    if (member?.idText !== id) return;
    if (id === this.#self) {
      if (isGenuineAnnouncement(document, member.key)) this.#ports.outdone(announcement.serial);
      return;
    }
    const dateMs = this.#ports.date();
    const listening = now - this.#linkedAt >= listeningMs;
    const verdict = this.#book.take(member, document, {
      dateMs,
      rankOf: (_, since) => (listening ? dateMs : since),
      // Not before it is genuine: else anybody could use up what is somebody else's.
      admit: () => this.#mayChange(now, id),
    });
    if (verdict === 'right') this.#ports.refused(member);
    if (verdict !== 'new') return;
    this.tell(now, id, from);
    this.#ports.changed();
  }

  #answer(now: number, to: string, message: Extract<SubnetsMessage, { type: 'inventory' }>): void {
    const theirs = new Map(message.entries.map(({ id, serial }) => [id, serial]));
    const { answers } = this.#budget(now, to);
    let lacking = false;
    for (const { id, serial } of this.#book.inventory()) {
      if (id <= message.from || id > message.to) continue;
      const has = theirs.get(id) ?? -1;
      theirs.delete(id);
      if (has > serial) lacking = true;
      const announce = has < serial ? this.#announce(id) : undefined;
      if (announce && answers.take(1, now)) this.#ports.send(to, announce);
    }
    if (lacking || theirs.size > 0) this.#sendInventory(now, to);
  }

  #sendInventory(now: number, to: string): void {
    if (!this.#inventories.due(to, now)) return;
    const all = this.#book.inventory();
    let from = firstId;
    for (let at = 0; at === 0 || at < all.length; at += maxInventory) {
      const entries = all.slice(at, at + maxInventory);
      const last = at + maxInventory >= all.length ? lastId : (entries.at(-1)?.id ?? lastId);
      this.#ports.send(to, { type: 'inventory', from, to: last, entries });
      from = last;
    }
  }

  #announce(idText: string): SubnetsMessage | undefined {
    const held = this.#book.get(idText);
    if (!held || held.member.credential.length + held.document.length > announceLimit) return undefined;
    return { type: 'announce', credential: held.member.credential, announcement: held.document };
  }

  #tally(): Extract<SubnetsMessage, { type: 'tally' }> {
    if (!this.#digest) {
      const writer = new ByteWriter(1_024);
      for (const { id, serial } of this.#book.inventory()) writer.bytes(utf8(id)).u64(serial);
      this.#digest = blake2s(writer.finish(), { dkLen: 32 }).slice(0, digestLength);
    }
    return { type: 'tally', count: this.#book.size, digest: this.#digest };
  }

  #budget(now: number, idText: string): Budget {
    let budget = this.#budgets.get(idText);
    if (!budget) {
      budget = {
        announces: new TokenBucket(announcesPerSecond, announcesBurst, now),
        answers: new TokenBucket(answersPerSecond, answersBurst, now),
      };
      this.#budgets.set(idText, budget);
    }
    return budget;
  }

  #mayChange(now: number, idText: string): boolean {
    let bucket = this.#changes.get(idText);
    if (!bucket) {
      bucket = new TokenBucket(changesPerSecond, changesBurst, now);
      this.#changes.set(idText, bucket);
    }
    return bucket.take(1, now);
  }
}

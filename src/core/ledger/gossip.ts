/**
 * Keeps the ledgers of connected members equal: who is told what, and when. A machine without I/O.
 *
 *   connected ──▶ have ⇄ have             each sends the other what it lacks: the first thing that passes between two members
 *   a new statement ──▶ part to everybody connected; twice a little later `have`, in case it was lost; then now and then
 *   a `have` that names what is not here ──▶ our `have`, again after a while, as long as that helps
 *
 * Nothing that comes is believed: a statement proves itself (ledger.ts), and what a member says that it has only decides
 * what it is sent, within a rate.
 */
import { TokenBucket } from '../lib/token-bucket.js';
import {
  beforeAll,
  maxAuthorsListed,
  partLength,
  type HaveMessage,
  type LedgerMessage,
  type PartMessage,
} from '../wire/ledger.js';
import { headsOf, maxAuthors, type Ledger, type LedgerVerdict, type Summary } from './ledger.js';
import { maxStatementLength, parseStatement, type Head, type Statement } from './statement.js';

/** After a change everybody is told what is here, so long after it, ms; each in case that the one before was lost. */
const remindMs = [300, 1_200] as const;
/** Everybody is told so often in any case. */
const everyMs = 60_000;
/** We ask again for what is missing after so long, longer each time that it brought nothing. */
const askFirstMs = 150;
const askLastMs = 60_000;
/** Parts that one member may cause us to send, at once and a second; about 100 kB of each. */
const partsAtOnce = 96;
const partsPerS = 96;
/** Parts of one answer: then the other side asks again, which paces it. */
const partsPerAnswer = 32;
/** Messages of one member that are looked at, at once and a second. */
const heardAtOnce = 600;
const heardPerS = 200;
/** A statement of more parts is not sent unasked. */
const pushedParts = 4;

export interface GossipPorts {
  readonly ledger: Ledger;
  /** To a connected member. May be lost on the way. */
  send(idText: string, message: LedgerMessage): void;
  /** Statements that were not here before: they are in the ledger now, and are to be kept. */
  taken(statements: readonly Uint8Array[], from: string): void;
  /** A statement came that cannot be used. */
  refused(verdict: LedgerVerdict, from: string): void;
}

interface Assembly {
  readonly hash: string;
  readonly bytes: Uint8Array;
  filled: number;
}

/** A member that is connected. */
interface Partner {
  /** What it said that it has; undefined before it said anything. */
  readonly has: Map<string, readonly Head[]>;
  readonly sending: TokenBucket;
  readonly hearing: TokenBucket;
  assembly: Assembly | undefined;
  /** When it is told next what is here. */
  tellAt: number;
  /** When it was told last. */
  toldAt: number;
  /** When it is asked for what is missing. */
  askAt: number;
  askMs: number;
  /** Reminders given since the last change. */
  reminders: number;
}

export class Gossip {
  readonly #ports: GossipPorts;
  readonly #partners = new Map<string, Partner>();
  /** Undefined: to be looked up. */
  #dueAt: number | undefined;

  constructor(ports: GossipPorts) {
    this.#ports = ports;
  }

  /** When `tick` has something to do. */
  get dueAt(): number {
    if (this.#dueAt === undefined) {
      let at = Infinity;
      for (const partner of this.#partners.values()) at = Math.min(at, partner.tellAt, partner.askAt);
      this.#dueAt = at;
    }
    return this.#dueAt;
  }

  /** A session stands: before anything else both tell what they have. */
  connected(now: number, id: string): void {
    this.#partners.set(id, {
      has: new Map(),
      sending: new TokenBucket(partsPerS, partsAtOnce, now),
      hearing: new TokenBucket(heardPerS, heardAtOnce, now),
      assembly: undefined,
      toldAt: now,
      tellAt: now + remindMs[1],
      askAt: Infinity,
      askMs: askFirstMs,
      reminders: 1,
    });
    this.#changed();
    this.#tell(id);
  }

  disconnected(id: string): void {
    this.#partners.delete(id);
    this.#changed();
  }

  /** Statements that are in the ledger now, and came by another way than a member: our own, or a relay's. */
  said(now: number, statements: readonly Uint8Array[]): void {
    this.#pass(now, statements, undefined);
  }

  receive(now: number, id: string, message: LedgerMessage): void {
    const partner = this.#partners.get(id);
    if (!partner?.hearing.take(1, now)) return;
    if (message.type === 'have') this.#has(now, id, partner, message);
    else this.#part(now, id, partner, message);
  }

  tick(now: number): void {
    this.#changed();
    for (const [id, partner] of this.#partners) {
      const asks = now >= partner.askAt;
      if (!asks && now < partner.tellAt) continue;
      if (asks) {
        partner.askMs = Math.min(2 * partner.askMs, askLastMs);
        partner.askAt = this.#ports.ledger.lacks(partner.has) ? now + partner.askMs : Infinity;
      }
      if (now >= partner.tellAt) {
        partner.tellAt = now + (remindMs[++partner.reminders] ?? everyMs);
      }
      partner.toldAt = now;
      this.#tell(id);
    }
  }

  // What it has

  #has(now: number, id: string, partner: Partner, message: HaveMessage): void {
    const { ledger } = this.#ports;
    const named = new Map(message.authors.map(({ author, ends }) => [author, ends]));
    const last = message.authors.at(-1)?.author ?? message.after;
    const covers = (author: string): boolean => author > message.after && (message.toEnd || author <= last);
    for (const author of partner.has.keys()) if (covers(author)) partner.has.delete(author);
    for (const [author, ends] of named) if (partner.has.size < maxAuthors) partner.has.set(author, ends);
    const missing = ledger.missing(named).filter(({ authorText }) => covers(authorText));
    this.#send(now, id, partner, missing, message.begun);
    // What we told it a moment ago may have its answer on the way.
    if (ledger.lacks(named))
      partner.askAt = Math.min(partner.askAt, Math.max(now, partner.toldAt + partner.askMs));
    this.#changed();
    if (partner.askAt <= now) this.tick(now);
  }

  /** Tells a member what is here, and by that asks for the rest. */
  #tell(id: string): void {
    const { ledger } = this.#ports;
    const authors = headsOf(ledger).sort((a, b) => (a.author < b.author ? -1 : 1));
    const assembly = this.#partners.get(id)?.assembly;
    let after = beforeAll;
    do {
      const some = authors.splice(0, maxAuthorsListed);
      this.#ports.send(id, {
        type: 'have',
        after,
        toEnd: authors.length === 0,
        authors: some,
        ...(assembly && { begun: { hash: assembly.hash, bytes: assembly.filled } }),
      });
      after = some.at(-1)?.author ?? after;
    } while (authors.length > 0);
  }

  #send(
    now: number,
    id: string,
    partner: Partner,
    statements: readonly Statement[],
    begun?: HaveMessage['begun'],
  ): void {
    let room = partsPerAnswer;
    for (const { hash, bytes } of statements) {
      let offset = begun?.hash === hash && begun.bytes < bytes.length ? begun.bytes : 0;
      for (; offset < bytes.length; offset += partLength) {
        if (room-- === 0 || !partner.sending.take(1, now)) return;
        const part = bytes.subarray(offset, offset + partLength);
        this.#ports.send(id, { type: 'part', hash, length: bytes.length, offset, bytes: part });
      }
    }
  }

  // What comes

  #part(now: number, id: string, partner: Partner, message: PartMessage): void {
    const filled = partner.assembly?.filled;
    const bytes = assemble(partner, message);
    if (!bytes) {
      if (partner.assembly?.filled === filled) return;
      // It goes on, so what is missing then is asked for soon; not while more is on its way.
      partner.askMs = askFirstMs;
      partner.askAt = now + askFirstMs;
      this.#changed();
      return;
    }
    const { ledger } = this.#ports;
    const verdict = ledger.take(bytes);
    if (verdict === 'forged') {
      this.#ports.refused(verdict, id);
      return;
    }
    const statement = parseStatement(bytes, ledger.networkKey);
    if (statement) this.#note(partner, statement);
    if (verdict === 'new' || verdict === 'fork') {
      this.#ports.taken([bytes], id);
      this.#pass(now, [bytes], id);
      partner.askMs = askFirstMs;
    } else if (verdict !== 'known') this.#ports.refused(verdict, id);
    partner.askAt = ledger.lacks(partner.has) ? now + partner.askMs : Infinity;
    this.#changed();
  }

  /** It sent this statement, so it has it, and all before. */
  #note(partner: Partner, { authorText, sequence, hash }: Statement): void {
    const before = partner.has.get(authorText) ?? [];
    if (before.some((end) => end.sequence > sequence || end.hash === hash)) return;
    partner.has.set(authorText, [{ sequence, hash }]);
  }

  /** Everybody but who brought them gets the statements, and is told later what is here. */
  #pass(now: number, statements: readonly Uint8Array[], from: string | undefined): void {
    const { ledger } = this.#ports;
    const parsed = statements.flatMap((bytes) => parseStatement(bytes, ledger.networkKey) ?? []);
    const short = parsed.filter(({ bytes }) => bytes.length <= pushedParts * partLength);
    for (const [id, partner] of this.#partners) {
      if (id === from) continue;
      this.#send(
        now,
        id,
        partner,
        short.filter((statement) => !knows(partner.has, statement)),
      );
      partner.reminders = 0;
      partner.tellAt = now + (short.length < parsed.length ? 0 : remindMs[0]);
    }
    this.#changed();
  }

  #changed(): void {
    this.#dueAt = undefined;
  }
}

function knows(has: Summary, { authorText, hash }: Statement): boolean {
  return has.get(authorText)?.some((end) => end.hash === hash) ?? false;
}

/** A statement that is whole with this part. */
function assemble(partner: Partner, { hash, length, offset, bytes }: PartMessage): Uint8Array | undefined {
  if (length > maxStatementLength) return undefined;
  if (bytes.length === length) return bytes;
  if (offset === 0 && partner.assembly?.hash !== hash) {
    partner.assembly = { hash, bytes: new Uint8Array(length), filled: 0 };
  }
  const { assembly } = partner;
  if (assembly?.hash !== hash || assembly.filled !== offset || assembly.bytes.length !== length)
    return undefined;
  assembly.bytes.set(bytes, offset);
  assembly.filled += bytes.length;
  if (assembly.filled < length) return undefined;
  partner.assembly = undefined;
  return assembly.bytes;
}

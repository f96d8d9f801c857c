/**
 * What follows from the logs of a ledger: who is root and who admin, who is barred, which facts and policy hold. It is the
 * same for everybody who has the same statements, in whatever order they came.
 *
 *   rank 0   the root key, and those that replaced it
 *   rank 1   admins that a root named        rank 2   admins that they named        …
 *
 * An admin is ended by those above it and by its equals, not by those whom it named; so two statements never take the
 * ground from each other. Whom somebody above ended, says nothing any more that came after the end named. Who was ended by
 * an equal grants nothing after it, while its bars go on counting: two admins that end each other both lose their rights,
 * and no bar is lost. Nothing is ever given back: who was barred or ended comes again with another key.
 */
import type { Authority, SuccessionState } from '../identity/authority.js';
import { equalBytes, toHex } from '../lib/bytes.js';
import type { AuthorLog } from './author-log.js';
import { Successions } from './successions.js';
import { idOfKey, type ChangedFacts, type Head, type Said, type Statement } from './statement.js';

/** A root key or an admin, now or once. */
export interface Author {
  readonly key: Uint8Array;
  /** Hexadecimal. */
  readonly keyText: string;
  /** Node id; of a root key it means nothing. */
  readonly idText: string;
  readonly rank: number;
  /** False for who was removed, or replaced. */
  readonly active: boolean;
}

/** A member that is barred. */
export interface MemberBar {
  readonly idText: string;
  readonly key: Uint8Array;
  /** As it was called. */
  readonly name: string;
  /** Empty when none was given. Written by an admin: for a terminal it goes through `printable`. */
  readonly reason: string;
  readonly time: number;
  /** Key of the author, hexadecimal. */
  readonly by: string;
}

/** Why a key counts no more that another took the place of. */
export const replacedReason = 'its key was replaced';

type Removal = Extract<Said, { kind: 'admin-remove' }>;

interface Ranked extends Author {
  active: boolean;
  /** Key of the admin of rank 1 in whose name it speaks where voices are counted: whom one admin named adds none. */
  readonly voice: string;
  /** Ends the log for everything. */
  end: Head | undefined;
  /** Ends it for what grants. */
  grantsEnd: Head | undefined;
  /** Who may stay of those that it admitted; undefined while it is active. */
  kept: Set<string> | undefined;
}

/** The kinds that take away: they count on both branches of a fork, and after an equal ended their author. */
const takesAway: ReadonlySet<Said['kind']> = new Set([
  'bar-member',
  'bar-invite',
  'admin-remove',
  'root-replace',
  // It ends a key; what it gives goes no further than what that key had.
  'succeed',
]);

export class Standing implements Authority {
  readonly #logs: ReadonlyMap<string, AuthorLog>;
  readonly #authors = new Map<string, Ranked>();
  readonly #bars = new Map<string, MemberBar>();
  /** Key of the invite, hexadecimal → who stays. */
  readonly #invites = new Map<string, Set<string>>();
  /** Who let a member in, by its id: voices. */
  readonly #approved = new Map<string, Set<string>>();
  #admission: { readonly approvals: number; readonly kept: ReadonlySet<string> } | undefined;
  readonly #relays = new Set<string>();
  readonly #successions = new Successions();
  #root: Ranked;
  #facts: { readonly facts: ChangedFacts; readonly hash: string } | undefined;
  #policy: { readonly serial: number; readonly document: Uint8Array; readonly hash: string } | undefined;

  readonly #pin: string | undefined;

  /**
   * @param networkKey the network's first root key. `logs`: by author, in hexadecimal
   * @param pin of several keys that are to follow a root key the one counts that is, or leads to, this one; else the first
   */
  constructor(networkKey: Uint8Array, logs: ReadonlyMap<string, AuthorLog>, pin?: Uint8Array) {
    this.#logs = logs;
    this.#pin = pin && toHex(pin);
    this.#root = this.#admit(networkKey, 0);
    this.#rank();
    for (const author of this.#authors.values()) this.#count(author);
    for (const { succeeded, late } of this.#successions.barred((id) => this.#bars.has(id))) {
      const { to: idText, from, key, time, by } = succeeded;
      const reason = late ? 'another key follows that one' : (this.#bars.get(from)?.reason ?? '');
      const name = this.#bars.get(from)?.name ?? '';
      this.#bar({ idText, key, name, reason, time, by });
    }
  }

  /** The root key that counts. */
  get rootKey(): Uint8Array {
    return this.#root.key;
  }

  /** The newest facts, as far as an admin changed them. */
  get facts(): ChangedFacts | undefined {
    return this.#facts?.facts;
  }

  /** The newest policy document, and its serial. */
  get policy(): { readonly serial: number; readonly document: Uint8Array } | undefined {
    return this.#policy;
  }

  /** Everybody who is or was root or admin. */
  get authors(): readonly Author[] {
    return [...this.#authors.values()];
  }

  /** Where the logs end of those whom somebody above ended, by key: nothing else of theirs counts. */
  get ends(): ReadonlyMap<string, Head> {
    return new Map(
      [...this.#authors.values()].flatMap(({ keyText, end }) => (end ? [[keyText, end] as const] : [])),
    );
  }

  /** Admins, those who are no more left out. */
  get admins(): readonly Author[] {
    return this.authors.filter(({ rank, active }) => rank > 0 && active);
  }

  get bars(): IterableIterator<MemberBar> {
    return this.#bars.values();
  }

  /** Keys of the invites that are barred, in hexadecimal, and how many members stay of each. */
  get barredInvites(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#invites;
  }

  /** Who barred somebody, for people: its name, else its id; `root` for a root key. `nameOf`: by node id. */
  speakerOf({ by }: MemberBar, nameOf: (idText: string) => string | undefined): string {
    const author = this.#authors.get(by);
    if (!author || author.rank === 0) return 'root';
    return nameOf(author.idText) ?? author.idText;
  }

  author(keyText: string): Author | undefined {
    return this.#authors.get(keyText);
  }

  /** Why a key counts no more: it was barred, or another took its place. */
  bar(idText: string): MemberBar | undefined {
    const bar = this.#bars.get(idText);
    const next = bar ? undefined : this.#successions.after(idText);
    if (!next) return bar;
    const { time, by, follows } = next;
    return { idText, key: follows.key, name: '', reason: replacedReason, time, by };
  }

  /** Node id of the key that took the place of this one; undefined while none did. */
  successorOf(idText: string): string | undefined {
    return this.#successions.after(idText)?.to;
  }

  /** How often the key of this membership was replaced since a date, ms since 1970. */
  successionsSince(idText: string, dateMs: number): number {
    return this.#successions.countSince(idText, dateMs);
  }

  /** True for a root key or an admin that may speak now. */
  maySign(key: Uint8Array): boolean {
    const author = this.#authors.get(toHex(key));
    return author?.active === true && !this.isBarred(author.idText);
  }

  // Authority

  mayIssue(issuer: Uint8Array, idText: string): boolean {
    const author = this.#authors.get(toHex(issuer));
    return author !== undefined && (author.kept === undefined || author.kept.has(idText));
  }

  isRoot(key: Uint8Array): boolean {
    return this.#authors.get(toHex(key))?.rank === 0;
  }

  isBarred(idText: string): boolean {
    return this.#bars.has(idText) || this.#successions.after(idText) !== undefined;
  }

  succession(followed: string, idText: string): SuccessionState {
    const next = this.successorOf(followed);
    if (next !== undefined) return next === idText && !this.#bars.has(followed) ? 'stated' : 'refused';
    return this.#bars.has(followed) ? 'refused' : 'open';
  }

  isInviteBarred(inviteKey: Uint8Array, idText: string): boolean {
    const kept = this.#invites.get(toHex(inviteKey));
    return kept !== undefined && !kept.has(idText);
  }

  approvals(idText: string): number {
    const origin = this.#successions.originOf(idText);
    return Math.max(this.#approved.get(idText)?.size ?? 0, this.#approved.get(origin)?.size ?? 0);
  }

  admission(idText: string): number {
    const rule = this.#admission;
    if (rule === undefined || rule.kept.has(idText)) return 0;
    return rule.kept.has(this.#successions.originOf(idText)) ? 0 : rule.approvals;
  }

  /** How many admins must let in who joins now. */
  get admissionRule(): number {
    return this.#admission?.approvals ?? 0;
  }

  /** Voices that can be given now, by the key of the admin in whose name they are. */
  get voices(): ReadonlySet<string> {
    return new Set(
      [...this.#authors.values()].flatMap((author) =>
        author.rank > 0 && author.active ? [author.voice] : [],
      ),
    );
  }

  /** True when the admin with this key, or one in whose name it speaks, let the member in. */
  hasLetIn(keyText: string, idText: string): boolean {
    const voice = this.#authors.get(keyText)?.voice;
    return voice !== undefined && this.#approved.get(idText)?.has(voice) === true;
  }

  wasRelay(relayKey: Uint8Array): boolean {
    return this.#relays.has(toHex(relayKey));
  }

  // Who may speak

  /** @param by who named it */
  #admit(key: Uint8Array, rank: number, by?: Ranked): Ranked {
    const keyText = toHex(key);
    const author: Ranked = {
      key,
      keyText,
      voice: rank > 1 && by ? by.voice : rank === 0 ? 'root' : keyText,
      idText: idOfKey(key),
      rank,
      active: true,
      end: undefined,
      grantsEnd: undefined,
      kept: undefined,
    };
    this.#authors.set(keyText, author);
    return author;
  }

  /** Roots, then rank after rank: each is settled by those above it before it names the next. */
  #rank(): void {
    let level: Ranked[] = this.#roots();
    const above: Ranked[] = [];
    for (let rank = 1; level.length > 0; rank++) {
      above.push(...level);
      const named = level.flatMap((author) =>
        [...this.#granted(author)].flatMap(({ said }) =>
          said.kind === 'admin-add' ? [{ key: said.key, author }] : [],
        ),
      );
      level = named.flatMap(({ key, author }) =>
        this.#authors.has(toHex(key)) ? [] : [this.#admit(key, rank, author)],
      );
      const fromAbove = this.#removals(above);
      for (const author of level) this.#end(author, fromAbove, true);
      // Equals judge each other by what those above left of their words.
      const fromEquals = this.#removals(level);
      for (const author of level) this.#end(author, fromEquals, false);
    }
  }

  #roots(): Ranked[] {
    const roots = [this.#root];
    for (;;) {
      const root = this.#root;
      const named = this.#replacements(root.keyText);
      const replaced = named.length > 1 ? (named.find((one) => this.#leadsToPin(one)) ?? named[0]) : named[0];
      if (replaced?.said.kind !== 'root-replace') return roots;
      const { key, kept } = replaced.said;
      if (this.#authors.has(toHex(key))) return roots;
      root.end = root.grantsEnd = { sequence: replaced.sequence, hash: replaced.hash };
      root.kept = new Set(kept);
      root.active = false;
      this.#root = this.#admit(key, 0);
      roots.push(this.#root);
    }
  }

  /** Where a root key names one that is to follow it, first heard first. */
  #replacements(root: string): Statement[] {
    const said = [...(this.#logs.get(root)?.counting(undefined, false) ?? [])];
    return said.filter((statement) => statement.said.kind === 'root-replace');
  }

  /** True for a key that one of these names as the root key to follow it, whether that counts or not. */
  isNamedRoot(keyText: string, by: Iterable<string>): boolean {
    return [...by].some((root) =>
      this.#replacements(root).some(
        ({ said }) => said.kind === 'root-replace' && toHex(said.key) === keyText,
      ),
    );
  }

  #leadsToPin({ said }: Statement, depth = 0): boolean {
    if (said.kind !== 'root-replace' || depth > this.#logs.size) return false;
    const key = toHex(said.key);
    return key === this.#pin || this.#replacements(key).some((next) => this.#leadsToPin(next, depth + 1));
  }

  /** What these say of the end of others, by the key of whom it ends: one look at each statement, however many authors there are. */
  #removals(by: readonly Ranked[]): ReadonlyMap<string, Removal[]> {
    const found = new Map<string, Removal[]>();
    for (const author of by)
      for (const { said } of this.#said(author)) {
        if (said.kind !== 'admin-remove' || equalBytes(said.key, author.key)) continue;
        const key = toHex(said.key);
        const before = found.get(key);
        if (before) before.push(said);
        else found.set(key, [said]);
      }
    return found;
  }

  /** The earliest end counts, and who stays is who everybody kept. */
  #end(author: Ranked, removals: ReadonlyMap<string, Removal[]>, hard: boolean): void {
    for (const { sequence, head, kept } of removals.get(author.keyText) ?? []) {
      const end: Head = { sequence, hash: toHex(head) };
      if (hard) author.end = earlier(author.end, end);
      author.grantsEnd = earlier(author.grantsEnd, end);
      const before = author.kept;
      author.kept = new Set(before ? kept.filter((id) => before.has(id)) : kept);
      author.active = false;
    }
  }

  /** What counts of an author's words: what grants and what takes away. */
  *#said(author: Ranked): Generator<Statement> {
    yield* this.#granted(author);
    for (const statement of this.#logs.get(author.keyText)?.counting(author.end, false) ?? []) {
      if (takesAway.has(statement.said.kind)) yield statement;
    }
  }

  *#granted(author: Ranked): Generator<Statement> {
    for (const statement of this.#logs.get(author.keyText)?.counting(author.grantsEnd, true) ?? []) {
      if (!takesAway.has(statement.said.kind)) yield statement;
    }
  }

  // What they said

  #count(author: Ranked): void {
    for (const { said, hash, time } of this.#said(author)) {
      switch (said.kind) {
        case 'bar-member':
          this.#bar({ ...said, idText: idOfKey(said.key), time, by: author.keyText });
          break;
        case 'bar-invite': {
          const key = toHex(said.key);
          const before = this.#invites.get(key);
          this.#invites.set(key, new Set(before ? said.kept.filter((id) => before.has(id)) : said.kept));
          break;
        }
        case 'succeed':
          this.#successions.add(said.key, said.follows, time, author.keyText);
          break;
        case 'facts':
          for (const relay of said.relays) this.#relays.add(toHex(relay.key));
          if (isLater(said.serial, hash, this.#facts?.facts.serial, this.#facts?.hash)) {
            this.#facts = { facts: said, hash };
          }
          break;
        case 'policy':
          if (isLater(said.serial, hash, this.#policy?.serial, this.#policy?.hash)) {
            this.#policy = { serial: said.serial, document: said.document, hash };
          }
          break;
        case 'admit': {
          const voices = this.#approved.get(said.id);
          if (voices) voices.add(author.voice);
          else this.#approved.set(said.id, new Set([author.voice]));
          break;
        }
        case 'admission':
          // An admin alone could undo what is there against one that is stolen. Root keys are counted first to last.
          if (author.rank === 0) this.#admission = { approvals: said.approvals, kept: new Set(said.kept) };
          break;
        default:
      }
    }
  }

  /** Of several bars the first is told. */
  #bar(bar: MemberBar): void {
    const before = this.#bars.get(bar.idText);
    if (before && (before.time < bar.time || (before.time === bar.time && before.by <= bar.by))) return;
    this.#bars.set(bar.idText, bar);
  }
}

function earlier(a: Head | undefined, b: Head): Head {
  if (!a || b.sequence < a.sequence) return b;
  return b.sequence === a.sequence && b.hash < a.hash ? b : a;
}

function isLater(serial: number, hash: string, before: number | undefined, beforeHash = ''): boolean {
  return before === undefined || serial > before || (serial === before && hash > beforeHash);
}

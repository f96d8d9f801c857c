/**
 * The ledger of a network: the logs of its root key and its admins, and what follows from them. A machine: statements go
 * in, from anywhere, for each proves itself; it does not store and does not send.
 *
 *   statement ─▶ bounds ─▶ author known? ─▶ signature ─▶ its log ─▶ standing (who is root, admin, barred; facts, policy)
 *
 * Only authors that the ledger itself names are kept at all, so that nobody else can fill it.
 */
import { toHex } from '../lib/bytes.js';
import type { Keys } from '../identity/keys.js';
import type { AuthorEnds } from '../wire/ledger.js';
import { AuthorLog } from './author-log.js';
import { Standing } from './standing.js';
import {
  isGenuine,
  parseStatement,
  signStatement,
  type Head,
  type Said,
  type Statement,
} from './statement.js';

/** Statements of one author, both branches counted. */
export const maxStatements = 4_096;
/** Bytes of all admins together, and of one. */
export const maxAdminsBytes = 1_048_576;
export const maxAdminBytes = 262_144;
/** Bytes of all root keys: room that no admin can fill. */
export const maxRootBytes = 524_288;
/** Authors that are kept. */
export const maxAuthors = 128;

/** What ends the log of somebody else. */
const ending: ReadonlySet<Said['kind']> = new Set(['admin-remove', 'root-replace']);

export type LedgerVerdict =
  /** Taken. */
  | 'new'
  /** Taken; it proves that its author forked its log. */
  | 'fork'
  | 'known'
  /** Statements of this author before it are missing. */
  | 'gap'
  /** No statement of this network, or not signed by its author. */
  | 'forged'
  /** Its author was never named root or admin here, as far as is known. */
  | 'stranger'
  /** Its author forked its log already, or said all that counts before somebody above ended it. */
  | 'stray'
  /** A root key that was replaced names another that is to follow it: somebody has it who should not. */
  | 'rival'
  | 'full';

/** Where each author's log ends here, by the author's key in hexadecimal: one end, or two of a log that forked. */
export type Summary = ReadonlyMap<string, readonly Head[]>;

/** Where each log ends, as messages carry it. */
export function headsOf(ledger: Ledger): AuthorEnds[] {
  return [...ledger.summary()].map(([author, ends]) => ({ author, ends: [...ends] }));
}

export class Ledger {
  readonly networkKey: Uint8Array;
  readonly #logs = new Map<string, AuthorLog>();
  /** Those of the logs that are a root key's. */
  readonly #roots = new Set<string>();
  #standing: Standing | undefined;
  /** Where logs ended for good; undefined: to be looked up. */
  #ends: ReadonlyMap<string, Head> | undefined;
  #statements = 0;

  /** Key by whose word this machine joined; undefined when that is of no interest. */
  readonly #pin: Uint8Array | undefined;

  /**
   * @param networkKey the network's first root key
   * @param pin key that signed the invite by which this machine joined: where a root key named several to follow it, that
   * of them counts which leads to this one. Else the one that was heard of first
   */
  constructor(networkKey: Uint8Array, pin?: Uint8Array) {
    this.networkKey = networkKey;
    this.#pin = pin;
  }

  /** What follows from the statements that are here. A new object after every change. */
  get standing(): Standing {
    return (this.#standing ??= new Standing(this.networkKey, this.#logs, this.#pin));
  }

  /** How many statements are here: it rises with every one. */
  get serial(): number {
    return this.#statements;
  }

  /** The newest policy document, or undefined when the network has none. */
  get policy(): Uint8Array | undefined {
    return this.standing.policy?.document;
  }

  /** Takes a statement from anyone: it proves itself. Never throws. */
  take(bytes: Uint8Array): LedgerVerdict {
    const statement = parseStatement(bytes, this.networkKey);
    if (!statement) return 'forged';
    const kept = this.#logs.get(statement.authorText);
    // What is here was verified, and its hash says that this is the same.
    if (kept?.has(statement)) return 'known';
    // Whoever has a log was named before: the standing need not be made anew for each statement of many.
    if (!kept && !this.standing.author(statement.authorText) && !this.#mayLead(statement.authorText))
      return 'stranger';
    if (kept && this.#isOver(statement.authorText, kept)) {
      const rival = statement.said.kind === 'root-replace' && this.#roots.has(statement.authorText);
      return rival && isGenuine(statement, this.networkKey) ? 'rival' : 'stray';
    }
    if (!this.#hasRoom(statement, kept)) return 'full';
    if (!isGenuine(statement, this.networkKey)) return 'forged';
    const log = kept ?? new AuthorLog();
    const verdict = log.take(statement);
    if (verdict === 'new' || verdict === 'fork') {
      if (!kept) this.#add(statement.authorText, log);
      this.#statements++;
      this.#standing = undefined;
      if (ending.has(statement.said.kind)) this.#ends = undefined;
    }
    return verdict;
  }

  /**
   * Signs a statement, takes it, and returns its bytes.
   *
   * @throws RangeError when the author may not speak here, has no room left, or says more than a statement holds.
   */
  say(said: Exclude<Said, { kind: 'unknown' }>, author: Keys, dateMs: number): Uint8Array {
    const head = this.headOf(author.publicKey);
    const bytes = signStatement(said, head, author, this.networkKey, dateMs);
    const verdict = this.take(bytes);
    if (verdict !== 'new') throw new RangeError(`the statement was not taken: ${verdict}`);
    return bytes;
  }

  /** Another ledger with the same statements, which were verified here. */
  clone(): Ledger {
    const out = new Ledger(this.networkKey, this.#pin);
    for (const [author, log] of this.#logs) {
      const copy = new AuthorLog();
      for (const statement of log.all()) copy.take(statement);
      out.#logs.set(author, copy);
    }
    for (const root of this.#roots) out.#roots.add(root);
    out.#statements = this.#statements;
    return out;
  }

  /** Where an author's log ends. */
  headOf(key: Uint8Array): Head {
    return (this.#logs.get(toHex(key)) ?? new AuthorLog()).head;
  }

  /** Where an author's words end that nobody can doubt: its last, or the last before it said two things at one place. */
  undisputedHeadOf(key: Uint8Array): Head {
    return (this.#logs.get(toHex(key)) ?? new AuthorLog()).undisputed;
  }

  /** The part of its room that is left to an author, 0 to 1: the tightest of its bounds. */
  spareOf(key: Uint8Array): number {
    const author = toHex(key);
    const log = this.#logs.get(author);
    const root = this.#rankOf(author) === 0;
    const all = this.#bytesOf(root);
    const used = root ? 0 : (log?.bytes ?? 0) / maxAdminBytes;
    const full = Math.max(
      used,
      (log?.size ?? 0) / maxStatements,
      all / (root ? maxRootBytes : maxAdminsBytes),
    );
    return Math.max(0, 1 - full);
  }

  /** Authors that said two things at one place, with both statements. */
  get forks(): { readonly author: string; readonly proof: readonly [Statement, Statement] }[] {
    return [...this.#logs].flatMap(([author, { proof }]) => (proof ? [{ author, proof }] : []));
  }

  summary(): Summary {
    return new Map([...this.#logs].map(([author, log]) => [author, log.heads]));
  }

  /** All statements, in an order in which an empty ledger takes them. */
  all(): Uint8Array[] {
    return this.missing(new Map()).map(({ bytes }) => bytes);
  }

  /** What somebody with this summary lacks, in an order in which it can take it: who is named comes after who named it. */
  missing(summary: Summary): Statement[] {
    const authors = [...this.#logs.keys()].sort((a, b) => this.#rankOf(a) - this.#rankOf(b));
    return authors.flatMap((author) => this.#logs.get(author)?.after(summary.get(author) ?? []) ?? []);
  }

  /** True when somebody with this summary has something that is not here. */
  lacks(summary: Summary): boolean {
    return [...summary].some(([author, heads]) => {
      const log = this.#logs.get(author);
      return heads.some((head) => head.sequence > 0 && !log?.has(head));
    });
  }

  #rankOf(author: string): number {
    return this.standing.author(author)?.rank ?? Infinity;
  }

  #add(author: string, log: AuthorLog): void {
    if (this.#rankOf(author) === 0 || this.#mayLead(author)) this.#roots.add(author);
    this.#logs.set(author, log);
  }

  /** All that counts of this author is here: more would only fill the room, whoever has the key now. */
  #isOver(author: string, log: AuthorLog): boolean {
    if (this.#awaitsPin && this.#roots.has(author)) return false;
    const end = (this.#ends ??= this.standing.ends).get(author);
    return end !== undefined && log.has(end);
  }

  /** The root key by whose word we joined is to come yet: what was heard before may be a thief's. */
  get #awaitsPin(): boolean {
    return this.#pin !== undefined && !this.standing.author(toHex(this.#pin));
  }

  /** While we wait for that key: one that a root key named, although another counts now. */
  #mayLead(author: string): boolean {
    return this.#awaitsPin && this.standing.isNamedRoot(author, this.#roots);
  }

  /** Bytes of all root keys, or of all admins. */
  #bytesOf(roots: boolean): number {
    let all = 0;
    for (const [author, { bytes }] of this.#logs) if (this.#roots.has(author) === roots) all += bytes;
    return all;
  }

  #hasRoom(statement: Statement, log: AuthorLog | undefined): boolean {
    const { authorText } = statement;
    const { length } = statement.bytes;
    const root = log ? this.#roots.has(authorText) : this.#rankOf(authorText) === 0;
    if (!log && this.#logs.size >= maxAuthors && !root) return false;
    if (log && log.size >= maxStatements) return false;
    if (this.#bytesOf(root) + length > (root ? maxRootBytes : maxAdminsBytes)) return false;
    return root || (log?.bytes ?? 0) + length <= maxAdminBytes;
  }
}

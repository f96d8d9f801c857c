/**
 * What one author said, in its order: an append-only chain of statements, each of which names the hash of the one before.
 *
 *   1 ─ 2 ─ 3 ─ 4 ─ 5          main: the branch that was heard first
 *            └─ 4'─ 5'         branch: a second one is the proof that the author lied, and is kept
 *
 * Of a log that forks, what grants counts up to the fork only (3 here); what takes away counts on both branches. A third
 * branch adds nothing and is not kept. Once somebody above said where the log ends, by hash, the chain to there counts, whole: whoever
 * comes by the key later makes no other past of it.
 */
import { emptyHead, type Head, type Statement } from './statement.js';

export type LogVerdict =
  /** Taken. */
  | 'new'
  /** Taken; it is the proof that the author forked its log. */
  | 'fork'
  | 'known'
  /** Statements before it are missing. */
  | 'gap'
  /** Its author forked its log already, and this is yet another branch. */
  | 'stray';

export class AuthorLog {
  readonly #main: Statement[] = [];
  /** Statements of the second branch; the first of them differs from `#main` at `#forkAt`. */
  readonly #branch: Statement[] = [];
  #forkAt = Infinity;
  #bytes = 0;

  /** Statements kept. */
  get size(): number {
    return this.#main.length + this.#branch.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The end of what was heard first: what the author's own next statement follows. */
  get head(): Head {
    const last = this.#main.at(-1);
    return last ? { sequence: last.sequence, hash: last.hash } : emptyHead;
  }

  /** Where both branches end. */
  get heads(): readonly Head[] {
    const other = this.#branch.at(-1);
    return other ? [this.head, { sequence: other.sequence, hash: other.hash }] : [this.head];
  }

  /** The last statement that nobody can doubt: the end, or what stands before the fork. */
  get undisputed(): Head {
    if (this.#forkAt === Infinity) return this.head;
    const last = this.#main[this.#forkAt - 2];
    return last ? { sequence: last.sequence, hash: last.hash } : emptyHead;
  }

  /** Sequence at which two statements stand; Infinity when the author kept to one. */
  get forkAt(): number {
    return this.#forkAt;
  }

  /** The two statements that prove the fork. */
  get proof(): readonly [Statement, Statement] | undefined {
    const ours = this.#main[this.#forkAt - 1];
    const other = this.#branch[0];
    return ours && other && [ours, other];
  }

  /** Takes a genuine statement of this author. */
  take(statement: Statement): LogVerdict {
    const { sequence, hash, previous } = statement;
    if (this.has({ sequence, hash })) return 'known';
    const before = this.head;
    if (sequence === before.sequence + 1 && previous === before.hash) {
      this.#main.push(statement);
      this.#bytes += statement.bytes.length;
      return 'new';
    }
    const last = this.#branch.at(-1);
    if (last) {
      if (sequence !== last.sequence + 1 || previous !== last.hash) {
        return sequence > last.sequence ? 'gap' : 'stray';
      }
      this.#branch.push(statement);
      this.#bytes += statement.bytes.length;
      return 'new';
    }
    if (sequence > before.sequence || previous !== this.#hashAt(sequence - 1)) return 'gap';
    this.#forkAt = sequence;
    this.#branch.push(statement);
    this.#bytes += statement.bytes.length;
    return 'fork';
  }

  /** True when this statement is kept, on either branch. */
  has({ sequence, hash }: Head): boolean {
    if (sequence === 0) return true;
    return this.#main[sequence - 1]?.hash === hash || this.#branch[sequence - this.#forkAt]?.hash === hash;
  }

  /** All statements, in an order in which another log takes them. */
  *all(): Generator<Statement> {
    yield* this.#main;
    yield* this.#branch;
  }

  /** What somebody lacks whose branches end at `heads`, in an order in which it can take it. */
  after(heads: readonly Head[]): Statement[] {
    const has = (log: readonly Statement[]): number => {
      let at = 0;
      for (const head of heads) {
        const found = log.findIndex(({ sequence, hash }) => sequence === head.sequence && hash === head.hash);
        at = Math.max(at, found + 1);
      }
      return at;
    };
    const onBranch = has(this.#branch);
    // Who has a part of the branch has what is before it.
    const onMain = Math.max(has(this.#main), onBranch > 0 ? this.#forkAt - 1 : 0);
    return [...this.#main.slice(onMain), ...this.#branch.slice(onBranch)];
  }

  /**
   * The statements that count, given where the log was ended: all of them, or the chain that leads to `end`.
   *
   * @param grants true leaves out what stands at or after a fork, unless the end says which branch is right
   */
  *counting(end: Head | undefined, grants: boolean): Generator<Statement> {
    if (end === undefined) {
      const limit = grants ? this.#forkAt : Infinity;
      for (const statement of this.all()) if (statement.sequence < limit) yield statement;
      return;
    }
    const onBranch = this.#branch[end.sequence - this.#forkAt]?.hash === end.hash;
    const onMain = end.sequence === 0 || this.#main[end.sequence - 1]?.hash === end.hash;
    // Where the end is not known here, yet, only what both branches share is beyond doubt.
    const shared = onMain ? end.sequence : Math.min(end.sequence, this.#forkAt - 1);
    for (const statement of this.#main) if (statement.sequence <= shared) yield statement;
    if (onBranch)
      for (const statement of this.#branch) if (statement.sequence <= end.sequence) yield statement;
  }

  #hashAt(sequence: number): string | undefined {
    return sequence === 0 ? emptyHead.hash : this.#main[sequence - 1]?.hash;
  }
}

/**
 * Which key follows which, of all that the ledger says. Of several that follow one the first counts, by the time of its
 * statement; the others are barred, and so are all that follow a key that is barred: who is revoked is so with whatever
 * key comes after. Everybody with the same statements comes to the same.
 */
import type { Succession } from '../identity/succession.js';
import { idOfKey } from './statement.js';

/** One key took the place of another. */
export interface Succeeded {
  /** Node ids. */
  readonly from: string;
  readonly to: string;
  /** When its author says that it was, ms since 1970. */
  readonly time: number;
  /** Key of the author, hexadecimal. */
  readonly by: string;
  readonly key: Uint8Array;
  readonly follows: Succession;
}

export class Successions {
  /** By the id that is followed. */
  readonly #next = new Map<string, Succeeded>();
  /** By the id that follows. */
  readonly #before = new Map<string, Succeeded>();
  readonly #late: Succeeded[] = [];

  add(key: Uint8Array, follows: Succession, time: number, by: string): void {
    const added: Succeeded = { from: idOfKey(follows.key), to: idOfKey(key), time, by, key, follows };
    const first = this.#next.get(added.from);
    if (first?.to === added.to) {
      if (isEarlier(added, first)) this.#next.set(added.from, added);
      return;
    }
    if (first && !isEarlier(added, first)) {
      this.#late.push(added);
      return;
    }
    if (first) this.#late.push(first);
    this.#next.set(added.from, added);
  }

  /** Called once all were added. Those that came too late, and what follows who is barred, with why. */
  *barred(
    isBarred: (idText: string) => boolean,
  ): Generator<{ readonly succeeded: Succeeded; readonly late: boolean }> {
    for (const succeeded of this.#next.values()) this.#before.set(succeeded.to, succeeded);
    const out = new Set<string>();
    const pending: { readonly succeeded: Succeeded; readonly late: boolean }[] = [
      ...this.#late.map((succeeded) => ({ succeeded, late: true })),
      ...[...this.#next.values()]
        .filter(({ from }) => isBarred(from))
        .map((succeeded) => ({ succeeded, late: false })),
    ];
    for (const found of pending) {
      const { to } = found.succeeded;
      if (out.has(to)) continue;
      out.add(to);
      yield found;
      const next = this.#next.get(to);
      if (next) pending.push({ succeeded: next, late: found.late });
    }
  }

  /** What followed this key, if anything did. */
  after(idText: string): Succeeded | undefined {
    return this.#next.get(idText);
  }

  /** The first key of the membership that this one is of now. */
  originOf(idText: string): string {
    let at = idText;
    // A ring of keys has no beginning, and nobody of it is a member.
    for (let i = 0; i < this.#before.size; i++) {
      const before = this.#before.get(at);
      if (!before) return at;
      at = before.from;
    }
    return at;
  }

  /** How often the key of this membership was replaced since a date, ms since 1970. */
  countSince(idText: string, dateMs: number): number {
    let count = 0;
    let at = idText;
    for (let i = 0; i < this.#before.size; i++) {
      const before = this.#before.get(at);
      if (!before) break;
      if (before.time >= dateMs) count++;
      at = before.from;
    }
    return count;
  }
}

function isEarlier(a: Succeeded, b: Succeeded): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return a.to === b.to ? a.by < b.by : a.to < b.to;
}

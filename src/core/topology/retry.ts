/**
 * Members that could not be reached, or fell silent: left alone for a while, because others still name them; and those
 * worth coming back to, so that two halves of a network that was cut find each other again.
 */
import type { Random } from '../lib/env.js';

/** How long a member is left alone after so many failures. */
const shunMs = [4_000, 8_000, 15_000, 30_000, 60_000] as const;
/** When a lost neighbour is tried again, after so many tries. */
const againMs = [
  1_500, 3_000, 6_000, 10_000, 15_000, 20_000, 30_000, 30_000, 60_000, 60_000, 120_000,
] as const;
const maxShunned = 1_024;
const maxLost = 24;

interface Shunned {
  until: number;
  failures: number;
}

export class Retry {
  readonly #random: Random;
  readonly #shunned = new Map<string, Shunned>();
  readonly #lost = new Map<string, { at: number; tries: number }>();
  nextAt = Infinity;

  constructor(random: Random) {
    this.#random = random;
  }

  /** True while nothing is to be begun with this member. */
  shuns(now: number, id: string): boolean {
    if (this.#shunned.size === 0) return false;
    const shunned = this.#shunned.get(id);
    return shunned !== undefined && now < shunned.until;
  }

  /** A connection did not come about. */
  failed(now: number, id: string): void {
    const failures = (this.#shunned.get(id)?.failures ?? 0) + 1;
    const wait = shunMs[Math.min(failures, shunMs.length) - 1] as number;
    this.#shunned.delete(id);
    this.#shunned.set(id, { until: now + wait, failures });
    this.#bound(this.#shunned, maxShunned);
  }

  /** A link is gone. `again`: come back to it. */
  lost(now: number, id: string, again: boolean): void {
    this.#shunned.delete(id);
    this.#shunned.set(id, { until: now + (shunMs[1] as number), failures: 1 });
    this.#bound(this.#shunned, maxShunned);
    if (!again) return;
    this.#lost.delete(id);
    this.#lost.set(id, { at: now + this.#wait(0), tries: 0 });
    this.#bound(this.#lost, maxLost);
    this.#schedule();
  }

  /** It lives: somebody says so, or it is connected. */
  forgive(id: string): void {
    this.#shunned.delete(id);
    if (this.#lost.delete(id)) this.#schedule();
  }

  clear(): void {
    this.#shunned.clear();
    this.#lost.clear();
    this.nextAt = Infinity;
  }

  /** Members to be tried again now; they are not shunned any more. */
  due(now: number): string[] {
    if (now < this.nextAt) return [];
    const out: string[] = [];
    for (const [id, entry] of this.#lost) {
      if (now < entry.at) continue;
      out.push(id);
      this.#shunned.delete(id);
      if (++entry.tries >= againMs.length) this.#lost.delete(id);
      else entry.at = now + this.#wait(entry.tries);
    }
    this.#schedule();
    return out;
  }

  #wait(tries: number): number {
    return (againMs[tries] as number) * (0.75 + this.#random.unit() / 2);
  }

  #schedule(): void {
    this.nextAt = Infinity;
    for (const { at } of this.#lost.values()) this.nextAt = Math.min(this.nextAt, at);
  }

  #bound(map: Map<string, unknown>, limit: number): void {
    if (map.size > limit) map.delete(map.keys().next().value as string);
  }
}

/**
 * The second way of one peer: by it goes everything as well while the one in use is in doubt (peer/doubt.ts). It is asked meanwhile,
 * so that who does not answer can be told from who is not reached. No I/O; times are monotonic ms.
 */
import type { BesidePath } from '../dataplane/plane/plane.js';
import { Doubt } from '../peer/doubt.js';
import { askMs, type PingedPath } from '../peer/liveness.js';
import type { RelayChoice } from './path.js';
import { timeoutMs } from '../peer/round-trip.js';
import { Way } from './way.js';

/**
 * A way through relays that brings nothing to this peer, while another does, is left alone for so long; twice as long where it is left again
 * before it worked for as long: a relay that answers for itself and forwards nothing would have paths change every minute.
 */
const shunMs = 60_000;
const longestShunMs = 600_000;
/** A second way that does not answer for so long, or what an answer by the one in use may take, gives its place to the next. */
const secondMs = 1_000;
/** Doubt is this old at least before a way is left for its silence, ms: what is looked at in time is, by then. */
const youngMs = 700;

export class Beside {
  readonly doubt = new Doubt();
  #way: Way | undefined;
  /** When a second way took its place. */
  #secondAt = -Infinity;
  readonly #shunned = new Map<string, { readonly until: number; readonly ms: number }>();

  /** While there is doubt, and another way. */
  get way(): Way | undefined {
    return this.#way;
  }

  /** For the plane. */
  get path(): BesidePath | undefined {
    const path = this.#way?.path;
    return path?.kind === 'overlay' ? undefined : path;
  }

  /** When `look` has something to do. */
  dueAt(inUse: PingedPath, heardAt: number): number {
    const ask = this.#way ? this.#way.lastPingAt + askMs : Infinity;
    return Math.min(ask, this.doubt.dueAt(inUse, heardAt));
  }

  /**
   * Looks at the way in use. True when the plane is to be told of another second way, or of none.
   *
   * @param label of the way in use
   * @param ways that there are, best first
   */
  look(
    now: number,
    label: string,
    inUse: PingedPath,
    heardAt: number,
    ways: () => readonly RelayChoice[],
  ): boolean {
    this.doubt.look(now, inUse, heardAt);
    const before = this.#way?.label;
    const others = this.doubt.doubted
      ? ways().filter((way) => way.label !== label && way.path.kind !== 'overlay')
      : [];
    const second = this.#second(now, timeoutMs(inUse), others);
    if (!second) this.#way = undefined;
    else if (second.label === before && this.#way) this.#way.choice = second;
    else {
      this.#way = new Way(second);
      this.#secondAt = now;
    }
    return this.#way?.label !== before;
  }

  #second(now: number, answerMs: number, others: readonly RelayChoice[]): RelayChoice | undefined {
    const way = this.#way;
    const at = others.findIndex(({ label }) => label === way?.label);
    if (!way || at < 0) return others[0];
    const silent = way.lastPongAt < this.#secondAt && now >= this.#secondAt + Math.max(secondMs, answerMs);
    return others[silent ? (at + 1) % others.length : at];
  }

  /** The other way is better, for all that is known. */
  wins(now: number, inUse: PingedPath): boolean {
    return this.#way !== undefined && this.doubt.loses(now, inUse, this.#way.lastPongAt);
  }

  /**
   * It is too early to leave the way in use, whatever its silence. There is no doubt yet, or it has just begun: who looks late has
   * answers waiting. Or by the other way nothing comes either: the peer is held up, or both are cut, and leaving one helps in neither case. False once that lasts.
   *
   * @param heardAt when anything of the peer came, by whatever way
   */
  spares(now: number, heardAt: number): boolean {
    const { doubted, since } = this.doubt;
    if (since === Infinity || now < since + youngMs) return true;
    if (!doubted || !this.#way || this.#way.missed === 0) return false;
    return Math.max(heardAt, this.#way.lastPongAt) <= since;
  }

  /** Another way is in use from now on: nothing held against the one before holds. The second way, if that is it. */
  take(label: string | undefined): Way | undefined {
    const way = this.#way?.label === label ? this.#way : undefined;
    this.#way = undefined;
    this.doubt.clear();
    return way;
  }

  /** The way of this label is not to be taken for a while. */
  shun(now: number, label: string): void {
    for (const [known, { until, ms }] of this.#shunned) if (now >= until + ms) this.#shunned.delete(known);
    const before = this.#shunned.get(label);
    const ms = before ? Math.min(2 * before.ms, longestShunMs) : shunMs;
    this.#shunned.set(label, { until: now + ms, ms });
  }

  /** The best that may be taken. */
  best(now: number, ways: readonly RelayChoice[]): RelayChoice | undefined {
    return ways.find(({ label }) => now >= (this.#shunned.get(label)?.until ?? -Infinity)) ?? ways[0];
  }

  /** Nothing that was learnt holds. */
  reset(): void {
    this.take(undefined);
    this.#shunned.clear();
  }
}

/**
 * The second way of one peer: by it goes everything as well while the one in use is in doubt (peer/doubt.ts). It is asked meanwhile,
 * so that who does not answer can be told from who is not reached. No I/O; times are monotonic ms.
 */
import type { BesidePath } from '../dataplane/plane/plane.js';
import { Doubt } from '../peer/doubt.js';
import { askMs, type PingedPath } from '../peer/liveness.js';
import type { RelayChoice } from './path.js';
import { Way } from './way.js';

/** A way through relays that brings nothing to this peer, while another does, is left alone for so long. */
const shunMs = 60_000;
/** Doubt is this old at least before a way is left for its silence, ms: what is looked at in time is, by then. */
const youngMs = 700;

export class Beside {
  readonly doubt = new Doubt();
  #way: Way | undefined;
  #shunned: string | undefined;
  #shunnedUntil = -Infinity;

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
    const second = this.doubt.doubted
      ? ways().find((way) => way.label !== label && way.path.kind !== 'overlay')
      : undefined;
    if (!second) this.#way = undefined;
    else if (second.label === before && this.#way) this.#way.choice = second;
    else this.#way = new Way(second);
    return this.#way?.label !== before;
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
    this.#shunned = label;
    this.#shunnedUntil = now + shunMs;
  }

  /** The best that may be taken. */
  best(now: number, ways: readonly RelayChoice[]): RelayChoice | undefined {
    if (now >= this.#shunnedUntil) return ways[0];
    return ways.find(({ label }) => label !== this.#shunned) ?? ways[0];
  }

  /** Nothing that was learnt holds. */
  reset(): void {
    this.take(undefined);
    this.#shunnedUntil = -Infinity;
  }
}

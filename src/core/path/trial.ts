/**
 * A direct path that leads into an interface of which nobody sees on what it stands (tun, WireGuard, PPP) may lead through the
 * network itself: the tunnel's own packets go to a member. Such a path answers as long as it carries nothing. Once it is the
 * path, the tunnel's packets follow it into themselves and nothing answers ever again, while each of them goes round and round.
 * So it is asked as soon as it is taken, and left at once where that is not answered. One that stands on something else passes.
 * Where one did not, all addresses of the peer that lead into such interfaces are left alone for a while: a tunnel has several.
 * No I/O; times are monotonic ms.
 */
import { timeoutMs, type RoundTrip } from '../peer/round-trip.js';

/** After it was taken: packets that were under way are not asked about, and each of these pings may be lost. */
const askAfterMs = [40, 150, 300] as const;
/** It is left when none of them was answered for so long, or for twice what is measured. */
const patienceMs = 300;
/** Such paths are left alone for so long after one failed, and for twice as long after each further one. */
const firstBarMs = 60_000;
const longestBarMs = 600_000;

export class Trial {
  #since = Infinity;
  #patienceMs = 0;
  #asked = 0;
  #failures = 0;
  #barredUntil = -Infinity;

  /** Meanwhile nothing goes another way beside it: the tunnel's packets would get through by that. */
  get running(): boolean {
    return this.#since !== Infinity;
  }

  /** Before, no such path to the peer is taken. */
  get barredUntil(): number {
    return this.#barredUntil;
  }

  /** When `asks` or `failed` may have something to say; Infinity: no trial. */
  get dueAt(): number {
    return this.#since + (askAfterMs[this.#asked] ?? this.#endMs);
  }

  /** The path was taken now. */
  begin(now: number, path: RoundTrip): void {
    this.#since = now;
    this.#asked = 0;
    this.#patienceMs = Math.max(patienceMs, 2 * timeoutMs(path));
  }

  /** Passed, or there is another path. */
  end(): void {
    this.#since = Infinity;
  }

  /** A ping that went out then was answered: one that went while the path carried everything is what counts. */
  answered(sentAt: number): void {
    if (sentAt <= this.#since) return;
    this.end();
    this.#failures = 0;
  }

  /** True when it is to be asked now; it counts. */
  asks(now: number): boolean {
    const after = askAfterMs[this.#asked];
    if (after === undefined || now < this.#since + after) return false;
    this.#asked++;
    return true;
  }

  /** Asked often enough, and never answered: it is over, and others of the kind are barred. */
  failed(now: number): boolean {
    if (this.#asked < askAfterMs.length || now < this.#since + this.#endMs) return false;
    this.end();
    this.#barredUntil = now + Math.min(firstBarMs * 2 ** this.#failures++, longestBarMs);
    return true;
  }

  get #endMs(): number {
    return (askAfterMs.at(-1) as number) + this.#patienceMs;
  }
}

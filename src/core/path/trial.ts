/**
 * A direct path that leads into an interface of which nobody sees on what it stands (tun, WireGuard, PPP) may lead through the
 * network itself: the tunnel's own packets go to a member. Such a path answers as long as it carries nothing. Once it is the
 * path, the tunnel's packets follow it into themselves and nothing answers ever again, while each of them goes round and round.
 * So it is asked as soon as it is taken, and left at once where that is not answered. One that stands on something else passes.
 * No I/O; times are monotonic ms.
 */
import { timeoutMs, type RoundTrip } from '../peer/round-trip.js';

/** After it was taken: packets that were under way are not asked about, and each of these pings may be lost. */
const askAfterMs = [40, 150, 300] as const;
/** It is left when none of them was answered for so long, or for twice what is measured. */
const patienceMs = 300;

export class Trial {
  #since = Infinity;
  #patienceMs = 0;
  #asked = 0;

  get running(): boolean {
    return this.#since !== Infinity;
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
    if (sentAt > this.#since) this.end();
  }

  /** True when it is to be asked now; it counts. */
  asks(now: number): boolean {
    const after = askAfterMs[this.#asked];
    if (after === undefined || now < this.#since + after) return false;
    this.#asked++;
    return true;
  }

  /** Asked often enough, and never answered. */
  failed(now: number): boolean {
    return this.#asked >= askAfterMs.length && now >= this.#since + this.#endMs;
  }

  get #endMs(): number {
    return (askAfterMs.at(-1) as number) + this.#patienceMs;
  }
}

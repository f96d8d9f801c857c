/**
 * Which of the machine's default routes evio's packets leave by: the one that the kernel prefers, unless its far side is dead, which
 * no route tells. The next is taken where nothing at all is heard by the one in use, and left when that one is proven alive.
 *
 *   preferred ──nothing heard for 4.5 s──▶ next one ──the preferred one answered 3 times, 5 s apart──▶ preferred
 *       ▲                                    │ nothing heard by it in 10 s, nor by any other
 *       └────── pause 15 s, 30 s … 2 min ────┘
 *
 * Whoever goes back and has to leave again soon asks for twice as many answers, up to 24, so it does not go to and fro. A machine with
 * one default route stays where it is: it looks whether there is another when nothing is heard, no oftener than it pauses. No I/O; times
 * are ms of the clock.
 */

/** Nothing was heard for so long. A relay that is killed and started again is back by then. */
const silentMs = 4_500;
/** A way that was taken is given up when nothing was heard by it for so long. */
const trialMs = 10_000;
/** All were tried in vain: until they are tried again. */
const pauseMs = { first: 15_000, last: 120_000 } as const;
/** The preferred one is asked so often while it answers, and ever more seldom while it does not. */
const probeMs = { first: 5_000, last: 20_000 } as const;
/** So many answers in a row prove it alive. */
const proofs = { first: 3, last: 24 } as const;
/** What holds so long is steady: what was before is forgotten. */
const steadyMs = 600_000;

export interface UplinksPorts {
  /** Takes the way that passes over so many of the best. False where there is none: everything stays as it is. */
  take(over: number): boolean;
  /** Asks the preferred one; `proven` says later whether it answered. */
  probe(): void;
}

export class Uplinks {
  readonly #ports: UplinksPorts;
  #over = 0;
  /** When the way in use was taken. */
  #takenAt: number;
  /** No other is taken before. */
  #restUntil = -Infinity;
  #pauseMs: number = pauseMs.first;
  #probeAt = Infinity;
  #probeMs: number = probeMs.first;
  #proofs = 0;
  #proofsNeeded: number = proofs.first;

  constructor(now: number, ports: UplinksPorts) {
    this.#takenAt = now;
    this.#ports = ports;
  }

  /** So many of the best ways out are passed over. */
  get over(): number {
    return this.#over;
  }

  /** The kernel prefers another way, or the machine slept: nothing is known of any. */
  reset(now: number): void {
    this.#over = 0;
    this.#takenAt = now;
    this.#restUntil = -Infinity;
    this.#pauseMs = pauseMs.first;
    this.#proofsNeeded = proofs.first;
  }

  /** Something of the machine changed: a way may be there that was not. */
  look(): void {
    this.#restUntil = -Infinity;
  }

  /** @param heardAt when anything was heard from outside last */
  tick(now: number, heardAt: number): void {
    const heard = heardAt > this.#takenAt;
    if (now >= Math.max(heard ? heardAt + silentMs : this.#takenAt + trialMs, this.#restUntil)) {
      if (!this.#take(now, this.#over + 1)) this.#rest(now);
      return;
    }
    if (heard && now >= this.#takenAt + steadyMs) {
      this.#pauseMs = pauseMs.first;
      if (this.#over === 0) this.#proofsNeeded = proofs.first;
    }
    if (!heard || this.#over === 0 || now < this.#probeAt) return;
    this.#probeAt = Infinity;
    this.#ports.probe();
  }

  /** The answer to `probe`. */
  proven(now: number, alive: boolean): void {
    if (this.#over === 0 || this.#probeAt !== Infinity) return;
    this.#proofs = alive ? this.#proofs + 1 : 0;
    if (this.#proofs >= this.#proofsNeeded) {
      this.#proofsNeeded = Math.min(proofs.last, 2 * this.#proofsNeeded);
      this.#take(now, 0);
      return;
    }
    this.#probeMs = alive ? probeMs.first : Math.min(probeMs.last, 2 * this.#probeMs);
    this.#probeAt = now + this.#probeMs;
  }

  #take(now: number, over: number): boolean {
    if (!this.#ports.take(over)) return false;
    this.#over = over;
    this.#takenAt = now;
    this.#proofs = 0;
    this.#probeMs = probeMs.first;
    this.#probeAt = now + probeMs.first;
    return true;
  }

  /** None is left. */
  #rest(now: number): void {
    if (this.#over > 0) this.#take(now, 0);
    this.#restUntil = now + this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs.last, 2 * this.#pauseMs);
  }
}

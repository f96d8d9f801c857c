/**
 * How long a packet may be on one path to a peer, found out by trying (DPLPMTUD, RFC 8899). A machine without I/O; times are
 * monotonic ms, sizes are bytes of a ping.
 *
 *   begin ──▶ confirm ── full size answered ──────────────────────────────▶ rest
 *               ▲  │                                                         │ │
 *               │  └─ base answered, the longer one not ──▶ search ──found──▶┘ │ now and then: longer ones?
 *               │                                             ▲ └──────────────┘
 *               └──────────── in use, and a ping of the size in force is not answered (a black hole)
 *
 * A path is fit for use from the base size on. Pings of the search go out in a fan, since what counts is to know soon, and
 * the longest that is answered says all about the shorter ones. The path to a peer may differ from that back, so each side
 * finds out its own direction. Pings are not fragmented on the way, and what ICMP says is not asked.
 */

import type { PathWidth } from '../dataplane/plane/plane.js';
import { linePlaintext } from '../wire/packet.js';

/** Every path of IPv6 and most of IPv4 carries it, with the headers of a relay. */
export const basePing = 1_000;
/** A ping is given up after this, or two round trips. */
const leastWaitMs = 400;
/** Pings of full and of base size, before the path counts as one that carries neither. */
const confirmTries = 4;
/**
 * Of the size in force, pings in a row that are lost while one of base size is answered, before the path counts as one that does not
 * carry it any more; the first was that which was missed. Of 1,800 an hour 1 is lost so where 5 % of the packets are, each way.
 */
const lostInForce = 3;
/** Pings of different sizes at a time, and how often each is tried. */
const fan = 8;
const fanTries = 3;
/** The search ends when it knows the size to this many bytes. */
const closeEnough = 8;
/**
 * The full size has room for a tag, or for where an unfinished checksum lies. Whether frames pass that have neither, which is nearly
 * all of them, is found out to the byte: of an MTU of 1400 they just fit by a relay's IPv4 on lines of 1500.
 */
const seldom = 4;
/** In use, the size in force is tried this often. */
const beatMs = 2_000;
/** While frames go out and nothing comes back: this soon. */
const waitingMs = 700;
/** A path that carries neither is asked again after this time. */
const againMs = 30_000;
/** Longer ones are tried again after this time. RFC 8899 says 600 s. */
const raiseMs = 120_000;

type Phase = 'confirm' | 'search' | 'rest';

/** What a path carries now, as far as it is known here. */
export interface Use {
  readonly rttMs: number | null;
  /** Frames go by it. */
  readonly used: boolean;
  /** ms since frames began to go out with nothing coming back; 0 when there are none. */
  readonly waitingMs: number;
}

export class PathMtu {
  readonly #full: number;
  readonly #base: number;
  readonly #joins: boolean;
  #phase: Phase = 'rest';
  /** The longest that was answered; 0: none yet. */
  #proven = 0;
  /** Confirm: what is to be confirmed; search: what is not carried, or one more than what is wanted. */
  #target: number;
  /** Pings sent for the present step. */
  #sent = 0;
  /** Confirm: so many must have been sent before the answer to the base size alone says something. */
  #enough = 1;
  #baseAnswered = false;
  #fan: number[] = [];
  #raising = false;
  #dueAt = Infinity;
  /** When the size in force was last asked for, and when the first time since it was answered. */
  #askedAt = -Infinity;
  #unansweredSince: number | undefined;
  #raiseAt = Infinity;
  /** When it was found out. */
  #restedAt = -Infinity;

  /** @param joins the peer joins pieces; else a path carries full-size packets or is of no use */
  constructor(full: number, joins: boolean) {
    this.#full = full;
    this.#joins = joins;
    this.#base = joins ? Math.min(basePing, full) : full;
    this.#target = full;
  }

  /** The longest ping that the path carries, as far as is known; 0: none of use. */
  get proven(): number {
    return this.#proven;
  }

  get full(): boolean {
    return this.#proven === this.#full;
  }

  /**
   * The longest plaintext that may go as one packet, a ping and its kind; undefined: not known, or the peer joins no pieces. Floods
   * and envelopes are longer than a full frame. Where that passes they are taken to fit as well, as far as a line of 1500 bytes goes,
   * or without end where the frame is longer than that.
   */
  get limit(): number | undefined {
    if (this.#proven === 0 || !this.#joins) return undefined;
    if (!this.full) return this.#proven + 1;
    return this.#proven < linePlaintext ? linePlaintext : Infinity;
  }

  /** The limit for the data plane. */
  get width(): PathWidth {
    return { limit: this.limit, settling: this.#proven <= this.#base && !this.full };
  }

  /** Whether the size in force still passes is being found out: what vanishes now may be too long. */
  get inDoubt(): boolean {
    return this.#base < this.#full && (this.#phase === 'confirm' || this.#unansweredSince !== undefined);
  }

  /** The path answers: begins, or begins anew as if nothing were known. */
  begin(now: number): void {
    this.#proven = 0;
    this.#confirm(now, this.#full, 1);
  }

  /** What the process before found out. */
  adopt(now: number, proven: number): void {
    if (proven < this.#base) return this.begin(now);
    this.#proven = Math.min(proven, this.#full);
    this.#rest(now);
  }

  /**
   * It led nowhere for a while, and leads there again. False where nothing is known of it: it may have been gone when it was asked.
   *
   * @param answeredAt when anything was answered by it last
   */
  back(now: number, answeredAt: number): boolean {
    if (this.#phase !== 'rest' || this.#proven === 0 || answeredAt < this.#restedAt) return false;
    this.#askedAt = now;
    this.#unansweredSince = undefined;
    return true;
  }

  /** The way there may be another now: what is longer is tried again. */
  again(now: number): void {
    if (this.#phase === 'rest' && this.#proven > 0 && !this.full) this.#search(now, this.#full + 1, true);
  }

  /** When `tick` has something to say, if the path is used as told. */
  dueAt(use: Use): number {
    if (this.#phase !== 'rest') return this.#dueAt;
    return Math.min(this.#raiseAt, this.#askAt(use));
  }

  /** Sizes of the pings that are due, the longest first. */
  tick(now: number, use: Use): readonly number[] {
    if (now < this.dueAt(use)) return [];
    const wait = waitMs(use);
    if (this.#phase === 'confirm') return this.#tickConfirm(now, wait);
    if (this.#phase === 'search') return this.#tickSearch(now, wait);
    if (this.#proven === 0) {
      this.#confirm(now, this.#full, 1);
      return this.#tickConfirm(now, wait);
    }
    if (now >= this.#raiseAt) {
      this.#search(now, this.#full + 1, true);
      return this.#tickSearch(now, wait);
    }
    if (this.#unansweredSince !== undefined) {
      this.#confirm(now, this.#proven, lostInForce - 1);
      return this.#tickConfirm(now, wait);
    }
    this.asked(now, this.#proven);
    return [this.#proven];
  }

  /** A ping of this size goes out, on whoever's behalf. */
  asked(now: number, size: number): void {
    if (this.#phase !== 'rest' || this.#proven === 0 || size < this.#proven) return;
    this.#askedAt = now;
    this.#unansweredSince ??= now;
  }

  /** A ping of this size was answered. True when `proven` changed. */
  answered(now: number, size: number): boolean {
    const before = this.#proven;
    if (size >= this.#base && size > this.#proven) this.#proven = size;
    if (size >= this.#proven) this.#unansweredSince = undefined;
    if (this.#phase === 'confirm') {
      // When longer ones are tried stays as it was: on a path that loses much, there is always something to confirm.
      if (size >= this.#target) this.#rest(now, this.full ? Infinity : this.#raiseAt);
      else if (size >= this.#base) this.#baseAnswered = true;
    } else if (this.#phase === 'search') {
      if (this.#proven === this.#full) this.#rest(now);
      // Nothing longer is under way.
      else if (size === this.#fan[0]) this.#dueAt = now;
    }
    return this.#proven !== before;
  }

  #askAt({ used, waitingMs: waiting, rttMs }: Use): number {
    if (this.#unansweredSince !== undefined) return this.#unansweredSince + waitMs({ rttMs });
    if (!used || this.#proven === 0) return Infinity;
    return this.#askedAt + (waiting >= waitingMs ? waitMs({ rttMs }) : beatMs);
  }

  #confirm(now: number, target: number, enough: number): void {
    this.#phase = 'confirm';
    this.#target = target;
    this.#enough = enough;
    this.#sent = 0;
    this.#baseAnswered = false;
    this.#dueAt = now;
  }

  #tickConfirm(now: number, wait: number): readonly number[] {
    if (this.#baseAnswered && this.#sent >= this.#enough) {
      // The longer one was sent first, and more than once if it had been answered before.
      this.#proven = this.#base;
      this.#search(now, this.#target + 1, false);
      return this.#tickSearch(now, wait);
    }
    if (this.#sent === confirmTries) {
      this.#rest(now);
      return [];
    }
    this.#sent++;
    this.#dueAt = now + wait;
    return this.#target > this.#base ? [this.#target, this.#base] : [this.#target];
  }

  /** @param target the shortest that is not wanted */
  #search(now: number, target: number, raising: boolean): void {
    this.#phase = 'search';
    this.#target = target;
    this.#raising = raising;
    this.#fan = [];
    this.#dueAt = now;
  }

  #tickSearch(now: number, wait: number): readonly number[] {
    const open = this.#fan.filter((size) => size > this.#proven);
    if (open.length > 0 && this.#sent < fanTries) {
      this.#sent++;
      this.#dueAt = now + wait;
      return open;
    }
    const nothing = open.length > 0 && open.length === this.#fan.length;
    this.#target = open.at(-1) ?? this.#target;
    // Once at least it is tried: a full-size frame may be just a byte longer.
    const found = this.#fan.length > 0 && this.#target - 1 - this.#proven <= closeEnough;
    if (found || (this.#raising && nothing)) {
      this.#rest(now);
      return [];
    }
    this.#fan = this.#fanOf(this.#proven, this.#target - 1);
    this.#sent = 1;
    this.#dueAt = now + wait;
    return this.#fan;
  }

  /** Sizes above `low` up to `high`, evenly apart, and that of a frame without a tag; the longest first. */
  #fanOf(low: number, high: number): number[] {
    const untagged = this.#full - seldom;
    const named = low < untagged && untagged < high;
    const sizes = new Set(named ? [untagged] : []);
    const even = named ? fan - 1 : fan;
    for (let i = even; i > 0; i--) sizes.add(low + Math.ceil(((high - low) * i) / even));
    return [...sizes].sort((a, b) => b - a);
  }

  #rest(now: number, raiseAt?: number): void {
    this.#phase = 'rest';
    this.#restedAt = this.#askedAt = now;
    this.#unansweredSince = undefined;
    this.#fan = [];
    this.#raiseAt = raiseAt ?? (this.full ? Infinity : now + (this.#proven === 0 ? againMs : raiseMs));
  }
}

function waitMs({ rttMs }: Pick<Use, 'rttMs'>): number {
  return Math.max(leastWaitMs, 2 * (rttMs ?? 0));
}

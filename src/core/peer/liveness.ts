/**
 * Who decides that a peer is dead. This file with link-liveness.ts, and nobody else, for three things one above the other:
 *
 *   path     a way by which packets reach the peer directly     dead: the next best path is taken, usually a relay
 *   link     what the overlay keeps with the peer, by any path   suspect: others' packets go another way
 *                                                                dead: the overlay drops it and says goodbye
 *   session  the keys that both sides hold, by any path          renew: a new handshake; lost: everything begins anew
 *
 * All judge by the counters of the packet path (traffic.ts: what came, what went, when), looked at once for all of
 * them, and by what they asked: pings for paths, beats for links, handshakes for sessions. The lower one is quicker, so
 * that the upper one hears of it only when that did not help: a path that is silent under traffic is left after 2 s, and
 * a relay carries on before the link, which gives up after 4 s, has noticed more than a delay. A session outlives its
 * link by far: it matters alone for peers that the overlay does not hold, whose session came about without any path.
 *
 *   what                            path                    link                          session
 *   frames go out, nothing comes    1 s suspect, 2 s dead   0.6 s ask, 1.1 s suspect,     by a relay: 1.5 s the relay is
 *                                                           4 s dead                      asked, 3 s renew
 *   nothing is heard at all         ping after 3 to 10 s,   a beat (2 or 4 s) late by     15 s renew, 35 s lost
 *                                   4 unanswered: dead      0.4 s ask, 1.1 s suspect,
 *                                                           3.4 s dead
 *   the peer streams from elsewhere ask at once, unheard    -                             -
 *                                   until it answers
 *   a third party says it is gone   -                       ask at once, 1.6 s dead       -
 *   relays went, and its way too    -                       suspect, lives as the session -
 *   the same, relays are back       -                       suspect, 10 s dead            -
 *   pings pass, frames do not       20 frames: dead         -                             -
 *   keys grow old                   -                       -                             session.ts
 *
 *   UDP to a relay is dead when binds go unanswered for 1.25 s; while members' packets come through it, 2.5 s after the
 *   last of them, and 6 s after the first such bind; but not for 4 s after it said that another process of it goes on.
 *
 * Long before, a way is in doubt (doubt.ts): it was asked after 0.5 s of frames without an answer, and was silent 0.3 s more. From then
 * on everything goes by a second way as well, so that what is said here needs no hurry.
 *
 * All of it is for round trips that are short. Where they are long, or vary, the times stretch by what was measured
 * (round-trip.ts): a full uplink before a deep buffer holds everything for seconds, and congestion is not death. Until
 * that is measured, something that still arrives is a sign of life: what carries frames is not left because pings alone
 * go unanswered.
 *
 * Relay paths are not judged by the peer: the link to the relay is, once for all, and who sees a relayed peer fall silent
 * asks for that. Who acts: the prober for paths, the overlay for links, the peer for its session. The simulator
 * runs the overlay without any peer, so judges take numbers and times, and know no one. Times are monotonic ms.
 */
import { Elsewhere } from './elsewhere.js';
import { timeoutMs, type RoundTrip } from './round-trip.js';
import type { Traffic } from './traffic.js';

/* ---- Looking ---- */

/** While frames go to or come from a peer its counters are looked at this often: the finest that a verdict needs. */
const lookEveryMs = 250;
/** So long after the last frame. From then on the plane tells of new ones, which it does after 1 s without. */
const lookForMs = 2_000;

/* ---- Paths ---- */

/** A path is in use this long after its last frame. */
const usedMs = 5_000;
/** Heartbeats, in use and idle. Below the 30 s after which common NATs forget a mapping. */
const heartbeatUsedMs = 3_000;
const heartbeatIdleMs = 10_000;
/** A path in use that falls quiet is pinged this often: a NAT that lost its table opens again by our own packets. */
const quietMs = 1_000;
/** The same, and any other way in use, while frames go out and nothing comes in. */
export const askMs = 500;
/** A ping that is not answered after this time, or after what is measured, is followed by the next. */
const retryMs = 500;
/** So many in a row end the path, at the time when another would be due. */
const missesAllowed = 4;
/** What the addresses of this machine changed under counts as having missed so many. */
export const doubtfulMisses = 2;
/** Frames go out and nothing at all comes in: ask after this long or what is measured, leave the path after twice that. */
const pathSuspectMs = 1_000;
/**
 * Pings go unanswered while frames come in: they may wait in a queue that has just filled, and the path is kept until no
 * frame came for so long; or until nothing was answered for that long, when it is open one way only.
 */
const carriedMs = 700;
const oneWayMs = 8_000;
/** Frames sent between two pings that make an unmoved receive count at the peer a verdict. */
const eatenFrames = 20;
/** How long a path that ate payload is left alone. */
export const shunMs = 120_000;

/* ---- Relays ---- */

/** Binds go unanswered: dead after this long, or what is measured. */
const relayDeadMs = 1_250;
/** The same while packets come through it: so long after the last; and so long after the first bind whatever comes. */
const relayCarriedMs = 2_500;
const relayOneWayMs = 6_000;

/* ---- Sessions ---- */

/** Silence in spite of heartbeats: ask for new keys (the peer may have lost its own), then begin anew. */
const renewMs = 15_000;
const lostMs = 35_000;
/** Frames go out by a relay and nothing comes back for so long, or what is measured: ask the relay; after twice, the peer too. */
const relaySilentMs = 1_500;
/** A relayed peer that falls quiet after use: the relay is asked this often, for so long after the last frame. */
const relayQuietMs = 1_000;
const relayQuietForMs = 5_000;

/** When the counters of a peer are due to be looked at again because frames may flow; Infinity: the plane will tell. */
export function nextLook(traffic: Traffic, stirredAt: number): number {
  const until = Math.max(traffic.movedAt, stirredAt) + lookForMs;
  return traffic.lookedAt < until ? traffic.lookedAt + lookEveryMs : Infinity;
}

/** What is judged of a path: the state of its pings. */
export interface PingedPath extends Readonly<RoundTrip> {
  readonly lastPingAt: number;
  readonly lastPongAt: number;
  /** Pings since the last pong. */
  readonly missed: number;
}

export type PathVerdict =
  | { readonly kind: 'fine' }
  /** What stands behind all paths (the relays) had better be asked, and the path quicker than by heartbeats. */
  | { readonly kind: 'suspect' }
  | { readonly kind: 'dead'; readonly why: string };

const fine: PathVerdict = { kind: 'fine' };
const suspect: PathVerdict = { kind: 'suspect' };

/** How long a ping is left without an answer before the next one. */
function answerMs(path: PingedPath): number {
  return Math.max(retryMs, timeoutMs(path));
}

function missedAll(now: number, path: PingedPath): boolean {
  return path.missed >= missesAllowed && now >= path.lastPingAt + answerMs(path);
}

/** Whether the direct path in use lives, and when it is pinged. */
export class PathLiveness {
  #rxAt = -Infinity;
  #usedAt = -Infinity;
  /** When the present spell of use began: nothing can have been missing for longer. */
  #usedSince = -Infinity;
  #txSeen = 0;
  #rxSeen = 0;
  /** When frames were last seen to have come in. */
  #carriedAt = -Infinity;
  /** When something came from another endpoint of the peer, and whether it moved there. */
  #elsewhereAt = -Infinity;
  readonly #elsewhere = new Elsewhere();
  /** Frames went out after the last one came in. */
  #unanswered = false;
  #suspected = false;
  #judgedAt = -Infinity;
  /** Frames sent when the peer's count of received frames was last heard to move, and that count. */
  #proven: { readonly tx: number; readonly received: number } | undefined;

  /** Frames sent by direct paths, as far as seen. A ping takes the number along, for `eaten`. */
  get sent(): number {
    return this.#txSeen;
  }

  /** When something came in by the path last, as far as that is known. */
  get heardAt(): number {
    return this.#rxAt;
  }

  get suspected(): boolean {
    return this.#suspected;
  }

  used(now: number): boolean {
    return now < this.#usedAt + usedMs;
  }

  /** Another path is in use from now on, or the peer counts anew. */
  changed(): void {
    this.#proven = undefined;
    this.#suspected = false;
    this.#elsewhere.clear();
  }

  /** Something of the peer came from another endpoint. True: the path in use is to be asked at once. */
  elsewhere(now: number): boolean {
    this.#elsewhereAt = now;
    return this.#elsewhere.came(now);
  }

  /** The path answered a ping that went out then. */
  answered(sentAt: number): void {
    this.#elsewhere.answered(sentAt);
  }

  look(now: number, traffic: Traffic): void {
    const { txDirect, rxDirect } = traffic;
    const movedSince = this.#elsewhere.movedSince(now);
    if (txDirect !== this.#txSeen || rxDirect !== this.#rxSeen) {
      if (!this.used(now)) this.#usedSince = now;
      this.#usedAt = now;
    }
    if (rxDirect !== this.#rxSeen && movedSince === Infinity) {
      this.#unanswered = traffic.txAt > traffic.rxDirectAt;
      this.#carriedAt = now;
    } else if (txDirect !== this.#txSeen) this.#unanswered = true;
    this.#txSeen = txDirect;
    this.#rxSeen = rxDirect;
    this.#rxAt = movedSince === Infinity ? traffic.rxDirectAt : Math.min(this.#rxAt, movedSince);
  }

  /** @param spare names another path that works and has answered of late, if there is one */
  judge(now: number, path: PingedPath, spare: (now: number) => string | undefined): PathVerdict {
    this.#judgedAt = now;
    const since = this.#silentSince(path);
    this.#suspected = this.#unanswered && this.used(now) && now >= since + suspectAfterMs(path);
    if (this.#suspected) {
      const better = spare(now);
      if (better !== undefined) return { kind: 'dead', why: `silent, while ${better} answers` };
      if (now >= since + 2 * suspectAfterMs(path)) {
        return { kind: 'dead', why: `nothing came back for ${Math.round(now - since)} ms` };
      }
    }
    if (missedAll(now, path) && !this.#carries(now, path))
      return { kind: 'dead', why: `${path.missed} pings went unanswered` };
    return this.#suspected ? suspect : fine;
  }

  /**
   * The peer counts what it receives directly; when that stands still while we send, the path eats payload.
   *
   * @param sent `sent` when the ping went out: what went later may still be under way
   * @param received the count that the pong told
   * @returns how many frames vanished, 0 for none
   */
  eaten(sent: number, received: number): number {
    const before = this.#proven;
    if (before && sent - before.tx >= eatenFrames && received === before.received) return sent - before.tx;
    // Who was held up answers several pings with one count: what went until now may be in it.
    if (!before || received !== before.received || sent < before.tx)
      this.#proven = { tx: Math.max(sent, this.#txSeen), received };
    return 0;
  }

  /** When the path in use is to be pinged. */
  pingAt(path: PingedPath): number {
    if (path.missed > 0 || this.#suspected) return path.lastPingAt + answerMs(path);
    const quiet = this.#unanswered ? askMs : quietMs;
    return this.#paced(path.lastPingAt, Math.max(path.lastPingAt, this.#rxAt) + quiet);
  }

  /** When `judge` may say something else, or a ping is due, if the counters stand still. */
  dueAt(path: PingedPath): number {
    const ping = this.pingAt(path);
    if (!this.#unanswered) return ping;
    const since = this.#silentSince(path);
    const verdict = since + (this.#suspected ? 2 : 1) * suspectAfterMs(path);
    const due = verdict > this.#judgedAt && verdict < this.#usedAt + usedMs;
    return due ? Math.min(ping, verdict) : ping;
  }

  /** The heartbeat after the last one, `quiet` if that is sooner; both only while the path is in use. */
  #paced(lastPingAt: number, quiet: number): number {
    const used = Math.min(lastPingAt + heartbeatUsedMs, quiet);
    return used < this.#usedAt + usedMs ? used : lastPingAt + heartbeatIdleMs;
  }

  /** Frames still come in by it, and not for so long that only they do. */
  #carries(now: number, path: PingedPath): boolean {
    return (
      now >= this.#elsewhereAt + carriedMs &&
      now < this.#carriedAt + Math.max(carriedMs, timeoutMs(path)) &&
      now < path.lastPongAt + Math.max(oneWayMs, 2 * timeoutMs(path))
    );
  }

  #silentSince(path: PingedPath): number {
    return Math.max(this.#rxAt, path.lastPongAt, this.#usedSince);
  }
}

/**
 * When a way by relays or members is to be pinged while it is in use: for its round trip, and to be asked (doubt.ts).
 *
 * @param waitingSince when frames began to go out with nothing coming back, Infinity for never
 */
export function wayPace(way: PingedPath, used: boolean, waitingSince: number, doubted: boolean): number {
  if (doubted || way.missed === 1) return way.lastPingAt + answerMs(way);
  const paced = way.lastPingAt + (used ? heartbeatUsedMs : heartbeatIdleMs);
  return way.missed > 0 ? paced : Math.min(paced, Math.max(way.lastPingAt, waitingSince) + askMs);
}

function suspectAfterMs(path: PingedPath): number {
  return Math.max(pathSuspectMs, timeoutMs(path));
}

/** Whether a path that works, and is not the one in use, still does: it is kept warm, for a failover to go to. */
export const spares = {
  /** It has answered of late: better than one that is silent. */
  answers: (now: number, path: PingedPath): boolean => now < path.lastPongAt + pathSuspectMs,
  dead: missedAll,
  pingAt: (path: PingedPath): number =>
    path.lastPingAt + (path.missed > 0 ? answerMs(path) : heartbeatIdleMs),
};

/**
 * When UDP to a relay counts as dead.
 *
 * @param askedAt when the first bind went out that nothing answered
 * @param heardAt when something of a member came through the relay last
 */
export function relayDeadAt(askedAt: number, heardAt: number, trip: RoundTrip): number {
  const answerMs = timeoutMs(trip);
  if (heardAt <= askedAt) return askedAt + Math.max(relayDeadMs, answerMs);
  return Math.min(
    heardAt + Math.max(relayCarriedMs, answerMs),
    askedAt + Math.max(relayOneWayMs, 2 * answerMs),
  );
}

/** Renew: a new handshake, beside the keys that stand. Lost: no keys are worth anything any more. */
export type SessionVerdict = 'fine' | 'renew' | 'lost';

/**
 * Of a peer behind a relay. Quiet: UDP to the relay had better be tried. Silent: its WebSocket too. Renew: the same, and
 * the peer may have lost its keys.
 */
export type RelayedVerdict = 'fine' | 'quiet' | 'silent' | 'renew';

/** Whether the peer at the other end of the session lives, whatever path there is. */
export class SessionLiveness {
  #establishedAt = -Infinity;
  #judgedAt = -Infinity;
  #relayedSeen = 0;
  #silentAt = -Infinity;
  #quietAt = -Infinity;

  /** New keys are in use. */
  established(now: number): void {
    this.#establishedAt = now;
  }

  judge(now: number, traffic: Traffic): SessionVerdict {
    this.#judgedAt = now;
    const since = this.quietSince(traffic);
    if (now >= since + lostMs) return 'lost';
    return now >= since + renewMs ? 'renew' : 'fine';
  }

  /**
   * @param relayed packets go by a relay now
   * @param answerMs what an answer of the peer by it may take
   */
  judgeRelayed(now: number, traffic: Traffic, relayed: boolean, answerMs: number): RelayedVerdict {
    const more = traffic.txRelayed !== this.#relayedSeen;
    this.#relayedSeen = traffic.txRelayed;
    if (!relayed) return 'fine';
    const waiting = traffic.waiting(now);
    const silentMs = Math.max(relaySilentMs, answerMs);
    if (more && waiting >= silentMs && now >= this.#silentAt + silentMs) {
      this.#silentAt = this.#quietAt = now;
      return waiting >= 2 * silentMs ? 'renew' : 'silent';
    }
    if (now < this.#quietDueAt(traffic)) return 'fine';
    this.#quietAt = now;
    return 'quiet';
  }

  /** When a verdict may be another one, if nothing comes and nothing goes out. */
  dueAt(traffic: Traffic, relayed: boolean): number {
    const since = this.quietSince(traffic);
    const session = since + (this.#judgedAt >= since + renewMs ? lostMs : renewMs);
    return relayed ? Math.min(session, this.#quietDueAt(traffic)) : session;
  }

  /** Since when nothing was heard; keys that are new have a right to their time. */
  quietSince(traffic: Traffic): number {
    return Math.max(traffic.rxAt, this.#establishedAt);
  }

  #quietDueAt(traffic: Traffic): number {
    const due = Math.max(traffic.rxAt, this.#quietAt) + relayQuietMs;
    // From then on it does not count as fallen quiet any more, but as being at rest.
    const until = Math.min(traffic.rxAt, traffic.movedAt) + relayQuietForMs;
    return due < until && traffic.lookedAt < until ? due : Infinity;
  }
}

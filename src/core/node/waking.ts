/**
 * Peers after this machine slept. What they still hold of us nobody knows: most gave the link up after some seconds, and said so to a
 * machine that could not hear it. So with each there was, the session is begun anew at once, instead of when its silence is noticed:
 *
 *   asleep ──────────▶ woke ──────────────────────────▶ 5 s later
 *   a goodbye waits    peer connected: handshake, beside the keys there are
 *                      peer lost just before, or meanwhile (that goodbye, a link found silent): handshake
 */
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';

/** Who was lost so long before we noticed that we had slept was lost by it, ms: packets and timers wake in any order. */
const beforeMs = 2_000;
/** Who is lost so long afterwards was lost by what was said meanwhile, ms. */
const afterMs = 5_000;

export class Waking {
  readonly #members: Pick<Peers, 'all' | 'get'>;
  #wokeAt = -Infinity;
  /** Lost of late, the latest last; after waking those that were begun with again. */
  readonly #lost = new Map<Peer, number>();

  constructor(members: Pick<Peers, 'all' | 'get'>) {
    this.#members = members;
  }

  /** The machine slept until now. */
  woke(now: number): void {
    this.#wokeAt = now;
    for (const { member } of this.#members.all()) {
      // By its name, since it may be due at another time from now on.
      const peer = this.#members.get(member.idText);
      if (!peer) continue;
      if (peer.session.established) peer.session.renew(now);
      else if (now <= (this.#lost.get(peer) ?? -Infinity) + beforeMs) peer.connect(now);
    }
    this.#lost.clear();
  }

  /** The peer was connected, and is not any more. */
  lost(now: number, peer: Peer): void {
    const known = this.#lost.has(peer);
    this.#lost.delete(peer);
    for (const [other, at] of this.#lost) {
      if (now <= at + afterMs) break;
      this.#lost.delete(other);
    }
    this.#lost.set(peer, now);
    // Once: whoever says goodbye again means it. Who was removed is none any more.
    if (known || now > this.#wokeAt + afterMs || this.#members.get(peer.member.idText) !== peer) return;
    peer.connect(now);
  }
}

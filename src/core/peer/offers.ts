/** Candidates told to a peer until it accepts them, and taken from it, at a bounded rate. A machine without I/O. */
import { TokenBucket } from '../lib/token-bucket.js';
import type { Candidate } from '../wire/candidate.js';
import type { NatNews } from '../wire/nat.js';
import { encodeAccept, encodeNat, encodeOffer, type Control } from '../wire/control.js';
import type { HeldOffers } from './held.js';

/** An offer is repeated until it is accepted. */
const retryMs = 500;
const tries = 6;
/** Offers that are taken a second, and at once: each makes us ping addresses that the peer names. */
const takenPerSecond = 2;
const takenAtOnce = 4;
/** So long after an offer was taken, what our NAT is seen to do is what it did to the packets that the offer had us send, ms. */
const freshMs = 1_500;

export interface OffersPorts {
  /** Our candidates now. */
  candidates(): readonly Candidate[];
  /** What the peer should know of our NAT. */
  nat(): NatNews;
  /** Seals and sends a control message by the best way known. */
  send(message: Uint8Array): void;
}

export class Offers {
  readonly #ports: OffersPorts;
  readonly #bucket: TokenBucket;
  #sequence = 0;
  #tries = 0;
  #dueAt = Infinity;
  #takenSequence = -1;
  #taken: readonly Candidate[] = [];
  #takenAt = -Infinity;

  constructor(now: number, ports: OffersPorts) {
    this.#ports = ports;
    this.#bucket = new TokenBucket(takenPerSecond, takenAtOnce, now);
  }

  /** When an offer of ours is to be repeated, ms of the clock; Infinity: it was accepted, or given up. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** What the peer offered last. */
  get taken(): readonly Candidate[] {
    return this.#taken;
  }

  /** Offers our candidates anew. */
  offer(now: number): void {
    this.#sequence++;
    this.#tries = 0;
    this.#send(now);
  }

  accepted(sequence: number): void {
    if (sequence === this.#sequence) this.#dueAt = Infinity;
  }

  /**
   * An offer of the peer. True when it is news. What comes too fast is not accepted (`accept` sends that), so the peer
   * offers it again.
   */
  take(
    now: number,
    offer: Extract<Control, { type: 'offer' }>,
    accept: (message: Uint8Array) => void,
  ): boolean {
    const news = offer.sequence > this.#takenSequence;
    if (news && !this.#bucket.take(1, now)) return false;
    accept(encodeAccept(offer.sequence));
    if (!news) return false;
    this.#takenSequence = offer.sequence;
    this.#taken = offer.candidates;
    this.#takenAt = now;
    return true;
  }

  held(): HeldOffers {
    return { sent: this.#sequence, taken: this.#takenSequence };
  }

  /** Goes on counting where the process before stopped: the peer takes no older number. */
  adopt({ sent, taken }: HeldOffers): void {
    this.#sequence = sent;
    this.#takenSequence = taken;
  }

  /** The peer is another process now, and counts its offers anew. */
  restarted(): void {
    this.#takenSequence = -1;
  }

  /** The session is gone: nobody would understand an offer. */
  stop(): void {
    this.#dueAt = Infinity;
  }

  tick(now: number): void {
    if (now < this.#dueAt) return;
    if (this.#tries < tries) this.#send(now);
    else this.#dueAt = Infinity;
  }

  /**
   * It goes out with each offer, and when it is another. Ports are told only to whom packets just began to go: those of another time
   * are none of its, and it would open them for nothing.
   */
  tellNat(now: number): void {
    const nat = this.#ports.nat();
    const fresh = now - this.#takenAt <= freshMs;
    this.#ports.send(encodeNat(fresh ? nat : { ...nat, range: undefined }));
  }

  #send(now: number): void {
    this.#tries++;
    this.#dueAt = now + retryMs;
    this.#ports.send(encodeOffer(this.#sequence, this.#ports.candidates()));
    this.tellNat(now);
  }
}

/**
 * How members are met without a relay: somebody who is linked with both gives each the other's card (wire/ring.ts).
 *
 *   we ── meet B ──▶ friend       the friend, linked with both:  introduce(card of B) ──▶ us
 *                                                                introduce(our card)  ──▶ B
 *
 * A card's credential proves itself, its endpoints prove nothing: whoever takes it sends packets there. So a member may
 * cause only so many introductions, by cards that come with seeks and their answers too, and all members together only
 * so many. How many packets an address gets that cards name: peer/named-addresses.ts.
 */
import { SourceLimiter } from '../lib/source-limiter.js';
import { TokenBucket } from '../lib/token-bucket.js';
import type { Candidate } from '../wire/candidate.js';
import { encodeCard, parseCard } from '../wire/ring.js';
import type { LinkPeer, OverlayHostPorts } from './ports.js';

/** Introductions that one link may cause, ours to others and others to us: at once, and a second from then on. */
export const introductionsAtOnce = 24;
export const introductionsPerS = 5;
/** The same for all links together. */
export const introductionsInAllAtOnce = 96;
export const introductionsInAllPerS = 20;
/** Members whose budget is remembered: more than a node meets in the five seconds until it is full again. */
const budgetLimit = 16_384;

export type IntroductionPorts = Pick<
  OverlayHostPorts,
  'members' | 'send' | 'candidates' | 'credential' | 'refused'
>;

export class Introductions {
  readonly #ports: IntroductionPorts;
  /** By id. A member that is gone leaves its budget behind, so that it does not come back to a full one. */
  readonly #budgets = new SourceLimiter(introductionsPerS, introductionsAtOnce, budgetLimit);
  /** Full, whatever the time is. */
  readonly #all = new TokenBucket(introductionsInAllPerS, introductionsInAllAtOnce, 0);

  constructor(ports: IntroductionPorts) {
    this.#ports = ports;
  }

  /** Members that have drawn on their budget of late. */
  get budgets(): number {
    return this.#budgets.size;
  }

  /** Our own card. */
  card(): Uint8Array {
    return cardOf(this.#ports.credential(), this.#ports.candidates());
  }

  /** A seek, or the answer to ours, that came by the link `from` tells whose it is: no more is known than its card says. */
  learnt(now: number, from: string, card: Uint8Array): void {
    if (this.#may(now, from)) this.#take(now, card, from);
  }

  /** `friend` introduces another member, which hears of us at the same time. */
  introduce(now: number, friend: LinkPeer, card: Uint8Array): void {
    if (!this.#may(now, friend.member.idText)) return;
    // The friend is a way to it from now on.
    this.#take(now, card, friend.member.idText)?.waysChanged(now);
  }

  /** `peer` asks to be introduced to a link of ours: each gets the other's card. */
  meet(now: number, peer: LinkPeer, id: string): void {
    const other = this.#ports.members.get(id);
    if (!other || other === peer || other.state !== 'connected') return;
    if (!this.#may(now, peer.member.idText)) return;
    this.#ports.send(peer, { type: 'introduce', card: cardOfPeer(other) });
    this.#ports.send(other, { type: 'introduce', card: cardOfPeer(peer) });
  }

  /** This link may cause one introduction more; it counts. */
  #may(now: number, id: string): boolean {
    if (!this.#budgets.take(id, now)) {
      this.#ports.refused?.(id, 'over-limit');
      return false;
    }
    return this.#all.take(1, now);
  }

  /** The member of a card, unless it is connected already or the card is no good. */
  #take(now: number, bytes: Uint8Array, from: string): LinkPeer | undefined {
    const card = parseCard(bytes);
    const peer = card && this.#ports.members.take(card.credential, from);
    if (!card || !peer || peer.state === 'connected') return undefined;
    peer.introduced(now, card.candidates);
    return peer;
  }
}

function cardOf(credential: Uint8Array, candidates: readonly Candidate[]): Uint8Array {
  return encodeCard({ credential, candidates });
}

/** How a peer is met, as far as we know. */
function cardOfPeer(peer: LinkPeer): Uint8Array {
  return cardOf(peer.member.credential, peer.whereabouts);
}

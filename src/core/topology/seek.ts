/**
 * Finding the member nearest to a position through the links, when no rendezvous can be asked: each passes the seek to
 * the link that is nearest to the target, and whoever knows none nearer answers; the answer goes back the same way.
 */
import type { RingMessage } from '../wire/ring.js';
import type { Link } from './link.js';
import type { OverlayPorts } from './overlay-ports.js';
import { distance, positionOfText } from './position.js';
import type { Place } from './ring.js';

const maxHops = 32;
const lifeMs = 10_000;
const maxPending = 512;
/** Our own place is sought through new links no more often than this. */
const ownPlaceMs = 10_000;

interface Pending {
  /** The link that the seek came from; undefined: ours. */
  readonly from: string | undefined;
  readonly at: number;
}

type Ports = Pick<OverlayPorts, 'env' | 'send' | 'card' | 'received'>;
type Seek = Extract<RingMessage, { type: 'seek' }>;
type Sought = Extract<RingMessage, { type: 'sought' }>;

/** The links, as seeks go through them. */
interface Links extends Iterable<Link> {
  get(id: string): Link | undefined;
}

export class Seeker {
  readonly #self: Place;
  readonly #ports: Ports;
  readonly #links: Links;
  readonly #pending = new Map<number, Pending>();
  #ownPlaceAt = -Infinity;

  constructor(self: Place, ports: Ports, links: Links) {
    this.#self = self;
    this.#ports = ports;
    this.#links = links;
  }

  /** Seeks the members nearest to these positions. */
  positions(now: number, positions: readonly number[]): void {
    for (const position of positions) {
      // 52 bits of the target matter; the rest of the id is nobody's.
      const target = position.toString(16).padStart(13, '0').padEnd(32, '0');
      const next = this.#nearer(target, undefined);
      if (next) this.#begin(now, next, target);
    }
  }

  /** Asks a link that is new to us who sits around our own place, which joins two rings that did not know of each other. */
  ownPlace(now: number, link: Link): void {
    if (now - this.#ownPlaceAt < ownPlaceMs) return;
    this.#ownPlaceAt = now;
    this.#begin(now, link, this.#self.id);
  }

  /** A seek came in by `from`. */
  seek(now: number, from: Link, seek: Seek): void {
    if (this.#pending.has(seek.nonce)) return;
    this.#ports.received(from.id, seek.card);
    const next = seek.hops >= maxHops ? undefined : this.#nearer(seek.target, from);
    if (!next) {
      this.#ports.send(from.id, {
        type: 'sought',
        nonce: seek.nonce,
        id: this.#self.id,
        card: this.#ports.card(),
      });
      return;
    }
    this.#note(now, seek.nonce, from.id);
    this.#ports.send(next.id, { ...seek, hops: seek.hops + 1 });
  }

  /** An answer came in. True when it is to a seek of ours; others are passed back. */
  sought(now: number, from: Link, sought: Sought): boolean {
    const pending = this.#pending.get(sought.nonce);
    if (!pending) return false;
    this.#pending.delete(sought.nonce);
    if (now - pending.at > lifeMs) return false;
    if (pending.from === undefined) {
      this.#ports.received(from.id, sought.card);
      return sought.id !== this.#self.id;
    }
    if (this.#links.get(pending.from)?.up === true) this.#ports.send(pending.from, sought);
    return false;
  }

  #begin(now: number, link: Link, target: string): void {
    const nonce = Math.floor(this.#ports.env.random.unit() * Number.MAX_SAFE_INTEGER);
    this.#note(now, nonce, undefined);
    this.#ports.send(link.id, { type: 'seek', nonce, target, hops: 1, card: this.#ports.card() });
  }

  #note(now: number, nonce: number, from: string | undefined): void {
    this.#pending.set(nonce, { from, at: now });
    for (const [old, { at }] of this.#pending) {
      if (this.#pending.size <= maxPending && now - at <= lifeMs) break;
      this.#pending.delete(old);
    }
  }

  /** The link nearest to the target, when it is nearer than we are. Whoever seeks its own place is no answer to it. */
  #nearer(target: string, from: Link | undefined): Link | undefined {
    const goal = positionOfText(target);
    let best: Link | undefined;
    let bestAway = distance(this.#self.position, goal);
    for (const link of this.#links) {
      if (!link.up || link.leaf || link.suspect || link === from || link.id === target) continue;
      const away = distance(link.position, goal);
      if (away >= bestAway) continue;
      best = link;
      bestAway = away;
    }
    return best;
  }
}

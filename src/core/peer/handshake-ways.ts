/** By which ways a handshake reaches a peer: endpoints where it answered once, or that a friend named, and relays. */
import type { Path } from '../dataplane/plane/plane.js';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../lib/endpoint.js';
import { isProbeable } from '../surroundings/candidate.js';
import type { Candidate } from '../wire/candidate.js';

/** Remembered endpoints of a peer: the way back when no relay answers. */
const rememberedLimit = 4;
/** Endpoints that a mutual friend named, and ways that one handshake packet goes. */
const introducedLimit = 6;
const waysLimit = 10;
/** A named endpoint is forgotten after so many packets, or so long; the peer answers by then, or is not there. */
const introducedPackets = 6;
export const introducedMs = 15_000;

/** Endpoints of a peer on our own LAN, and how long they count after it said that it is there, ms. */
const nearbyLimit = 4;
const nearbyMs = 30_000;

/** An endpoint that proves nothing (named-addresses.ts). */
interface Introduced {
  readonly endpoint: Endpoint;
  readonly until: number;
  packets: number;
}

export class HandshakeWays {
  #remembered: readonly Endpoint[];
  readonly #may: (now: number, endpoint: Endpoint) => boolean;
  #introduced: Introduced[] = [];
  #nearby: readonly Endpoint[] = [];
  #nearbyUntil = -Infinity;

  /**
   * @param remembered `HOST:PORT`, of an earlier run; what is none is left out
   * @param may one packet more may go to an endpoint that was only named, and is counted
   */
  constructor(remembered: readonly string[], may: (now: number, endpoint: Endpoint) => boolean) {
    this.#may = may;
    this.#remembered = remembered.map(parseEndpoint).filter((e) => e !== undefined);
  }

  /** Where the peer answered, the last first. */
  get remembered(): readonly Endpoint[] {
    return this.#remembered;
  }

  /** The peer answers at `HOST:PORT`. */
  remember(text: string): void {
    const endpoint = parseEndpoint(text);
    if (!endpoint) return;
    const others = this.#remembered.filter((e) => formatEndpoint(e) !== text);
    this.#remembered = [endpoint, ...others].slice(0, rememberedLimit);
  }

  /** A mutual friend named these, in place of what another named before. */
  introduced(now: number, candidates: readonly Candidate[]): void {
    this.#introduced = candidates
      .map(({ endpoint }) => endpoint)
      .filter(isProbeable)
      .slice(0, introducedLimit)
      .map((endpoint) => ({ endpoint, until: now + introducedMs, packets: introducedPackets }));
  }

  /** The peer itself, or whoever knows the network's key, says on our LAN that it is at these. */
  nearby(now: number, endpoints: readonly Endpoint[]): void {
    this.#nearby = endpoints.filter(isProbeable).slice(0, nearbyLimit);
    this.#nearbyUntil = now + nearbyMs;
  }

  /**
   * For one packet, best first: what was introduced is counted, and in the end forgotten.
   *
   * @param active the path in use, if any
   * @param relays ways through relays and members
   * @param tries handshakes that went unanswered: after the first, remembered endpoints are tried beside a relay too
   */
  paths(now: number, active: Path | null, relays: readonly Path[], tries: number): Path[] {
    const paths = active ? [active] : [];
    paths.push(...relays.filter((path) => path !== active));
    const endpoints = this.#takeIntroduced(now);
    const relayed = relays.some((path) => path.kind !== 'overlay');
    if (!relayed || tries > 1) endpoints.push(...this.#takeNearby(now), ...this.#remembered);
    // The same initiation twice by one way would cost the other side twice the work.
    const seen = new Set<string>(active?.kind === 'direct' ? [formatEndpoint(active.endpoint)] : []);
    for (const endpoint of endpoints) {
      const key = formatEndpoint(endpoint);
      if (seen.has(key)) continue;
      seen.add(key);
      paths.push({ kind: 'direct', endpoint });
    }
    return paths.slice(0, waysLimit);
  }

  #takeNearby(now: number): Endpoint[] {
    return now < this.#nearbyUntil ? this.#nearby.filter((endpoint) => this.#may(now, endpoint)) : [];
  }

  #takeIntroduced(now: number): Endpoint[] {
    this.#introduced = this.#introduced.filter(({ until, packets }) => packets > 0 && now < until);
    const taken: Endpoint[] = [];
    for (const entry of this.#introduced) {
      if (!this.#may(now, entry.endpoint)) continue;
      entry.packets--;
      taken.push(entry.endpoint);
    }
    return taken;
  }
}

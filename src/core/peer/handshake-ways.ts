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

export class HandshakeWays {
  #remembered: readonly Endpoint[];
  #introduced: readonly Endpoint[] = [];

  /** @param remembered `HOST:PORT`, of an earlier run; what is none is left out */
  constructor(remembered: readonly string[]) {
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
  introduced(candidates: readonly Candidate[]): void {
    this.#introduced = candidates
      .map(({ endpoint }) => endpoint)
      .filter(isProbeable)
      .slice(0, introducedLimit);
  }

  /**
   * Best first.
   *
   * @param active the path in use, if any
   * @param relays ways through relays and members
   * @param tries handshakes that went unanswered: after the first, remembered endpoints are tried beside a relay too
   */
  paths(active: Path | null, relays: readonly Path[], tries: number): Path[] {
    const paths = active ? [active] : [];
    paths.push(...relays.filter((path) => path !== active));
    const endpoints = [...this.#introduced];
    const relayed = relays.some((path) => path.kind !== 'overlay');
    if (!relayed || tries > 1) endpoints.push(...this.#remembered);
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
}

/** The addresses at which one peer may be reached: a bounded table of candidates, offered and observed. No I/O. */
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import { isProbeable } from '../surroundings/candidate.js';
import type { Candidate } from '../wire/candidate.js';
import { maxRemotes, newRemote, type Remote } from './remote.js';

export class Remotes {
  readonly #remotes = new Map<string, Remote>();
  readonly #loops: (host: string) => boolean;

  /** @param loops packets to this address would be carried by the network itself */
  constructor(loops: (host: string) => boolean) {
    this.#loops = loops;
  }

  [Symbol.iterator](): IterableIterator<Remote> {
    return this.#remotes.values();
  }

  get(key: string): Remote | undefined {
    return this.#remotes.get(key);
  }

  /** The candidate at this endpoint, made when there is none. Undefined: it may not be probed, or there is no room. */
  at(endpoint: Endpoint, kind: Remote['kind']): Remote | undefined {
    const key = formatEndpoint(endpoint);
    const known = this.#remotes.get(key);
    if (known || !isProbeable(endpoint)) return known;
    if (this.#loops(endpoint.host)) return undefined;
    if (this.#remotes.size >= maxRemotes && !this.#forgetDead()) return undefined;
    const remote = newRemote(key, endpoint, kind);
    this.#remotes.set(key, remote);
    return remote;
  }

  /** Takes the peer's whole offer. What it does not name any more goes, unless it works or is `active`. */
  offered(candidates: readonly Candidate[], active: Remote | undefined): void {
    for (const remote of this.#remotes.values()) {
      remote.withdrawn ||= remote.offered;
      remote.offered = false;
    }
    for (const { endpoint, kind } of candidates) {
      const remote = this.at(endpoint, kind);
      if (!remote) continue;
      remote.kind = kind;
      remote.offered = true;
      remote.withdrawn = false;
    }
    for (const [key, remote] of this.#remotes) {
      if (!remote.offered && remote !== active && remote.state !== 'usable') this.#remotes.delete(key);
    }
  }

  /** Routes changed: forgets what would loop now. Returns `active` where that is such a one; it stays. */
  unloop(active: Remote | undefined): Remote | undefined {
    let looping: Remote | undefined;
    for (const [key, remote] of this.#remotes) {
      if (!this.#loops(remote.endpoint.host)) continue;
      if (remote === active) looping = remote;
      else this.#remotes.delete(key);
    }
    return looping;
  }

  clear(): void {
    this.#remotes.clear();
  }

  /** Makes room: a peer that roams leaves an endpoint behind each time. False when all are offered or answer. */
  #forgetDead(): boolean {
    for (const [key, { state, offered }] of this.#remotes) {
      if (offered || state === 'usable' || state === 'answering') continue;
      this.#remotes.delete(key);
      return true;
    }
    return false;
  }
}

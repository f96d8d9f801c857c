/**
 * Who may come in by TCP: counts connections, and those among them that nobody vouches for yet, by source, by site and in
 * all; and how often handshakes may begin. Members come before strangers: a source at which a member registered has room
 * and rates of its own, so that strangers, however many, do not keep it out. No I/O.
 */
import { SourceLimiter } from '../core/lib/source-limiter.js';
import { TokenBucket } from '../core/lib/token-bucket.js';
import { isLoopback, siteKey, sourceKey, type RelayLimits } from './limits.js';

/** Sources whose rate of handshakes is remembered, and sources at which a member registered. */
const sourcesRemembered = 16_384;

/** Why a connection is refused. */
export type DoorRefusal = 'full-connections' | 'full-source' | 'full-site' | 'full-pending' | 'busy';

/** A connection that was let in. */
export interface Guest {
  readonly source: string;
  /** Undefined behind a proxy on this machine: then nobody knows whose it is. */
  readonly site: string | undefined;
  /** It came from a source at which a member had registered, and was counted so. */
  readonly member: boolean;
  /** Not registered yet. */
  pending: boolean;
}

/** Numbers by name; a zero is forgotten. */
class Tally {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string, n: 1 | -1): void {
    const count = this.of(name) + n;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }
}

export class DoorKeeper {
  readonly #limits: RelayLimits;
  readonly #sources = new Tally();
  readonly #sites = new Tally();
  readonly #pendingSites = new Tally();
  #connections = 0;
  #pendingStrangers = 0;
  #pendingMembers = 0;
  /** Where members registered, the latest last. Strangers cannot add to it, so they cannot drive anybody out. */
  readonly #known = new Set<string>();
  readonly #handshakes: TokenBucket;
  readonly #memberHandshakes: TokenBucket;
  readonly #handshakesPerAddress: SourceLimiter;

  constructor(limits: RelayLimits, nowMs: number) {
    this.#limits = limits;
    const { handshakes, handshakeBurst, handshakesPerAddress } = limits;
    this.#handshakes = new TokenBucket(handshakes, handshakes * handshakeBurst, nowMs);
    this.#memberHandshakes = new TokenBucket(handshakes, handshakes * handshakeBurst, nowMs);
    this.#handshakesPerAddress = new SourceLimiter(
      handshakesPerAddress,
      handshakesPerAddress * handshakeBurst,
      sourcesRemembered,
    );
  }

  /** Connections that have not registered yet. */
  get pending(): number {
    return this.#pendingStrangers + this.#pendingMembers;
  }

  /** A connection from an address: a guest, to be given back to `leave`, or why not. */
  enter(address: string): Guest | DoorRefusal {
    const { connections, connectionsPerAddress, connectionsPerSite, pending, pendingPerSite } = this.#limits;
    const source = sourceKey(address);
    const site = isLoopback(address) ? undefined : siteKey(address);
    if (this.#connections >= connections) return 'full-connections';
    if (this.#sources.of(source) >= connectionsPerAddress) return 'full-source';
    if (site !== undefined && this.#sites.of(site) >= connectionsPerSite) return 'full-site';
    const member = this.#known.has(source);
    if ((member ? this.#pendingMembers : this.#pendingStrangers) >= pending) return 'full-pending';
    if (!member && site !== undefined && this.#pendingSites.of(site) >= pendingPerSite) return 'full-pending';
    this.#connections++;
    this.#sources.add(source, 1);
    if (site !== undefined) this.#sites.add(site, 1);
    if (member) this.#pendingMembers++;
    else {
      this.#pendingStrangers++;
      if (site !== undefined) this.#pendingSites.add(site, 1);
    }
    return { source, site, member, pending: true };
  }

  /** A member registered by this connection. */
  admitted(guest: Guest): void {
    this.#settle(guest);
    this.#known.delete(guest.source);
    this.#known.add(guest.source);
    if (this.#known.size > sourcesRemembered) this.#known.delete(this.#known.values().next().value as string);
  }

  leave(guest: Guest): void {
    this.#settle(guest);
    this.#connections--;
    this.#sources.add(guest.source, -1);
    if (guest.site !== undefined) this.#sites.add(guest.site, -1);
  }

  /** True when a handshake may begin. */
  mayShake({ source }: Guest, nowMs: number): boolean {
    const all = this.#known.has(source) ? this.#memberHandshakes : this.#handshakes;
    return this.#handshakesPerAddress.take(source, nowMs) && all.take(1, nowMs);
  }

  #settle(guest: Guest): void {
    if (!guest.pending) return;
    guest.pending = false;
    if (guest.member) {
      this.#pendingMembers--;
      return;
    }
    this.#pendingStrangers--;
    if (guest.site !== undefined) this.#pendingSites.add(guest.site, -1);
  }
}

/** A path as the packet loop needs it: the socket address and relay header lie ready in the arena. */
import type { Arena } from '../../native/arena.js';
import { ethernetHeaderLength } from '../../wire/ethernet.js';
import { nodeIdLength, relayHeaderLength } from '../../wire/packet.js';
import type { Path, RelayRoute } from '../plane/plane.js';
import { relayLimit } from '../plane/shared.js';
import type { HoleEntry, Holes } from './holes.js';
import { sameSockaddr, sockaddrSize, writeSockaddr } from '../../native/sockaddr.js';

export const RouteKind = { none: 0, direct: 1, relay: 2, carrier: 3, overlay: 4, hole: 5 } as const;
export type RouteKind = (typeof RouteKind)[keyof typeof RouteKind];

/** A carrier batch has a 2-byte length in front of each packet. */
export const carrierPrefix = 2;
/** Longer than any plaintext. */
const unlimited = 0xffff;
/**
 * The longest frame that goes as one packet wherever the next one goes, by a relay, by IPv6 or through members, on lines of 1480 bytes:
 * that of an MTU of 1350.
 */
const modestFrame = ethernetHeaderLength + 1350;
/** Bytes of arena that a route takes: socket address, node id. */
export const routeBytes = 64;
const destinationOffset = 32;

/** A relay with its address in the arena. */
export class RelayEntry {
  /** Offset of the sockaddr_in6. */
  readonly address: number;
  association = 0;
  installed = false;

  constructor(address: number) {
    this.address = address;
  }
}

export class Relays {
  readonly entries: readonly RelayEntry[];
  readonly #arena: Arena;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.entries = Array.from({ length: relayLimit }, () => new RelayEntry(arena.alloc(sockaddrSize, 32)));
  }

  set(relay: number, route: RelayRoute | null): void {
    const entry = this.entries[relay];
    if (!entry) return;
    entry.installed =
      route !== null && writeSockaddr(this.#arena.u8, this.#arena.view, entry.address, route.endpoint);
    entry.association = route ? route.association | 0 : 0;
  }

  /** The relay installed with the socket address at `from`, or -1. `last`, if not negative, is tried first. */
  at(from: number, last: number): number {
    const { entries } = this;
    if (last >= 0 && this.#isAt(entries[last] as RelayEntry, from)) return last;
    for (let i = 0; i < entries.length; i++) if (this.#isAt(entries[i] as RelayEntry, from)) return i;
    return -1;
  }

  #isAt(entry: RelayEntry, from: number): boolean {
    return entry.installed && sameSockaddr(this.#arena.view, entry.address, from);
  }
}

/** What a route through other members asks of the links (links.ts). */
export interface Hops {
  /** True when there is a next hop for packets through `via`; -1: through any link. */
  has(via: number): boolean;
}

/** What routes refer to. */
export interface RouteEnds {
  readonly relays: Relays;
  readonly holes: Holes;
  readonly links: Hops;
}

export class Route {
  kind: RouteKind = RouteKind.none;
  /** Bytes in front of every packet: relay header or carrier length. */
  prefix = 0;
  /** Offset of the sockaddr_in6 of a direct path. */
  readonly address: number;
  /** Offset of the node id that relay, carrier and overlay name. */
  readonly destination: number;
  relay: RelayEntry | null = null;
  hole: HoleEntry | null = null;
  carrier = 0;
  /** Overlay: slot of the first hop when it is not for the forwarding table to choose, else -1. */
  via = -1;
  #hops: Hops | null = null;
  /** Longest plaintext of one packet; what is longer goes in pieces (keys/seal.ts). */
  limit = unlimited;
  /** Longest frame that goes as one packet, as far as that is known: so long TCP's segments may make theirs. */
  frame = modestFrame;
  /** Until this moment the kernel is not asked to cut datagrams on this route: it refused. */
  gsoRetryAt = 0;
  readonly #arena: Arena;

  /** Takes `routeBytes` of the arena at `at`. */
  constructor(arena: Arena, at: number) {
    this.#arena = arena;
    this.address = at;
    this.destination = at + destinationOffset;
  }

  /** Turns a path into this route; false (and no route) when the path makes no sense. */
  set(path: Path | null, { relays, holes, links }: RouteEnds): boolean {
    const { u8, view } = this.#arena;
    this.kind = RouteKind.none;
    this.gsoRetryAt = 0;
    this.relay = null;
    this.hole = null;
    this.limit = unlimited;
    this.frame = modestFrame;
    if (path === null) return true;
    if (path.kind !== 'overlay' && path.limit !== undefined) {
      this.limit = Math.min(path.limit, unlimited);
      // One byte is the kind.
      if (path.settling !== true) this.frame = this.limit - 1;
    }
    if (path.kind === 'direct') {
      if (!writeSockaddr(u8, view, this.address, path.endpoint)) return false;
      this.kind = RouteKind.direct;
      this.prefix = 0;
      return true;
    }
    if (path.destination.length !== nodeIdLength) return false;
    u8.set(path.destination, this.destination);
    if (path.kind === 'carrier') {
      this.hole = holes.to(path.carrier, path.destination);
      if (this.hole !== null) {
        this.kind = RouteKind.hole;
        this.prefix = 0;
        return true;
      }
      this.kind = RouteKind.carrier;
      this.carrier = path.carrier;
      this.prefix = carrierPrefix;
      return true;
    }
    if (path.kind === 'overlay') {
      this.kind = RouteKind.overlay;
      this.prefix = 0;
      this.via = path.via ?? -1;
      this.#hops = links;
      return true;
    }
    const relay = relays.entries[path.relay];
    if (!relay) return false;
    this.kind = RouteKind.relay;
    this.relay = relay;
    this.prefix = relayHeaderLength;
    return true;
  }

  /** Offset of the sockaddr_in6 that its packets are sent to. */
  get to(): number {
    return this.relay?.address ?? this.hole?.address ?? this.address;
  }

  /** Goes by this hole no more. */
  leave(hole: HoleEntry): void {
    if (this.hole !== hole) return;
    this.hole = null;
    this.kind = RouteKind.none;
  }

  /** True when a packet can leave by it now. */
  get usable(): boolean {
    if (this.kind === RouteKind.direct) return true;
    if (this.kind === RouteKind.relay) return this.relay?.installed === true;
    return this.kind === RouteKind.overlay
      ? this.#hops?.has(this.via) === true
      : this.kind !== RouteKind.none;
  }
}

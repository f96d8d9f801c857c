/**
 * The overlay half of `MemoryPlane`: next hops, envelopes and floods (kinds 0x20 and 0x21 of wire/packet.ts), with the
 * router and the bounded flood of the real packet loop. Knows no keys and no net, and limits nothing.
 */
import { equalBytes, toHex } from '../../src/core/lib/bytes.js';
import type { DropReason, PlaneLink } from '../../src/core/dataplane/plane/plane.js';
import { BoundedFlood } from '../../src/core/switch/bounded-flood.js';
import { positionOf, wrap } from '../../src/core/topology/position.js';
import { nowhere, Router } from '../../src/core/topology/router.js';
import {
  FloodFlag,
  floodHeaderLength,
  floodTtl,
  Kind,
  transitHeaderLength,
  transitTtl,
} from '../../src/core/wire/packet.js';

const floodsRemembered = 1_024;

export interface MemoryOverlayPorts {
  /** Sealed packets for this peer can leave, and not through members. */
  reachable(slot: number): boolean;
  nodeId(slot: number): Uint8Array | undefined;
  /** Seals a plaintext for a link. */
  pass(slot: number, plain: Uint8Array): void;
  drop(reason: DropReason): void;
  /** Copies passed on for others. */
  transit(packets: number, bytes: number): void;
}

export interface TakenFlood {
  readonly origin: Uint8Array;
  /** The link is the origin. */
  readonly fromOrigin: boolean;
  /** Inner plaintext: kind byte and frame. */
  readonly inner: Uint8Array;
  /** Passes it on. */
  passOn(): void;
}

export class MemoryOverlay {
  complete = false;
  readonly #self: Uint8Array;
  readonly #position: number;
  readonly #leaf: boolean;
  readonly #ports: MemoryOverlayPorts;
  readonly #router: Router;
  readonly #flood: BoundedFlood;
  readonly #seen = new Set<string>();
  #links: readonly PlaneLink[] = [];
  #usable: readonly PlaneLink[] = [];
  #stale = false;
  #sequence: number;

  constructor(self: Uint8Array, leaf: boolean, sequence: number, ports: MemoryOverlayPorts) {
    this.#self = self;
    this.#position = positionOf(self);
    this.#leaf = leaf;
    this.#ports = ports;
    this.#router = new Router(this.#position, leaf);
    this.#flood = new BoundedFlood(this.#position);
    this.#sequence = sequence;
  }

  set(links: readonly PlaneLink[], complete: boolean): void {
    this.#links = links;
    this.complete = complete;
    this.#stale = true;
  }

  /** Keys or paths changed. */
  changed(): void {
    this.#stale = true;
  }

  forget(slot: number): void {
    this.#links = this.#links.filter((link) => link.slot !== slot);
    this.#stale = true;
  }

  #refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const usable = this.#links.filter((link) => this.#ports.reachable(link.slot));
    const located = usable.map((link) => ({
      port: link.slot,
      position: positionOf(this.#ports.nodeId(link.slot) ?? new Uint8Array(16)),
      forwards: link.forwards,
      neighbours: link.neighbours,
      flood: link.flood,
    }));
    this.#usable = usable;
    this.#router.set(located);
    this.#flood.set(located.flatMap(({ flood, ...link }) => (flood === 'none' ? [] : [{ ...link, flood }])));
  }

  has(via: number | undefined): boolean {
    this.#refresh();
    return via === undefined ? this.#usable.length > 0 : this.#ports.reachable(via);
  }

  /** The slot of the next hop, or undefined. */
  hop(destination: Uint8Array, via?: number): number | undefined {
    this.#refresh();
    const slot = via ?? this.#router.nextHop(positionOf(destination));
    return slot !== nowhere && this.#ports.reachable(slot) ? slot : undefined;
  }

  /** Sends a packet in an envelope of ours. False when there is no hop. */
  through(destination: Uint8Array, packet: Uint8Array, via?: number): boolean {
    const slot = this.hop(destination, via);
    if (slot === undefined) {
      this.#ports.drop('no-route');
      return false;
    }
    this.#ports.pass(slot, Uint8Array.of(Kind.transit, transitTtl, 0, ...destination, ...packet));
    return true;
  }

  /** An envelope that a link gave us: the packet in it when it is for us; else it is passed on, or dropped. */
  envelope(link: number, plain: Uint8Array): Uint8Array | undefined {
    const drop = (reason: DropReason): undefined => void this.#ports.drop(reason);
    if (plain.length <= 1 + transitHeaderLength) return drop('short');
    const ttl = plain[1] as number;
    if (ttl === 0) return drop('hops-exceeded');
    const destination = plain.subarray(3, 1 + transitHeaderLength);
    if (equalBytes(destination, this.#self)) return plain.slice(1 + transitHeaderLength);
    const slot = this.#leaf ? undefined : this.hop(destination);
    if (slot === undefined || slot === link) return drop('no-route');
    const onward = plain.slice();
    onward[1] = ttl - 1;
    this.#ports.pass(slot, onward);
    this.#ports.transit(1, plain.length - 1);
    return undefined;
  }

  /** Floods an inner plaintext. False when nobody would get it. */
  send(inner: Uint8Array): boolean {
    this.#refresh();
    this.#sequence = (this.#sequence + 1) >>> 0;
    const plain = new Uint8Array(1 + floodHeaderLength + inner.length);
    plain.set([Kind.flood, floodTtl, 0, ...this.#self]);
    new DataView(plain.buffer).setUint32(19, this.#sequence, true);
    plain.set(inner, 1 + floodHeaderLength);
    if (this.#leaf) {
      const anchor = this.#usable.find((link) => link.flood === 'range');
      if (anchor) this.#copy(anchor.slot, plain, FloodFlag.handOver, this.#position);
      return anchor !== undefined;
    }
    this.#flood.begin(this.#position);
    this.#walk(plain, -1);
    return this.#flood.size > 0;
  }

  /** A flood that a link gave us, or undefined when it is to be dropped. */
  flood(link: number, plain: Uint8Array): TakenFlood | undefined {
    const drop = (reason: DropReason): undefined => void this.#ports.drop(reason);
    if (plain.length < 1 + floodHeaderLength + 15) return drop('short');
    const [, ttl = 0, flags = 0] = plain;
    if (ttl === 0) return drop('hops-exceeded');
    const origin = plain.slice(3, 19);
    const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
    const fromOrigin = equalBytes(origin, this.#ports.nodeId(link) ?? new Uint8Array(0));
    const handOver = (flags & FloodFlag.handOver) !== 0;
    const anchored = this.#links.some((l) => l.slot === link && l.flood === 'copy');
    if (handOver && (!fromOrigin || this.#leaf || !anchored)) return drop('malformed-frame');
    const name = `${toHex(origin)} ${view.getUint32(19, true)}`;
    if (equalBytes(origin, this.#self) || this.#seen.has(name)) return drop('flood-duplicate');
    this.#seen.add(name);
    if (this.#seen.size > floodsRemembered) this.#seen.delete(this.#seen.values().next().value ?? '');
    const passOn = (): void => {
      if (this.#leaf) return;
      this.#refresh();
      const onward = plain.slice();
      onward[1] = ttl - 1;
      const bound = positionOf(plain, 23);
      const end = bound === this.#position ? wrap(bound + 1) : bound;
      this.#flood.begin(handOver ? this.#position : end);
      let copies = this.#walk(onward, link);
      if (!handOver && (flags & FloodFlag.edge) !== 0) {
        this.#flood.holes(positionOf(this.#ports.nodeId(link) ?? this.#self));
        copies += this.#walk(onward, link);
      }
      this.#ports.transit(copies, copies * (plain.length - 1));
    };
    return { origin, fromOrigin, inner: plain.slice(1 + floodHeaderLength), passOn };
  }

  #walk(plain: Uint8Array, except: number): number {
    let copies = 0;
    for (let slot = this.#flood.next(); slot >= 0; slot = this.#flood.next()) {
      if (slot === except) continue;
      this.#copy(slot, plain, this.#flood.edge ? FloodFlag.edge : 0, this.#flood.bound);
      copies++;
    }
    return copies;
  }

  #copy(slot: number, plain: Uint8Array, flags: number, bound: number): void {
    const copy = plain.slice();
    copy[2] = flags;
    new DataView(copy.buffer).setBigUint64(23, BigInt(bound) << 12n);
    this.#ports.pass(slot, copy);
  }
}

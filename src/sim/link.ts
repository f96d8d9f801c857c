/**
 * One side of a session between two simulated members, and the path below it; and what the parts of the model may ask
 * of a member and of the world around it, so that none of them needs to know node.ts or world.ts.
 */
import type { BoundedFlood } from '../core/switch/bounded-flood.js';
import type { Role } from '../core/topology/overlay-ports.js';
import type { Router } from '../core/topology/router.js';
import type { RingMessage } from '../core/wire/ring.js';
import type { SimClock } from './clock.js';
import type { Place, Underlay } from './net.js';
import type { Registered, Relay } from './relay.js';

/** The world as its members see it (world.ts). */
export interface Surroundings {
  readonly clock: SimClock;
  readonly net: Underlay;
  readonly relay: Relay<Member>;
  find(id: string): Member | undefined;
  /** The relay runs, and packets pass between it and this member. */
  seesRelay(member: Member): boolean;
}

/** A member as handshakes and packets see it (node.ts). */
export interface Member extends Registered {
  readonly role: Role;
  readonly place: Place;
  readonly world: Surroundings;
  readonly alive: boolean;
  /** It is connected to the relay, as it believes itself. */
  readonly registered: boolean;
  /** By id of the other side. */
  readonly links: ReadonlyMap<string, SimLink>;
  /** By slot. */
  readonly slots: readonly (SimLink | undefined)[];
  /** Its forwarding tables as they are now. */
  readonly router: Router;
  readonly flood: BoundedFlood;
  /** A link of its own that can pass packets on to this member. */
  friendOf(id: string): string | undefined;
  /** The link to a member; both sides are made when there is none. */
  link(peer: Member): SimLink;
  /** Its own side of one. */
  side(peer: Member): SimLink;
  /** Takes its side away. */
  drop(link: SimLink): void;
  /** A handshake is through, or was given up. */
  opened(link: SimLink): void;
  failed(link: SimLink): void;
  /** The other side closed it. */
  closed(link: SimLink): void;
  /** A message came in by this link. */
  receive(link: SimLink, message: RingMessage): void;
  /** It sent so many bytes of control traffic in one datagram. */
  count(bytes: number): void;
  /**
   * Puts a sealed packet of `bytes` on a link. `arrive` is called at the other side unless it is lost.
   *
   * @param control counts as control traffic, and may be lost by chance
   */
  transmit(link: SimLink, bytes: number, control: boolean, arrive: (twin: SimLink) => void): void;
}

/** Where the packets of a session go. */
export type Carrier = 'direct' | 'relay' | 'tunnel';

export class SimLink {
  readonly owner: Member;
  readonly peer: Member;
  /** Index in the forwarding tables of the owner. */
  readonly slot: number;
  /** The other side. */
  twin: SimLink | undefined;
  /** This side has keys. */
  up = false;
  /** This side answered a handshake: the next packet confirms the keys. */
  expected = false;
  carrier: Carrier = 'direct';
  /** One way without jitter, ms. */
  delayMs = 0;
  /** Number of the session; what was sent in another one is not understood. */
  session = 0;
  lastRx = 0;
  /** When routed packets began to go out with nothing coming back; negative: there are none. */
  waitingSince = -1;
  /** Takes a handshake under way back. */
  cancel: (() => void) | undefined;

  constructor(owner: Member, peer: Member, slot: number) {
    this.owner = owner;
    this.peer = peer;
    this.slot = slot;
  }

  /** Carrier and delay for both sides. */
  lay(carrier: Carrier, delayMs: number): void {
    for (const side of [this, this.twin]) {
      if (!side) continue;
      side.carrier = carrier;
      side.delayMs = delayMs;
    }
  }

  open(now: number): void {
    this.up = true;
    this.expected = false;
    this.lastRx = now;
    this.waitingSince = -1;
  }

  close(): void {
    this.up = false;
    this.expected = false;
    this.waitingSince = -1;
  }

  /** It stands, or is being made. */
  get used(): boolean {
    return this.up || this.expected || this.cancel !== undefined;
  }

  /** The path carries now, losses aside. What goes through other members is not asked here (packets.ts). */
  get carries(): boolean {
    const { world } = this.owner;
    switch (this.carrier) {
      case 'direct':
        return world.net.joined(this.owner.place, this.peer.place);
      case 'relay':
        return world.seesRelay(this.owner) && world.seesRelay(this.peer);
      case 'tunnel':
        return true;
    }
  }
}

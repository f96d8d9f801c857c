/**
 * One side of a session between two simulated members, and the path below it; and what the parts of the model may ask
 * of a member and of the world around it, so that none of them needs to know node.ts or world.ts.
 */
import type { LinkPeer } from '../core/overlay/ports.js';
import type { BoundedFlood } from '../core/switch/bounded-flood.js';
import type { MemberRole } from '../core/identity/invite.js';
import type { Router } from '../core/topology/router.js';
import type { RingMessage } from '../core/wire/ring.js';
import type { SimClock } from './clock.js';
import type { Place, Underlay } from './net.js';
import type { Identity } from './identity.js';
import type { SeededRandom } from './random.js';
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

/** What one member knows of another (peer.ts). */
export interface Acquaintance extends LinkPeer {
  /** Its certificate is here. */
  readonly known: boolean;
  /** What stands between the two, or is being made. */
  link: SimLink | undefined;
  /** It has been reached by a path of its own, or we were told of such a place. */
  readonly reached: boolean;
  /** Somebody named its endpoints to us, and ours to it. */
  readonly met: boolean;
}

/** A member as handshakes and packets see it (node.ts). */
export interface Member extends Registered {
  readonly role: MemberRole;
  readonly place: Place;
  readonly world: Surroundings;
  readonly random: SeededRandom;
  readonly alive: boolean;
  /** By id of the other side. */
  readonly links: ReadonlyMap<string, SimLink>;
  /** By slot. */
  readonly slots: readonly (SimLink | undefined)[];
  /** Its forwarding tables as they are now. */
  readonly router: Router;
  readonly flood: BoundedFlood;
  readonly identity: Identity;
  /** A link of its own that can pass packets on to this member. */
  friendOf(id: string): string | undefined;
  /** It would send packets for this one to other members. */
  passesOn(other: Member): boolean;
  /** What it knows of another. */
  peerOf(other: Member): Acquaintance;
  /** The relay says of this one that it is online. */
  seesOnline(id: string): boolean;
  /** The link to a member; both sides are made when there is none. */
  link(peer: Member): SimLink;
  /** Its own side of one. */
  side(peer: Member): SimLink;
  /** Takes its side away. */
  drop(link: SimLink): void;
  /** A certificate came to it. */
  learn(other: Member): void;
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

/** A handshake of ours under way. */
export interface Handshake {
  readonly begunAt: number;
  /** Initiations sent, and when the next one is. */
  tries: number;
  retryAt: number;
  cancel: () => void;
}

/** Where the packets of a session go. */
export type PathKind = 'direct' | 'relay' | 'overlay';

export class SimLink {
  readonly owner: Member;
  readonly peer: Member;
  /** The peer as the owner knows it. */
  readonly known: Acquaintance;
  /** The other side. */
  twin: SimLink | undefined;
  /** This side has keys. */
  up = false;
  /** This side answered a handshake: the next packet confirms the keys. */
  expected = false;
  pathKind: PathKind = 'direct';
  /** One way without jitter, ms. */
  delayMs = 0;
  /** Number of the session; what was sent in another one is not understood. */
  session = 0;
  lastRx = 0;
  /** When routed packets began to go out with nothing coming back; negative: there are none. */
  waitingSince = -1;
  handshake: Handshake | undefined;

  constructor(owner: Member, peer: Member, known: Acquaintance) {
    this.owner = owner;
    this.peer = peer;
    this.known = known;
  }

  /** Index in the forwarding tables of the owner. */
  get slot(): number {
    return this.known.slot;
  }

  /** Kind of path and delay for both sides. */
  lay(pathKind: PathKind, delayMs: number): void {
    for (const side of [this, this.twin]) {
      if (!side) continue;
      side.pathKind = pathKind;
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

  /** Ends a handshake under way. */
  giveUp(): void {
    this.handshake?.cancel();
    this.handshake = undefined;
  }

  /** It stands, or is being made. */
  get used(): boolean {
    return this.up || this.expected || this.handshake !== undefined;
  }

  /** The path carries now, losses aside. What goes through other members is not asked here (packets.ts). */
  get carries(): boolean {
    const { world } = this.owner;
    switch (this.pathKind) {
      case 'direct':
        return world.net.joined(this.owner.place, this.peer.place);
      case 'relay':
        return world.seesRelay(this.owner) && world.seesRelay(this.peer);
      case 'overlay':
        return true;
    }
  }
}

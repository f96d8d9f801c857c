/**
 * One simulated member: the real overlay host, router and flood, with the ports that the engine has in production
 * carried out by the simulated world.
 */
import type { MemberRole } from '../core/identity/invite.js';
import { silentLogger, type Env } from '../core/lib/env.js';
import { OverlayHost } from '../core/overlay/overlay-host.js';
import type { LinkPeer, OverlayHostPorts } from '../core/overlay/ports.js';
import { BoundedFlood, type FloodLink } from '../core/switch/bounded-flood.js';
import type { LinkRoute, OverlayOptions, RingReport } from '../core/topology/overlay-ports.js';
import { positionOfText } from '../core/topology/position.js';
import { Router } from '../core/topology/router.js';
import type { RingMessage } from '../core/wire/ring.js';
import { connect } from './handshake.js';
import { identityOf, ownerOf, type Identity } from './identity.js';
import { SimLink, type Acquaintance, type Member, type Surroundings } from './link.js';
import type { Place } from './net.js';
import { pathMs, pathThrough } from './packets.js';
import { SimPeer, type PeerOwner } from './peer.js';
import type { SeededRandom } from './random.js';
import { RelaySession } from './relay-session.js';
import { asRead, relayExtra, ringLength, sealedOverhead, overlayExtra } from './size.js';

/** Inputs that come so close together are followed by one tick, ms. */
const tickGapMs = 5;

/** What a member does to the world. */
export interface NodeWorld extends Surroundings {
  readonly hasRelay: boolean;
  /** Bytes of control traffic that all members sent. */
  sentBytes: number;
  /** Called after each tick of a member. */
  ticked(node: SimNode): void;
}

export interface NodeOptions {
  /** Number in the order of joining, over the whole run. */
  readonly index: number;
  readonly role: MemberRole;
  readonly random: SeededRandom;
  readonly place: Place;
  /** Routers look at the links of links. */
  readonly lookAhead: boolean;
  readonly overlay: OverlayOptions;
}

export class SimNode implements Member, PeerOwner {
  readonly world: NodeWorld;
  readonly index: number;
  readonly id: string;
  readonly identity: Identity;
  readonly position: number;
  readonly role: MemberRole;
  readonly place: Place;
  readonly random: SeededRandom;
  readonly links = new Map<string, SimLink>();
  /** Links by slot. */
  readonly slots: (SimLink | undefined)[] = [];
  /** Everybody it ever heard of. */
  readonly #peers = new Map<string, SimPeer>();
  readonly #host: OverlayHost;
  readonly #relay: RelaySession;
  readonly #router: Router;
  readonly #flood: BoundedFlood;
  readonly #lookAhead: boolean;
  /** Tables change far more often than they are used here: router and flood take them when they are. */
  #routesForRouter: readonly LinkRoute[] | undefined;
  #routesForFlood: readonly LinkRoute[] | undefined;
  alive = false;
  startedAt = 0;
  /** First link, and own place found among all who had joined; ms since the start. */
  firstLinkMs: number | undefined;
  completeMs: number | undefined;
  /** All its long links stood, too. */
  linkedMs: number | undefined;
  /** Bytes and datagrams of control traffic sent, with all headers. */
  sentBytes = 0;
  sentPackets = 0;
  #membersChanged = false;
  #cancelTick: (() => void) | undefined;
  #tickAt = Infinity;
  #tickedAt = -Infinity;

  constructor(world: NodeWorld, options: NodeOptions) {
    this.world = world;
    this.index = options.index;
    this.role = options.role;
    this.random = options.random;
    this.place = options.place;
    const id = options.random.split('id').fill(new Uint8Array(16));
    this.identity = identityOf(id, `node ${options.index}`, options.role);
    this.id = this.identity.idText;
    this.position = positionOfText(this.id);
    this.#lookAhead = options.lookAhead;
    this.#router = new Router(this.position, options.role === 'leaf');
    this.#flood = new BoundedFlood(this.position);
    this.#relay = new RelaySession({
      self: this,
      random: options.random,
      named: (ids, size) => {
        if (size !== undefined) this.#host.roster(this.now, false, size);
        this.#host.named(this.now, ids);
      },
      presence: (other, online) => {
        if (online) this.#host.named(this.now, [other]);
        else this.#host.offline(this.now, other);
      },
    });
    this.#host = new OverlayHost(this.#ports(), options.overlay);
  }

  get now(): number {
    return this.world.clock.now();
  }

  get router(): Router {
    const routes = this.#routesForRouter;
    if (routes) {
      this.#routesForRouter = undefined;
      this.#router.set(
        routes.flatMap(({ id, forwards, reaches }) => {
          const link = this.links.get(id);
          // What goes through others is routed like anything else.
          if (!link || link.pathKind === 'overlay') return [];
          const { slot: port } = link;
          // Without look-ahead a link is as good as where it is itself.
          const ahead = this.#lookAhead ? reaches : [];
          return [{ port, position: link.peer.position, forwards, reaches: ahead }];
        }),
      );
    }
    return this.#router;
  }

  get flood(): BoundedFlood {
    const routes = this.#routesForFlood;
    if (routes) {
      this.#routesForFlood = undefined;
      this.#flood.set(
        routes.flatMap(({ id, flood }): FloodLink[] => {
          const link = this.links.get(id);
          return link && flood !== 'none' ? [{ port: link.slot, position: link.peer.position, flood }] : [];
        }),
      );
    }
    return this.#flood;
  }

  report(): RingReport {
    return this.#host.report();
  }

  friendOf(id: string): string | undefined {
    return this.#host.friendOf(id);
  }

  seesOnline(id: string): boolean {
    return this.#relay.isOnline(id);
  }

  passesOn(other: Member): boolean {
    return this.#host.choice(this.peerOf(other)) !== undefined;
  }

  /** Begins, and asks the relay, or the members that it has reached before. */
  start(reached: readonly Member[]): void {
    this.alive = true;
    this.startedAt = this.now;
    for (const other of reached) this.#learn(other).reached = true;
    this.#host.start(this.now, []);
    if (this.world.hasRelay) this.#relay.connect();
  }

  /** Dies without a word. */
  crash(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#forget();
    this.#relay.died();
  }

  /** Takes leave of the relay and of every link. */
  leave(): void {
    if (!this.alive) return;
    this.#host.stop();
    for (const link of [...this.links.values()]) this.hangUp(link);
    this.alive = false;
    this.#forget();
    this.world.relay.remove(this);
  }

  /** The relay fell out of reach, or came back. */
  relayLost(): void {
    this.#relay.lost();
  }

  hear(id: string, online: boolean): void {
    this.#relay.hear(id, online);
  }

  /* ---- members and links ---- */

  peerOf(other: Member): SimPeer {
    let peer = this.#peers.get(other.id);
    if (!peer) this.#peers.set(other.id, (peer = new SimPeer(this, other, this.#peers.size)));
    return peer;
  }

  learn(other: Member): void {
    this.#learn(other);
  }

  #learn(other: Member): SimPeer {
    const peer = this.peerOf(other);
    if (peer.known) return peer;
    peer.known = true;
    if (this.#membersChanged) return peer;
    // Many become known at once: the host hears of them together, as from the engine.
    this.#membersChanged = true;
    this.world.clock.after(0, () => {
      this.#membersChanged = false;
      if (this.alive) this.#host.membersChanged(this.now);
    });
    return peer;
  }

  link(peer: Member): SimLink {
    const known = this.links.get(peer.id);
    if (known) return known;
    const link = this.side(peer);
    const twin = peer.side(this);
    link.twin = twin;
    twin.twin = link;
    return link;
  }

  side(other: Member): SimLink {
    const peer = this.peerOf(other);
    const link = new SimLink(this, other, peer);
    peer.link = link;
    this.slots[peer.slot] = link;
    this.links.set(other.id, link);
    return link;
  }

  connect(peer: Member): void {
    if (this.alive) connect(this.link(peer));
  }

  /** A handshake of ours, or one that we answered, is through. */
  opened(link: SimLink): void {
    const { now } = this;
    link.giveUp();
    const stood = link.up;
    link.open(now);
    if (stood) return;
    const peer = this.#learn(link.peer);
    if (link.pathKind === 'direct') peer.reached = true;
    this.firstLinkMs ??= now - this.startedAt;
    this.#host.connected(now, peer);
  }

  failed(link: SimLink): void {
    link.giveUp();
    this.#release(link);
  }

  closed(link: SimLink): void {
    if (!link.up) return;
    link.close();
    this.#host.lost(this.now, link.known);
    this.#release(link);
  }

  hangUp(link: SimLink): void {
    link.giveUp();
    if (link.up) {
      this.transmit(link, 1, true, (twin) => {
        twin.owner.closed(twin);
      });
    }
    link.close();
    this.#release(link);
  }

  /** Takes both sides away once neither is used. */
  #release(link: SimLink): void {
    const { twin } = link;
    if (link.used || (twin?.used === true && twin.owner.alive)) return;
    this.drop(link);
    if (twin) twin.owner.drop(twin);
  }

  drop(link: SimLink): void {
    if (this.links.get(link.peer.id) !== link) return;
    this.links.delete(link.peer.id);
    this.slots[link.slot] = undefined;
    link.known.link = undefined;
  }

  #forget(): void {
    this.#cancelTick?.();
    this.#tickAt = Infinity;
    for (const link of [...this.links.values()]) {
      link.giveUp();
      link.close();
      this.#release(link);
    }
  }

  /* ---- what the host asks for ---- */

  #ports(): OverlayHostPorts {
    const env: Env = { clock: this.world.clock, random: this.random.split('overlay'), log: silentLogger };
    return {
      env,
      self: { idText: this.id, role: this.role },
      members: {
        get: (id) => this.#known(id),
        lookup: () => undefined,
        all: () => [...this.#peers.values()].filter(({ known }) => known),
        take: (credential) => {
          const other = this.world.find(ownerOf(credential));
          return other && other !== this ? this.#learn(other) : undefined;
        },
      },
      relays: this.#relay,
      send: (peer, message) => {
        this.#send(peer, message);
      },
      setRoutes: (routes) => {
        this.#routesForRouter = this.#routesForFlood = routes;
      },
      waysChanged: () => undefined,
      candidates: () => this.identity.candidates,
      credential: () => this.identity.credential,
      wake: (at) => {
        this.#wakeAt(Math.max(this.now, this.#tickedAt + tickGapMs, at));
      },
    };
  }

  #known(id: string): Acquaintance | undefined {
    // Links are few, and asked for again and again.
    const peer = this.links.get(id)?.known ?? this.#peers.get(id);
    return peer?.known === true ? peer : undefined;
  }

  #send(peer: LinkPeer, message: RingMessage): void {
    const link = this.slots[peer.slot];
    if (!link) return;
    const read = asRead(message);
    this.transmit(link, ringLength(message), true, (twin) => {
      twin.owner.receive(twin, read);
    });
  }

  receive(link: SimLink, message: RingMessage): void {
    this.#host.ring(this.now, link.known, message);
  }

  transmit(link: SimLink, bytes: number, control: boolean, arrive: (twin: SimLink) => void): void {
    const { clock, net } = this.world;
    const { twin, session } = link;
    if (!twin) return;
    // Beats are not answered one by one: only what others send waits for an answer.
    if (!control && link.waitingSince < 0) {
      link.waitingSince = this.now;
      this.#host.unanswered(this.now, link.known);
    }
    let path: readonly Member[] | undefined;
    if (link.pathKind === 'overlay') {
      path = pathThrough(this, link.peer);
      if (path) link.delayMs = pathMs(this, path);
    }
    if (control) {
      const extra = link.pathKind === 'relay' ? relayExtra : path ? overlayExtra : 0;
      this.count(bytes + sealedOverhead + extra);
      for (const member of path?.slice(0, -1) ?? []) member.count(bytes + sealedOverhead + extra);
      if (net.loses()) return;
    }
    if (link.pathKind === 'overlay' && !path) return;
    clock.at(this.now + net.jittered(link.delayMs), () => {
      const { owner } = twin;
      if (!owner.alive || twin.session !== session || !link.carries) return;
      if (!twin.up) {
        if (!twin.expected) return;
        owner.opened(twin);
      }
      twin.lastRx = clock.now();
      twin.waitingSince = -1;
      arrive(twin);
    });
  }

  count(bytes: number): void {
    this.sentBytes += bytes;
    this.world.sentBytes += bytes;
    this.sentPackets++;
  }

  #wakeAt(at: number): void {
    if (!this.alive || at >= this.#tickAt) return;
    this.#cancelTick?.();
    this.#tickAt = at;
    this.#cancelTick = this.world.clock.after(at - this.now, () => {
      this.#tickAt = Infinity;
      this.#tickedAt = this.now;
      this.#wakeAt(this.#host.tick(this.now));
      this.world.ticked(this);
    });
  }
}

/**
 * One simulated member: the real protocol machine, router and flood, with the ports that the engine has in production
 * carried out by the simulated world.
 */
import { silentLogger, type Env } from '../core/lib/env.js';
import { BoundedFlood, type FloodLink } from '../core/switch/bounded-flood.js';
import type { LinkRoute, OverlayPorts, Role } from '../core/topology/overlay-ports.js';
import { positionOfText } from '../core/topology/position.js';
import { Router } from '../core/topology/router.js';
import { toHex } from '../core/lib/bytes.js';
import type { RingMessage } from '../core/wire/ring.js';
import { connect } from './handshake.js';
import { SimLink, type Member, type Surroundings } from './link.js';
import type { MakeMachine, OverlayMachine } from './machine.js';
import type { Place } from './net.js';
import { pathMs, pathThrough } from './packets.js';
import type { SeededRandom } from './random.js';
import { memberNoticesMs, reconnectMs, relayNoticesMs, welcomeRoundTrips } from './relay.js';
import { asRead, locateBytes, relayExtra, ringLength, sealedOverhead, tunnelExtra } from './size.js';

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

export class SimNode implements Member {
  readonly world: NodeWorld;
  /** Number in the order of joining, over the whole run. */
  readonly index: number;
  readonly id: string;
  readonly position: number;
  readonly role: Role;
  readonly place: Place;
  readonly random: SeededRandom;
  readonly links = new Map<string, SimLink>();
  /** By slot. */
  readonly slots: (SimLink | undefined)[] = [];
  readonly #router: Router;
  readonly #flood: BoundedFlood;
  readonly #lookAhead: boolean;
  /** Routes change far more often than they are used here: router and flood take them when they are. */
  #routesForRouter: readonly LinkRoute[] | undefined;
  #routesForFlood: readonly LinkRoute[] | undefined;
  readonly machine: OverlayMachine;
  alive = false;
  registered = false;
  startedAt = 0;
  /** First link, and own place found among all who had joined; ms since the start. */
  firstLinkMs: number | undefined;
  completeMs: number | undefined;
  /** All its long links stood, too. */
  linkedMs: number | undefined;
  /** Bytes and datagrams of control traffic sent, with all headers. */
  sentBytes = 0;
  sentPackets = 0;
  readonly #free: number[] = [];
  #cancelTick: (() => void) | undefined;
  #tickAt = Infinity;
  #tickedAt = -Infinity;

  constructor(
    world: NodeWorld,
    options: { index: number; role: Role; random: SeededRandom; place: Place; lookAhead: boolean },
    make: MakeMachine,
  ) {
    this.world = world;
    this.index = options.index;
    this.role = options.role;
    this.random = options.random;
    this.place = options.place;
    this.id = toHex(options.random.split('id').fill(new Uint8Array(16)));
    this.position = positionOfText(this.id);
    this.#lookAhead = options.lookAhead;
    this.#router = new Router(this.position, options.role === 'leaf');
    this.#flood = new BoundedFlood(this.position);
    this.machine = make({ id: this.id, role: this.role }, this.#ports());
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
          if (!link || link.carrier === 'tunnel') return [];
          const { slot: port, peer } = link;
          // Without look-ahead a link is as good as where it is itself.
          return [{ port, position: peer.position, forwards, reaches: this.#lookAhead ? reaches : [] }];
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

  /** Begins, and asks the relay, or the members it was told of. */
  start(known: readonly string[]): void {
    this.alive = true;
    this.startedAt = this.now;
    this.machine.start(this.now);
    if (known.length > 0) this.machine.found(this.now, known);
    if (this.world.hasRelay) this.#register();
    this.#soon();
  }

  /** Dies without a word. */
  crash(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#forget();
    if (!this.registered) return;
    this.world.clock.after(relayNoticesMs, () => {
      this.world.relay.remove(this);
    });
  }

  /** Takes leave of the relay and of every link. */
  leave(): void {
    if (!this.alive) return;
    this.machine.stop();
    for (const link of [...this.links.values()]) this.#hangUp(link);
    this.alive = false;
    this.#forget();
    this.world.relay.remove(this);
  }

  /** The relay fell out of reach, or came back: both sides notice in their own time. */
  relayLost(): void {
    if (!this.registered) return;
    const { clock, relay } = this.world;
    clock.after(memberNoticesMs + this.random.unit() * 1000, () => {
      if (!this.alive || !this.registered || this.world.seesRelay(this)) return;
      this.registered = false;
      this.#register();
    });
    clock.after(relayNoticesMs, () => {
      if (!this.world.seesRelay(this)) relay.remove(this);
    });
  }

  /** The link to a member; both sides are made when there is none. */
  link(peer: Member): SimLink {
    const known = this.links.get(peer.id);
    if (known) return known;
    const link = this.side(peer);
    const twin = peer.side(this);
    link.twin = twin;
    twin.twin = link;
    return link;
  }

  side(peer: Member): SimLink {
    const slot = this.#free.pop() ?? this.slots.length;
    const link = new SimLink(this, peer, slot);
    this.slots[slot] = link;
    this.links.set(peer.id, link);
    return link;
  }

  /** A handshake of ours, or one that we answered, is through. */
  opened(link: SimLink): void {
    const { now } = this;
    link.cancel?.();
    link.cancel = undefined;
    const stood = link.up;
    link.open(now);
    if (stood) return;
    this.firstLinkMs ??= now - this.startedAt;
    this.machine.connected(now, link.peer.id, link.carrier === 'tunnel');
    this.#soon();
  }

  failed(link: SimLink): void {
    link.cancel = undefined;
    if (!this.alive || link.up) return;
    this.machine.unreachable(this.now, link.peer.id);
    this.#soon();
    this.release(link);
  }

  closed(link: SimLink): void {
    if (!link.up) return;
    link.close();
    this.machine.disconnected(this.now, link.peer.id);
    this.#soon();
    this.release(link);
  }

  /** The relay tells that a member came or went. */
  hear(id: string, online: boolean): void {
    const { clock, net } = this.world;
    clock.after(net.jittered(net.oneWay(this.place, net.relay)), () => {
      if (!this.alive || !this.registered || !this.world.seesRelay(this)) return;
      if (online) this.machine.found(this.now, [id]);
      else this.machine.gone(this.now, id);
      this.#soon();
    });
  }

  /** Takes both sides away once neither is used. */
  release(link: SimLink): void {
    const { twin } = link;
    if (link.used || (twin?.used === true && twin.owner.alive)) return;
    link.owner.drop(link);
    if (twin) twin.owner.drop(twin);
  }

  drop(link: SimLink): void {
    if (this.links.get(link.peer.id) !== link) return;
    this.links.delete(link.peer.id);
    this.slots[link.slot] = undefined;
    this.#free.push(link.slot);
  }

  friendOf(id: string): string | undefined {
    return this.machine.friendOf(id);
  }

  count(bytes: number): void {
    this.sentBytes += bytes;
    this.world.sentBytes += bytes;
    this.sentPackets++;
  }

  #ports(): OverlayPorts {
    const { clock } = this.world;
    const env: Env = { clock, random: this.random.split('overlay'), log: silentLogger };
    return {
      env,
      connect: (id, via) => {
        const peer = this.world.find(id);
        if (peer && peer !== this) connect(this, peer, via === undefined ? undefined : this.world.find(via));
      },
      disconnect: (id) => {
        const link = this.links.get(id);
        if (link) this.#hangUp(link);
      },
      send: (id, message) => {
        const link = this.links.get(id);
        if (link?.up) this.#send(link, message);
      },
      silence: (id) => {
        const link = this.links.get(id);
        return link ? this.now - link.lastRx : Infinity;
      },
      waiting: (id) => {
        const since = this.links.get(id)?.waitingSince ?? -1;
        return since < 0 ? 0 : this.now - since;
      },
      locate: (positions) => this.#locate(positions),
      card: () => nothing,
      received: () => undefined,
      routes: (links) => {
        this.#routesForRouter = this.#routesForFlood = links;
      },
    };
  }

  #send(link: SimLink, message: RingMessage): void {
    const read = asRead(message);
    this.transmit(link, ringLength(message), true, (twin) => {
      twin.owner.receive(twin, read);
    });
  }

  receive(link: SimLink, message: RingMessage): void {
    this.machine.receive(this.now, link.peer.id, message);
    this.#soon();
  }

  /**
   * Puts a sealed packet of `bytes` on a link. `arrive` is called at the other side unless it is lost.
   *
   * @param control counts as control traffic, and may be lost by chance
   */
  transmit(link: SimLink, bytes: number, control: boolean, arrive: (twin: SimLink) => void): void {
    const { clock, net } = this.world;
    const { twin, session } = link;
    if (!twin) return;
    // Beats are not answered one by one: only what others send waits for an answer.
    if (!control && link.waitingSince < 0) link.waitingSince = this.now;
    let path: readonly Member[] | undefined;
    if (link.carrier === 'tunnel') {
      path = pathThrough(this, link.peer);
      if (path) link.delayMs = pathMs(this, path);
    }
    if (control) {
      const extra = link.carrier === 'relay' ? relayExtra : path ? tunnelExtra : 0;
      this.count(bytes + sealedOverhead + extra);
      for (const member of path?.slice(0, -1) ?? []) member.count(bytes + sealedOverhead + extra);
      if (net.loses()) return;
    }
    if (link.carrier === 'tunnel' && !path) return;
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

  #hangUp(link: SimLink): void {
    link.cancel?.();
    link.cancel = undefined;
    if (link.up) {
      this.transmit(link, 1, true, (twin) => {
        twin.owner.closed(twin);
      });
    }
    link.close();
    this.release(link);
  }

  #forget(): void {
    this.#cancelTick?.();
    this.#tickAt = Infinity;
    for (const link of [...this.links.values()]) {
      link.cancel?.();
      link.cancel = undefined;
      link.close();
      this.release(link);
    }
  }

  #register(): void {
    const { clock, net, relay } = this.world;
    const retry = (): void => {
      clock.after(500 + this.random.unit() * reconnectMs, () => {
        if (this.alive && !this.registered) this.#register();
      });
    };
    if (!this.world.seesRelay(this)) {
      retry();
      return;
    }
    const oneWay = net.oneWay(this.place, net.relay);
    this.count(900);
    clock.after((2 * welcomeRoundTrips - 1) * net.jittered(oneWay), () => {
      if (!this.alive) return;
      if (!this.world.seesRelay(this)) {
        retry();
        return;
      }
      relay.add(this);
      const named = relay.welcome(this, this.random);
      const members = relay.size;
      clock.after(net.jittered(oneWay), () => {
        if (!this.alive) return;
        this.registered = true;
        this.machine.sized(this.now, members);
        this.machine.found(this.now, named);
        this.#soon();
      });
    });
  }

  #locate(positions: readonly number[]): boolean {
    if (!this.registered) return false;
    const { clock, net, relay } = this.world;
    const oneWay = net.oneWay(this.place, net.relay);
    this.count(locateBytes.request(positions.length));
    clock.after(net.jittered(oneWay), () => {
      if (!this.world.seesRelay(this) || !relay.has(this)) return;
      const ids = relay.locate(positions, this);
      clock.after(net.jittered(oneWay), () => {
        if (!this.alive || !this.world.seesRelay(this)) return;
        this.machine.found(this.now, ids);
        this.#soon();
      });
    });
    return true;
  }

  /** One tick after the inputs of this moment, if they made anything due. */
  #soon(): void {
    this.#wakeAt(Math.max(this.now, this.#tickedAt + tickGapMs, this.machine.dueAt));
  }

  #wakeAt(at: number): void {
    if (!this.alive || at >= this.#tickAt) return;
    this.#cancelTick?.();
    this.#tickAt = at;
    this.#cancelTick = this.world.clock.after(at - this.now, () => {
      this.#tickAt = Infinity;
      this.#tickedAt = this.now;
      const next = this.machine.tick(this.now);
      this.#wakeAt(Math.max(next, this.now + 1));
      this.world.ticked(this);
    });
  }
}

const nothing = new Uint8Array(0);

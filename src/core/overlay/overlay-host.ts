/**
 * The overlay machine in a running node: its links are peers, its messages go through the data plane, its tables become
 * the forwarding table of the packet path, and the relays are its rendezvous. The engine carries it, and the simulator.
 *
 *   relays ──named──▶ ┌─────────┐ ──connect──▶ peers ──connected, lost──▶ ┌─────────┐
 *   friends ─introduce▶│ members │                                        │ overlay │ ──routes──▶ data plane
 *                      └─────────┘ ◀──────────── who is wanted ───────────└─────────┘
 */
import type { Path } from '../dataplane/plane/plane.js';
import { Role } from '../identity/invite.js';
import { idStartsOf, macText } from '../identity/node-id.js';
import { fromHex, toHex } from '../lib/bytes.js';
import { Paced } from '../lib/paced.js';
import type { RelayChoice } from '../path/path.js';
import type { LinkRole, OverlayOptions, RingReport } from '../topology/overlay-ports.js';
import type { HeldOverlay } from '../topology/held.js';
import { Overlay } from '../topology/overlay.js';
import { positionOf } from '../topology/position.js';
import type { RingMessage } from '../wire/ring.js';
import { FixedLinks } from './fixed-links.js';
import { Introductions } from './introductions.js';
import type { LinkPeer, OverlayHostPorts } from './ports.js';
import { RouteFeed } from './route-feed.js';
import { Strangers } from './strangers.js';
import { Wanted } from './wanted.js';

/** Use of a peer is told to the overlay this often. */
const usedEveryMs = 1_000;
/** Without an answer from any relay for so long after the start, members are sought where they were last seen. */
export const lonelyAfterMs = 1_500;
/** How often, while there are fewer links than that. */
export const lonelyEveryMs = 8_000;
export const lonelyLinks = 4;
/** What members sent through a relay before it went may come in for so long. */
const stillUnderWayMs = 1_000;

export class OverlayHost {
  readonly #ports: OverlayHostPorts;
  readonly #overlay: Overlay;
  readonly #introductions: Introductions;
  readonly #strangers: Strangers;
  readonly #wanted: Wanted;
  readonly #fixed: FixedLinks;
  readonly #feed: RouteFeed;
  readonly #used = new Paced(usedEveryMs);
  /** What the overlay wants done, in order. It is done once the overlay has finished, for it may be told of the result. */
  readonly #outbox: (() => void)[] = [];
  readonly #tellWaysChanged = (): void => {
    this.#ports.waysChanged();
  };
  #draining = false;
  #fixedIds = '';
  /** The relays tell of every member. */
  #complete = true;
  /** Links that pass on packets for others. */
  #forwarding: readonly string[] = [];
  #running = false;
  #lonelyAt = Infinity;

  /** @param options for comparisons in the simulator */
  constructor(ports: OverlayHostPorts, options: OverlayOptions = {}) {
    this.#ports = ports;
    const { env, self, members, relays } = ports;
    this.#introductions = new Introductions(ports);
    this.#strangers = new Strangers(ports);
    this.#wanted = new Wanted((id, via) => {
      this.#ask(id, via);
    });
    this.#fixed = new FixedLinks(ports);
    this.#feed = new RouteFeed((routes) => {
      ports.setRoutes(routes, this.#complete);
      this.#outbox.push(this.#tellWaysChanged);
    });
    this.#overlay = new Overlay(
      { id: self.idText, role: self.role },
      {
        env,
        connect: (id, via) => {
          this.#outbox.push(() => {
            this.#connect(id, via);
          });
        },
        disconnect: (id) => {
          this.#outbox.push(() => {
            this.#wanted.drop(id);
            members.get(id)?.disconnect('the overlay needs it no more');
          });
        },
        send: (id, message) => {
          this.#send(id, message);
        },
        silence: (id) => members.get(id)?.silenceMs ?? Infinity,
        waiting: (id) => members.get(id)?.waitingMs(env.clock.now()) ?? 0,
        cutOff: (id) => this.#cutOff(members.get(id)),
        locate: (positions) => relays.locate(positions.map(idOfPosition)),
        card: () => this.#introductions.card(),
        received: (from, card) => {
          this.#outbox.push(() => {
            this.#introductions.learnt(env.clock.now(), from, card);
          });
        },
        routes: (routes) => {
          this.#forwarding = routes.filter(({ forwards }) => forwards).map(({ id }) => id);
          this.#feed.put(env.clock.now(), routes);
        },
      },
      options,
    );
  }

  /** True when packets for others than our links can be sent at all. */
  get forwards(): boolean {
    return this.#forwarding.length > 0;
  }

  /** True when this node has found its place on the ring. */
  get settled(): boolean {
    return this.#overlay.settled;
  }

  /** @param fixed names of members that the operator wants links to */
  start(now: number, fixed: readonly string[]): void {
    this.#running = true;
    this.#lonelyAt = now + lonelyAfterMs;
    this.#fixed.set(fixed);
    this.#overlay.start(now);
    this.#ports.setRoutes([], this.#complete);
    this.membersChanged(now);
  }

  /** For the process that goes on: links that are with peers. */
  held(): HeldOverlay {
    return this.#overlay.held();
  }

  /** Goes on with the links of the process before, as far as their peers are connected. After `start`. */
  adopt(now: number, held: HeldOverlay): void {
    const links = held.links.filter(({ id }) => this.#ports.members.get(id)?.state === 'connected');
    this.#overlay.adopt(now, { ...held, links });
    this.#done();
  }

  stop(): void {
    this.#running = false;
    this.#overlay.stop();
    this.#wanted.clear();
    this.#feed.clear();
    this.#outbox.length = 0;
  }

  report(): RingReport {
    return this.#overlay.report();
  }

  /** What each link is for, by node id. */
  roles(): Map<string, LinkRole> {
    return new Map(
      this.#overlay
        .links()
        .filter((link) => link.up)
        .map((link) => [link.id, link.role]),
    );
  }

  /* ---- what relays tell ---- */

  /** These members are online. */
  named(now: number, ids: readonly string[]): void {
    this.#overlay.found(now, this.#switches(ids));
    this.#done();
  }

  offline(now: number, id: string): void {
    this.#overlay.gone(now, id);
    this.#done();
  }

  /** Relays tell of every member, or of some; and so many are online. */
  roster(now: number, complete: boolean, size: number): void {
    this.#overlay.sized(now, size);
    if (complete !== this.#complete) {
      this.#complete = complete;
      this.#overlay.reroute();
    }
    this.#done();
  }

  /* ---- what peers tell ---- */

  connected(now: number, peer: LinkPeer): void {
    this.#wanted.drop(peer.member.idText);
    this.#linked(now, peer);
    this.#done();
  }

  /** A peer is reached in another way now. */
  moved(peer: LinkPeer): void {
    this.#overlay.moved(peer.member.idText, peer.indirect);
    this.#done();
  }

  restarted(now: number, peer: LinkPeer): void {
    this.#overlay.restarted(now, peer.member.idText);
    this.#done();
  }

  lost(now: number, peer: LinkPeer): void {
    this.#overlay.disconnected(now, peer.member.idText);
    this.#done();
  }

  /** Frames go to or come from it: it deserves a link of its own. */
  used(now: number, peer: LinkPeer): void {
    const { idText } = peer.member;
    if (!this.#used.due(idText, now)) return;
    this.#overlay.demand(now, idText);
    this.#done();
  }

  /** Packets begin to go out to it with nothing coming back. */
  unanswered(now: number, peer: LinkPeer): void {
    this.#overlay.unanswered(now, peer.member.idText);
    this.#done();
  }

  ring(now: number, peer: LinkPeer, message: RingMessage): void {
    if (message.type === 'meet') this.#introductions.meet(now, peer, message.id);
    else if (message.type === 'introduce') this.#introductions.introduce(now, peer, message.card);
    else if (message.type === 'whose') this.#strangers.whose(now, peer, message.id);
    else if (message.type === 'vouch') this.#strangers.vouch(now, peer, message.id, message.credential);
    else this.#overlay.receive(now, peer.member.idText, message);
    this.#done();
  }

  /** A link passed on a flood of a member that is not known here. */
  stranger(now: number, peer: LinkPeer, id: Uint8Array): void {
    this.#strangers.met(now, peer, id);
  }

  /* ---- members ---- */

  /** A member became known, or changed. */
  membersChanged(now: number): void {
    const { members } = this.#ports;
    for (const { id, via } of this.#wanted.take((wanted) => members.get(wanted) !== undefined)) {
      const peer = members.get(id);
      if (peer) this.#begin(now, peer, via);
    }
    const fixed = this.#fixed.ids();
    if (fixed.join() !== this.#fixedIds) {
      this.#fixedIds = fixed.join();
      this.#overlay.setFixed(now, fixed);
    }
    this.#done();
  }

  /** Frames go to an address that nobody known here has: a member of a network too large to know all of it, perhaps. */
  unknownMac(now: number, mac: Uint8Array): void {
    const { env, relays } = this.#ports;
    if (relays.anyUp) {
      relays.find({ mac: toHex(mac) });
      return;
    }
    env.log.debug('seeking the owner of an address', { mac: macText(mac) });
    this.#overlay.seek(now, positionsOf(mac));
    this.#done();
  }

  /** The way to a peer through other members, when there is one. */
  choice(peer: LinkPeer): RelayChoice | undefined {
    const { id, idText } = peer.member;
    const path: Path = { kind: 'overlay', destination: id };
    const friend = this.#friend(idText);
    if (friend) return { path: { ...path, via: friend.slot }, label: `via ${friend.member.name}` };
    return this.#overlay.settled && this.#passes() ? { path, label: 'ring' } : undefined;
  }

  /** A link of ours, reached without help, that is linked with this member. */
  friendOf(id: string): string | undefined {
    return this.#overlay.friendOf(id);
  }

  /* ---- time ---- */

  /** When `tick` has something to do. */
  get dueAt(): number {
    if (!this.#running) return Infinity;
    return Math.min(
      this.#overlay.dueAt,
      this.#wanted.dueAt,
      this.#fixed.dueAt(this.#complete),
      this.#feed.dueAt,
      this.#ports.relays.anyUp ? Infinity : this.#lonelyAt,
    );
  }

  /** Does what is due. Returns when it wants to be called again. */
  tick(now: number): number {
    if (!this.#running) return Infinity;
    this.#wanted.tick(now);
    this.#fixed.tick(now, this.#complete);
    this.#beLonely(now);
    this.#overlay.tick(now);
    this.#feed.tick(now);
    this.#drain();
    return Math.max(now + 1, this.dueAt);
  }

  /** No relay answers, and there are few links: members are sought where they were seen last. */
  #beLonely(now: number): void {
    const { members, relays } = this.#ports;
    if (relays.anyUp || now < this.#lonelyAt) return;
    this.#lonelyAt = now + lonelyEveryMs;
    if (this.#overlay.links().filter((link) => link.up).length >= lonelyLinks) return;
    const remembered = members.all().filter((peer) => peer.remembered.length > 0);
    this.#overlay.found(now, this.#switches(remembered.map((peer) => peer.member.idText)));
  }

  /** The end of every input. */
  #done(): void {
    this.#drain();
    if (this.#running) this.#ports.wake(this.dueAt);
  }

  #drain(): void {
    // What is done here may be the cause of the next input, which adds to the end of the same queue.
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let act = this.#outbox.shift(); act; act = this.#outbox.shift()) act();
    } finally {
      this.#draining = false;
    }
  }

  /* ---- what the overlay wants ---- */

  /** Leaves are nobody's neighbours. */
  #switches(ids: readonly string[]): string[] {
    return ids.filter((id) => this.#ports.members.get(id)?.member.role !== Role.leaf);
  }

  #linked(now: number, peer: LinkPeer): void {
    this.#overlay.connected(now, peer.member.idText, peer.indirect, peer.member.role === Role.leaf);
  }

  #connect(id: string, via: string | undefined): void {
    const now = this.#ports.env.clock.now();
    const peer = this.#ports.members.get(id);
    if (peer) this.#begin(now, peer, via);
    else this.#wanted.want(now, id, via);
  }

  #begin(now: number, peer: LinkPeer, via: string | undefined): void {
    if (peer.state === 'connected') {
      this.#linked(now, peer);
      return;
    }
    const { relays } = this.#ports;
    const { idText } = peer.member;
    relays.ask(idText);
    // A friend makes both sides send at the same time, which opens their NATs; a relay does the same and is nearer at hand.
    if (via !== undefined && !relays.isOnline(idText)) this.#send(via, { type: 'meet', id: idText });
    peer.connect(now);
  }

  #ask(id: string, via: string | undefined): void {
    if (via !== undefined) this.#send(via, { type: 'meet', id });
    this.#ports.relays.find({ ids: [id] });
  }

  #send(id: string, message: RingMessage): void {
    const peer = this.#ports.members.get(id);
    if (peer?.state === 'connected') this.#ports.send(peer, message);
  }

  #friend(id: string): LinkPeer | undefined {
    const friend = this.#overlay.friendOf(id);
    const peer = friend === undefined ? undefined : this.#ports.members.get(friend);
    return peer && this.#leadsOn(peer) ? peer : undefined;
  }

  /** Some link passes packets on. Who has lost no relay need not look. */
  #passes(): boolean {
    const { members, relays } = this.#ports;
    if (relays.lostAt === -Infinity) return this.forwards;
    return this.#forwarding.some((id) => {
      const peer = members.get(id);
      return peer !== undefined && this.#leadsOn(peer);
    });
  }

  /**
   * Whether others are reached through it. Where the relays went, what it told of its links is older than that: as we reach it by a
   * relay only, it reached them so, too, and has lost them with us. They come back to the relays by themselves.
   */
  #leadsOn(peer: LinkPeer): boolean {
    const { relays } = this.#ports;
    if (peer.state !== 'connected') return false;
    // It is told after others that the relay went by which it was reached.
    return peer.relayed !== true || (relays.lostAt === -Infinity && relays.isOnline(peer.member.idText));
  }

  /**
   * There is no way to it, and what took the relays may have taken that, too. Who was heard after they went, and falls silent, is
   * silent by itself.
   */
  #cutOff(peer: LinkPeer | undefined): boolean {
    const { env, relays } = this.#ports;
    return peer?.cutOff === true && env.clock.now() - peer.silenceMs < relays.lostAt + stillUnderWayMs;
  }
}

/** The whole id that the relay looks for: a position and zeros. */
export function idOfPosition(position: number): string {
  const text = position.toString(16).padStart(13, '0').padEnd(32, '0');
  return fromHex(text) ? text : ''.padEnd(32, '0');
}

/** Where the owner of a MAC may be on the ring. */
function positionsOf(mac: Uint8Array): number[] {
  return idStartsOf(mac).map((start) => {
    const id = new Uint8Array(16);
    id.set(start);
    return positionOf(id);
  });
}

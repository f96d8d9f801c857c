/**
 * The overlay machine in a running node: its links are peers, its messages go through the data plane, its tables become
 * the forwarding table of the packet path, and the relays are its rendezvous.
 *
 *   relays ──named──▶ ┌─────────┐ ──connect──▶ peers ──connected, lost──▶ ┌─────────┐
 *   friends ─introduce▶│ members │                                        │ overlay │ ──routes──▶ data plane
 *                      └─────────┘ ◀──────────── who is wanted ───────────└─────────┘
 */
import type { DataPlane, Path } from '../dataplane/plane/plane.js';
import { Role } from '../identity/certificate.js';
import type { Self } from '../membership/self.js';
import { macText } from '../identity/node-id.js';
import { fromHex, toHex } from '../lib/bytes.js';
import type { Env } from '../lib/env.js';
import type { Peers } from '../peer/peers.js';
import type { RelayChoice } from '../path/prober.js';
import type { Peer } from '../peer/peer.js';
import type { RelaySet } from '../relays/relay-set.js';
import { Overlay } from '../topology/overlay.js';
import type { LinkRoute, RingReport } from '../topology/overlay-ports.js';
import { positionOf } from '../topology/position.js';
import type { LinkRole } from '../topology/overlay-ports.js';
import { encodeCard, encodeRing, parseCard, type RingMessage } from '../wire/ring.js';
import type { Candidate } from '../wire/control.js';

/** Use of a peer is told to the overlay this often. */
const usedEveryMs = 1_000;
/** Members that are wanted without being known are asked for again this often, and forgotten after that long. */
const askEveryMs = 2_000;
const wantedForMs = 10_000;
const maxUnknown = 64;
/** How often relays that name only some members are asked for those that the operator wants to be linked with. */
const askFixedEveryMs = 30_000;
/** Introductions and meetings that one link may cause: at once, and ms until one more. */
const introductionsAtOnce = 24;
const introductionRefillMs = 200;
/** How often members are sought where they were last seen, while nobody is linked and no relay answers. */
const lonelyEveryMs = 8_000;
/** With more links than this their table is given to the plane no more often: it costs work for each of them. */
const manyLinks = 64;
const routeEveryMs = 100;

export interface OverlayHostPorts {
  readonly env: Env;
  readonly self: Self;
  readonly plane: DataPlane;
  readonly members: Peers;
  readonly relays: RelaySet;
  /** Where others may try to reach us. */
  candidates(): readonly Candidate[];
  credential(): Uint8Array;
  /** The overlay wants to be called at this time at the latest. */
  wake(at: number): void;
}

interface Unknown {
  since: number;
  askedAt: number;
  via: string | undefined;
}

export class OverlayHost {
  readonly #ports: OverlayHostPorts;
  readonly #overlay: Overlay;
  readonly #usedAt = new Map<string, number>();
  /** Wanted, but their credentials are not here yet. */
  readonly #unknown = new Map<string, Unknown>();
  readonly #budgets = new Map<string, { tokens: number; at: number }>();
  #fixed: readonly string[] = [];
  #fixedAskAt = 0;
  #complete = true;
  #forwards = false;
  #nextAt = 0;
  #lonelyAt = 0;
  /** The forwarding table that the plane has not been given yet, and when it was given one. */
  #routes: readonly LinkRoute[] | undefined;
  #routedAt = -Infinity;

  constructor(ports: OverlayHostPorts) {
    this.#ports = ports;
    const { env, self, members, relays } = ports;
    const role = self.certificate.role === Role.leaf ? 'leaf' : 'switch';
    this.#overlay = new Overlay(
      { id: self.idText, role },
      {
        env,
        connect: (id, via) => {
          this.#connect(id, via);
        },
        disconnect: (id) => {
          this.#unknown.delete(id);
          members.get(id)?.disconnect('the overlay needs it no more');
        },
        send: (id, message) => {
          this.#send(id, message);
        },
        silence: (id) => members.get(id)?.silenceMs ?? Infinity,
        waiting: (id) => members.get(id)?.waitingMs(env.clock.now()) ?? 0,
        locate: (positions) => relays.locate(positions.map(idOfPosition)),
        card: () => this.#card(),
        received: (card) => {
          this.#introduced(card, undefined);
        },
        routes: (routes) => {
          this.#route(routes);
        },
      },
    );
  }

  /** True when packets for others than our links can be sent at all. */
  get forwards(): boolean {
    return this.#forwards;
  }

  get settled(): boolean {
    return this.#overlay.settled;
  }

  start(now: number, fixed: readonly string[]): void {
    this.#fixed = fixed;
    this.#overlay.start(now);
    this.#ports.plane.setLinks([], this.#complete);
    this.membersChanged(now);
  }

  stop(): void {
    this.#overlay.stop();
    this.#unknown.clear();
    this.#routes = undefined;
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
    this.#poke(now);
  }

  offline(now: number, id: string): void {
    this.#overlay.gone(now, id);
    this.#poke(now);
  }

  roster(now: number, complete: boolean, size: number): void {
    this.#overlay.sized(now, size);
    if (complete === this.#complete) return;
    this.#complete = complete;
    this.#overlay.reroute();
  }

  /* ---- what peers tell ---- */

  connected(now: number, peer: Peer): void {
    const { idText } = peer.member;
    this.#unknown.delete(idText);
    this.#linked(now, peer);
    this.#poke(now);
  }

  #linked(now: number, { member, prober }: Peer): void {
    const tunnel = prober.active?.kind === 'overlay';
    this.#overlay.connected(now, member.idText, tunnel, member.role === Role.leaf);
  }

  /** A peer is reached in another way now. */
  moved(now: number, peer: Peer): void {
    this.#overlay.moved(peer.member.idText, peer.prober.active?.kind === 'overlay');
    this.#poke(now);
  }

  restarted(now: number, peer: Peer): void {
    this.#overlay.restarted(now, peer.member.idText);
    this.#poke(now);
  }

  lost(now: number, peer: Peer): void {
    this.#overlay.disconnected(now, peer.member.idText);
    this.#poke(now);
  }

  /** Frames go to or come from it: it deserves a tunnel of its own. */
  used(now: number, peer: Peer): void {
    const { idText } = peer.member;
    const last = this.#usedAt.get(idText);
    if (last !== undefined && now - last < usedEveryMs) return;
    this.#usedAt.set(idText, now);
    this.#overlay.demand(now, idText);
    this.#poke(now);
  }

  ring(now: number, peer: Peer, message: RingMessage): void {
    const { idText } = peer.member;
    if (message.type === 'meet') this.#meet(now, peer, message.id);
    else if (message.type === 'introduce') {
      if (this.#mayIntroduce(now, idText)) this.#introduced(message.card, idText);
    } else {
      this.#overlay.receive(now, idText, message);
    }
    this.#poke(now);
  }

  /* ---- members ---- */

  /** A member became known, or changed. */
  membersChanged(now: number): void {
    const { members } = this.#ports;
    for (const [id, { via }] of [...this.#unknown]) {
      const peer = members.get(id);
      if (!peer) continue;
      this.#unknown.delete(id);
      this.#begin(now, peer, via);
    }
    const fixed = this.#fixed.map((text) => members.lookup(text)?.member.idText);
    this.#overlay.setFixed(
      now,
      fixed.filter((id) => id !== undefined),
    );
  }

  /** Frames go to an address that nobody known here has: a member of a network too large to know all of it, perhaps. */
  unknownMac(now: number, mac: Uint8Array): void {
    const { relays } = this.#ports;
    if (relays.anyUp) {
      void relays.find({ mac: toHex(mac) });
      return;
    }
    // A MAC is the beginning of an id with two bits overwritten (identity/node-id.ts).
    const first = (mac[0] as number) & 0xfc;
    const positions = [0, 1, 2, 3].map((bits) => {
      const id = new Uint8Array(16);
      id.set(mac);
      id[0] = first | bits;
      return positionOf(id);
    });
    this.#ports.env.log.debug('seeking the owner of an address', { mac: macText(mac) });
    this.#overlay.seek(now, positions);
  }

  /** The way to a peer through other members, when there is one. */
  choice(peer: Peer): RelayChoice | undefined {
    const { id, idText } = peer.member;
    const friend = this.#friend(idText);
    const path: Path = { kind: 'overlay', destination: id };
    if (friend) return { path: { ...path, via: friend.slot }, label: `via ${friend.member.name}` };
    return this.#forwards && this.#overlay.settled ? { path, label: 'ring' } : undefined;
  }

  /** Does what is due. Returns when it wants to be called again. */
  tick(now: number): number {
    if (now >= this.#nextAt) this.#nextAt = this.#overlay.tick(now);
    this.#askForUnknown(now);
    this.#askForFixed(now);
    this.#routeLate(now);
    return this.#routes ? Math.min(this.#nextAt, this.#routedAt + routeEveryMs) : this.#nextAt;
  }

  /** No relay answers: members are sought where they were seen last. */
  lonely(now: number): void {
    if (now < this.#lonelyAt) return;
    this.#lonelyAt = now + lonelyEveryMs;
    const linked = this.#overlay.links().filter((link) => link.up).length;
    if (linked >= 4) return;
    const remembered = this.#ports.members.all().filter((peer) => peer.remembered.length > 0);
    this.#overlay.found(now, this.#switches(remembered.map((peer) => peer.member.idText)));
    this.#poke(now);
  }

  #poke(now: number): void {
    this.#nextAt = this.#overlay.tick(now);
    this.#ports.wake(this.#nextAt);
  }

  /** Leaves are nobody's neighbours. */
  #switches(ids: readonly string[]): string[] {
    return ids.filter((id) => this.#ports.members.get(id)?.member.role !== Role.leaf);
  }

  #connect(id: string, via: string | undefined): void {
    const { env, members } = this.#ports;
    const now = env.clock.now();
    const peer = members.get(id);
    if (peer) {
      this.#begin(now, peer, via);
      return;
    }
    if (this.#unknown.size < maxUnknown) this.#unknown.set(id, { since: now, askedAt: now, via });
    this.#ask(id, via);
  }

  #begin(now: number, peer: Peer, via: string | undefined): void {
    const { idText } = peer.member;
    if (peer.state === 'connected') {
      this.#linked(now, peer);
      return;
    }
    const { relays } = this.#ports;
    relays.ask(idText);
    // A friend makes both sides send at the same time, which opens their NATs; a relay does the same and is nearer at hand.
    if (via !== undefined && !relays.isOnline(idText)) this.#send(via, { type: 'meet', id: idText });
    peer.connect(now);
  }

  #ask(id: string, via: string | undefined): void {
    if (via !== undefined) this.#send(via, { type: 'meet', id });
    void this.#ports.relays.find({ ids: [id] });
  }

  #askForFixed(now: number): void {
    const { members, relays } = this.#ports;
    if (this.#complete || !relays.anyUp || now < this.#fixedAskAt) return;
    this.#fixedAskAt = now + askFixedEveryMs;
    for (const text of this.#fixed) if (!members.lookup(text)) void relays.find({ text: text.slice(0, 64) });
  }

  #askForUnknown(now: number): void {
    for (const [id, entry] of this.#unknown) {
      if (now - entry.since > wantedForMs) this.#unknown.delete(id);
      else if (now - entry.askedAt >= askEveryMs) {
        entry.askedAt = now;
        this.#ask(id, entry.via);
      }
    }
  }

  #send(id: string, message: RingMessage): void {
    const { members, plane } = this.#ports;
    const peer = members.get(id);
    if (peer?.session.established === true) plane.sendControl(peer.slot, encodeRing(message));
  }

  /** `peer` asks to be introduced to a link of ours: each gets the other's card. */
  #meet(now: number, peer: Peer, id: string): void {
    const other = this.#ports.members.get(id);
    if (!other || other === peer || other.state !== 'connected') return;
    if (!this.#mayIntroduce(now, peer.member.idText)) return;
    this.#send(peer.member.idText, { type: 'introduce', card: cardOf(other) });
    this.#send(id, { type: 'introduce', card: cardOf(peer) });
  }

  /** A card: its credential proves itself; the endpoints are hints. With a friend, both sides begin now. */
  #introduced(bytes: Uint8Array, friend: string | undefined): void {
    const { env, members } = this.#ports;
    const card = parseCard(bytes);
    const peer = card && members.take(card.credential);
    if (!card || !peer || peer.state === 'connected') return;
    const now = env.clock.now();
    peer.introduced(now, card.candidates);
    if (friend === undefined) return;
    peer.prober.relaysChanged(now);
  }

  /** A token bucket: each introduction makes us send packets to addresses that a member names. */
  #mayIntroduce(now: number, id: string): boolean {
    let budget = this.#budgets.get(id);
    if (!budget) this.#budgets.set(id, (budget = { tokens: introductionsAtOnce, at: now }));
    budget.tokens = Math.min(introductionsAtOnce, budget.tokens + (now - budget.at) / introductionRefillMs);
    budget.at = now;
    if (budget.tokens < 1) return false;
    budget.tokens--;
    return true;
  }

  #card(): Uint8Array {
    return encodeCard({ credential: this.#ports.credential(), candidates: this.#ports.candidates() });
  }

  /** A link of ours, reached without help, that is linked with this member. */
  #friend(id: string): Peer | undefined {
    const friend = this.#overlay.friendOf(id);
    const peer = friend === undefined ? undefined : this.#ports.members.get(friend);
    return peer?.state === 'connected' ? peer : undefined;
  }

  #route(routes: readonly LinkRoute[]): void {
    this.#forwards = routes.some((route) => route.forwards);
    const now = this.#ports.env.clock.now();
    const waits = this.#routes !== undefined;
    this.#routes = routes;
    if (routes.length <= manyLinks || now - this.#routedAt >= routeEveryMs) this.#giveRoutes(now);
    else if (!waits) this.#ports.wake(this.#routedAt + routeEveryMs);
  }

  /** What was kept back is due. */
  #routeLate(now: number): void {
    if (this.#routes && now - this.#routedAt >= routeEveryMs) this.#giveRoutes(now);
  }

  #giveRoutes(now: number): void {
    const routes = this.#routes ?? [];
    this.#routes = undefined;
    this.#routedAt = now;
    const { members, plane } = this.#ports;
    plane.setLinks(
      routes.flatMap(({ id, forwards, flood, neighbours }) => {
        const peer = members.get(id);
        return peer ? [{ slot: peer.slot, forwards, flood, neighbours }] : [];
      }),
      this.#complete,
    );
    for (const peer of members.all()) {
      if (!peer.session.established && !peer.session.connecting) continue;
      peer.prober.relaysChanged(now);
    }
  }
}

/** How a peer is met, as far as we know. */
function cardOf(peer: Peer): Uint8Array {
  return encodeCard({ credential: peer.member.credential, candidates: peer.whereabouts });
}

/** The whole id that the relay looks for: a position and zeros. */
function idOfPosition(position: number): string {
  const text = position.toString(16).padStart(13, '0').padEnd(32, '0');
  return fromHex(text) ? text : ''.padEnd(32, '0');
}

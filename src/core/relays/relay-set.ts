/** All relays of one network together: who is online at any of them, the ways to a member, and what they know of the others. */
import type { RelayReport } from './relay-report.js';
import { ownerOf } from '../identity/certificate.js';
import type { RelayFact } from '../identity/network.js';
import type { HeldRelay } from './held.js';
import { fromBase64Url } from '../lib/bytes.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { RelayChoice } from '../path/path.js';
import type { LedgerNews, Welcome } from '../wire/signal.js';
import type { RelayAnswer } from './net/relay-client.js';
import { Comeback } from './comeback.js';
import type { Pins } from './net/dial.js';
import { NoRelay } from './net/relay-fault.js';
import { askHealth, saysHealthy } from './net/relay-health.js';
import { systemNames } from './net/relay-names.js';
import { parseRelayAddress } from './net/relay-url.js';
import { HomeRelay } from './home.js';
import { Relay, type RelayOwner } from './relay.js';
import type { RelayContext, RelayNews } from './relay-ports.js';
import { Placements } from './placements.js';
import { RelayQueries, type FindKey } from './relay-queries.js';

/** A relay that is asked for its health has so long, ms. */
const healthMs = 3_000;

export interface RelaySetOptions extends RelayContext {
  readonly relays: readonly RelayFact[];
}

export interface RelaySetListener extends RelayNews {
  welcome(welcome: Welcome, relay: RelayFact): void;
  /** Members that are online, by a welcome or by the answer to `locate`. Their credentials came through `member` before. */
  named(idTexts: readonly string[]): void;
  /**
   * Whether all relays that are up tell of every member, and how many members are online, as far as they say. At every
   * welcome, and whenever it changes.
   */
  roster(complete: boolean, size: number): void;
  down(url: string, reason: string): void;
}

export class RelaySet {
  readonly #options: RelaySetOptions;
  readonly #listener: RelaySetListener;
  readonly #relays: Relay[];
  readonly #queries: RelayQueries;
  readonly #placements: Placements;
  readonly #home = new HomeRelay();
  readonly #comeback = new Comeback();
  #roster = { complete: true, size: 0 };

  constructor(options: RelaySetOptions, listener: RelaySetListener) {
    this.#options = options;
    this.#listener = listener;
    const owner = this.#owner();
    this.#relays = options.relays.map((fact, index) => new Relay(index, fact, options, listener, owner));
    this.#queries = new RelayQueries(options.env, () => this.#relays);
    this.#placements = new Placements(options.env, () => this.#relays);
  }

  get size(): number {
    return this.#relays.length;
  }

  get anyUp(): boolean {
    return this.#relays.some((relay) => relay.up);
  }

  /** None is left that may take us: one that does not answer may. */
  get allRefuse(): boolean {
    return this.#relays.every((relay) => relay.refuses);
  }

  /** When the last that was up went, ms of the clock; -Infinity: none has been, or one is, and members had time to come back. */
  get lostAt(): number {
    return this.#comeback.lostAt(this.#now);
  }

  /** True when a relay is up and none answers by UDP. */
  get udpBlocked(): boolean {
    const up = this.#relays.filter((relay) => relay.up);
    return up.length > 0 && up.every((relay) => relay.blocked);
  }

  /** False when a relay that is up told of some members only: then there are others, who may be asked for. */
  get complete(): boolean {
    return this.#relays.every((relay) => !relay.up || relay.complete);
  }

  /** Addresses of the relays, as far as they are known. */
  get hosts(): string[] {
    return this.#relays.flatMap(({ host }) => host ?? []);
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. Every call and event may change it. */
  get dueAt(): number {
    return Math.min(...this.#relays.map((relay) => relay.dueAt));
  }

  start(): void {
    for (const relay of this.#relays) relay.start();
  }

  /** For the process that goes on with them. */
  held(): HeldRelay[] {
    return this.#relays.flatMap((relay) => relay.held() ?? []);
  }

  /** Of the WebSockets that there are. */
  descriptors(): number[] {
    return this.#relays.flatMap((relay) => relay.descriptor ?? []);
  }

  /** Before `start`. */
  adopt(held: readonly HeldRelay[]): void {
    for (const one of held) this.#relays.find(({ url }) => url === one.url)?.adopt(this.#now, one);
    this.#tellRoster(true);
  }

  /** Another process goes on. */
  linger(): void {
    for (const relay of this.#relays) relay.linger();
  }

  stop(): void {
    this.#queries.stop();
    this.#placements.stop();
    for (const relay of this.#relays) relay.stop();
  }

  /** Our credential is another: relays learn it by connecting anew. */
  introduceAgain(): void {
    for (const relay of this.#relays) relay.introduceAgain();
  }

  tick(now: number): void {
    for (const relay of this.#relays) relay.tick(now);
  }

  /** UDP may have moved or gone: bind again. */
  check(): void {
    for (const relay of this.#relays) relay.check(this.#now);
  }

  /** The network changed: bind again, and see whether the WebSockets still live. */
  nudge(): void {
    for (const relay of this.#relays) relay.nudge(this.#now);
  }

  /** Relays may have given us up, since `why`: connections to them are made anew. */
  resume(why: string): void {
    for (const relay of this.#relays) relay.resume(why);
  }

  /** Packets leave by another interface, and by the one before relays are still reached. */
  move(): void {
    for (const relay of this.#relays) relay.move(this.#now);
  }

  /** When any of them gave a sign of life last, ms of the clock; one that is up may be silent. */
  get heardAt(): number {
    return Math.max(...this.#relays.map((relay) => relay.heardAt));
  }

  /** True when one of them answers by these interfaces, to who asks by TCP. */
  async answer(pins: Pins): Promise<boolean> {
    const { relays, names = systemNames, proxy } = this.#options;
    const asked = relays.map(async (relay) => {
      const address = parseRelayAddress(relay.address);
      const { host, port } = address;
      const route = { pins, names, proxy: proxy?.(host, port) };
      const { body } = await askHealth(address, { timeoutMs: healthMs, anyCertificate: true, ...route });
      // A login page answers, too.
      if (!saysHealthy(body)) throw new NoRelay();
    });
    return Promise.any(asked).then(
      () => true,
      () => false,
    );
  }

  /** Something is not answered: as `nudge`, with patience for a relay that answers by UDP. */
  doubt(): void {
    for (const relay of this.#relays) relay.doubt(this.#now);
  }

  /** A relayBound or relayUnbound packet. */
  receive(now: number, packet: Uint8Array, from: Endpoint): void {
    for (const relay of this.#relays) if (relay.receive(now, packet, from)) return;
  }

  /** Says to all relays that are up that this node leaves the network for good. */
  leave(farewell: Uint8Array): void {
    for (const relay of this.#relays) relay.leave(farewell);
  }

  /** Sends statements to the relay of this URL, or to all but that one. */
  tell(messages: readonly LedgerNews[], url: string | undefined, only: boolean): void {
    for (const relay of this.#relays) {
      if (!relay.up || (relay.url === url) !== only) continue;
      for (const message of messages) relay.tell(message);
    }
  }

  isOnline(idText: string): boolean {
    return this.#relays.some((relay) => relay.isOnline(idText));
  }

  /**
   * Asks one relay for the online members at or clockwise after these ids (32 hexadecimal characters, whole ones). They
   * come by `member` and `named`. False when no relay can be asked.
   */
  locate(targets: readonly string[]): boolean {
    return this.#queries.locate(targets);
  }

  /** Asks all relays for members, 3 s at most. Credentials, not verified; the listener was given them as well. */
  find(key: FindKey): Promise<Uint8Array[]> {
    return this.#queries.find(key);
  }

  /** Whether a relay sees the member (32 hexadecimal characters) at this address by UDP. False where none says so in 2 s. */
  placed(idText: string, host: string): Promise<boolean> {
    return this.#placements.ask(idText, host);
  }

  /** Has a relay say by `presence` whether a member is online, now and later on. Cheap to call: it asks seldom. */
  ask(idText: string): void {
    if (!this.isOnline(idText)) this.#queries.ask(idText);
  }

  /** A packet of this member came by UDP through the relay of this index. True when it was not known to be online there. */
  heard(index: number, idText: string): boolean {
    return this.#relays[index]?.heard(idText) ?? false;
  }

  /** Ways to a peer: relays where it is online, UDP before WebSocket, the home relay or the nearest first. */
  choices(id: Uint8Array, idText: string): RelayChoice[] {
    this.#settleHome();
    const ways = this.#relays.map((relay) => relay.wayTo(id, idText));
    return this.#home.sort(ways.filter((way) => way !== undefined)).map((way) => way.choice);
  }

  report(): RelayReport[] {
    const home = this.#settleHome();
    return this.#relays.map((relay) => relay.report(relay.index === home));
  }

  #settleHome(): number | undefined {
    return this.#home.settle(this.#relays.filter((relay) => relay.up));
  }

  get #now(): number {
    return this.#options.env.clock.now();
  }

  #owner(): RelayOwner {
    const listener = this.#listener;
    return {
      welcomed: (relay, welcome) => {
        if (!this.#relays.some((other) => other !== relay && other.up)) this.#comeback.up(this.#now);
        listener.welcome(welcome, relay.fact);
        this.#tellRoster(true);
        listener.named(welcome.online);
      },
      lost: (relay, reason) => {
        if (!this.anyUp) this.#comeback.lost(this.#now);
        this.#queries.lost(relay);
        listener.down(relay.url, reason);
        this.#tellRoster();
        listener.changed();
      },
      roster: () => {
        this.#tellRoster();
      },
      answer: (relay, message) => {
        this.#answer(relay, message);
      },
      ask: (idText) => {
        this.#queries.ask(idText);
      },
    };
  }

  #answer(relay: Relay, message: Exclude<RelayAnswer, { type: 'roster' | 'ledger' | 'applicants' }>): void {
    if (message.type === 'placed') {
      this.#placements.answered(message);
      return;
    }
    const credentials = message.members.flatMap((text) => fromBase64Url(text) ?? []);
    for (const credential of credentials) this.#listener.member(credential);
    if (message.type === 'located') {
      const ids = credentials.flatMap((credential) => ownerOf(credential) ?? []);
      for (const id of ids) relay.note(id, true);
      this.#listener.named(ids);
      this.#listener.changed();
      return;
    }
    const asked = this.#queries.found(relay, message);
    if (!asked) return;
    for (const id of new Set([...asked, ...message.online])) {
      const online = message.online.includes(id);
      relay.note(id, online);
      this.#listener.presence(id, online);
    }
  }

  /** Tells of the roster when that changed, or always. */
  #tellRoster(always = false): void {
    const up = this.#relays.filter((relay) => relay.up);
    if (up.length === 0) return;
    const { complete } = this;
    const size = Math.max(...up.map((relay) => relay.size));
    if (!always && complete === this.#roster.complete && size === this.#roster.size) return;
    this.#roster = { complete, size };
    this.#listener.roster(complete, size);
  }
}

/**
 * One relay of a network, as the node uses it: its WebSocket (signalling, and a carrier for data when UDP is blocked),
 * its UDP link, and who is online there, as far as it says.
 */
import { isIP } from 'node:net';
import type { RelayReport } from './relay-report.js';
import { WebSocketCarrier } from '../carriers/websocket.js';
import type { RelayFact } from '../identity/network.js';
import { placeOf, shownRelay } from '../lib/relay-address.js';
import { fromBase64Url } from '../lib/bytes.js';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import { messageOf } from '../lib/errors.js';
import { TokenBucket } from '../lib/token-bucket.js';
import type { RelayChoice } from '../path/path.js';
import { timeoutMs } from '../peer/round-trip.js';
import type { FindRequest, LedgerNews, LocateRequest, PlacedRequest, Welcome } from '../wire/signal.js';
import { RelayClient, type RelayAnswer, type RelaySession } from './net/relay-client.js';
import { systemNames } from './net/relay-names.js';
import { formatRelayUrl, parseRelayAddress } from './net/relay-url.js';
import type { Ranked } from './home.js';
import { OnlineIds } from './online-ids.js';
import type { HeldRelay } from './held.js';
import { RelayLink } from './relay-link.js';
import type { RelayContext, RelayNews } from './relay-ports.js';
import type { Askable } from './relay-queries.js';
import { stunServersOf } from './stun-servers.js';

/** Every way by UDP ranks before every way by WebSocket; within these, the nearest relay first. */
const webSocketRank = 10_000;
/** Rank of a relay whose round trip is not known yet, ms. */
const unknownRttMs = 1_000;
/** Addresses of its name that are looked at. */
const addressLimit = 8;

/**
 * Credentials of members that are taken of one relay, a second and at once: a forged one costs half a millisecond of signatures. Four
 * welcomes of the largest network of which a relay tells everybody, and from then on more than it is asked for.
 */
const membersPerS = 128;
const membersAtOnce = 1_024;

/** What the set of relays is told, since it concerns more than one of them. */
export interface RelayOwner {
  /** The relay is up. What `welcome` says of who is online is in the relay's state already. */
  welcomed(relay: Relay, welcome: Welcome): void;
  /** The relay was up and is not. */
  lost(relay: Relay, reason: string): void;
  /** `complete` or `size` of a relay may differ. */
  roster(): void;
  answer(relay: Relay, message: Exclude<RelayAnswer, { type: 'roster' | 'ledger' | 'applicants' }>): void;
  /** A relay should be asked for this member, so that it tells when the member goes. */
  ask(idText: string): void;
}

/** A way to a peer by one relay. */
export interface RankedWay extends Ranked {
  readonly choice: RelayChoice;
}

export class Relay implements Askable {
  readonly index: number;
  readonly fact: RelayFact;
  readonly url: string;
  /** As people write its address. */
  readonly #shown: string;
  readonly #context: RelayContext;
  readonly #news: RelayNews;
  readonly #owner: RelayOwner;
  readonly #client: RelayClient;
  readonly #link: RelayLink;
  readonly #webSocket: WebSocketCarrier;
  readonly #online = new OnlineIds();
  readonly #members: TokenBucket;
  #up = false;
  /** It is up by what the process before left, and its WebSocket is still to come. */
  #inherited = false;
  #announced = false;
  #rttMs: number | null = null;
  /** Of the last attempt. */
  #reason: string | null = null;
  #refuses = false;
  #complete = true;
  #size = 0;
  /** Members that were online when it was lost. */
  #lost: number | undefined;

  /** @param index the data plane's number of this relay */
  constructor(index: number, fact: RelayFact, context: RelayContext, news: RelayNews, owner: RelayOwner) {
    this.index = index;
    this.fact = fact;
    this.url = formatRelayUrl({ ...parseRelayAddress(fact.address), key: fact.key }).replace(/#.*$/, '');
    this.#shown = shownRelay(fact.address);
    this.#context = context;
    this.#news = news;
    this.#owner = owner;
    this.#members = new TokenBucket(membersPerS, membersAtOnce, context.env.clock.now());
    this.#link = this.#makeLink();
    this.#client = this.#makeClient();
    this.#webSocket = new WebSocketCarrier(context.carriers, {
      send: (destination, batch) => this.#client.sendData(destination, batch),
      heard: (idText) => this.heard(idText),
    });
  }

  get up(): boolean {
    return this.#up;
  }

  /** It tells of every member. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Members online, this node among them: counted where it tells of every member, else as it last said. */
  get size(): number {
    return this.#complete ? this.#online.size + 1 : this.#size;
  }

  /** Round trip by the WebSocket, ms. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** It is up, but UDP to it goes unanswered. */
  get blocked(): boolean {
    return this.#link.blocked;
  }

  /** Its address, where it was reached or is named by it. */
  get host(): string | undefined {
    const { host } = this.#link.endpoint ?? parseRelayAddress(this.fact.address);
    return isIP(host) === 0 ? undefined : host;
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. Every call and event may change it. */
  get dueAt(): number {
    return this.#link.dueAt;
  }

  start(): void {
    this.#client.start();
  }

  stop(): void {
    this.#client.stop();
    this.#webSocket.close();
  }

  /** Connects anew, so that the relay knows our credential as it is now. */
  introduceAgain(): void {
    this.#client.stop();
    this.#client.start();
  }

  /** For the process that goes on with it; undefined unless members are reached through it by UDP. */
  held(): HeldRelay | undefined {
    const link = this.#up ? this.#link.held() : undefined;
    if (!link) return undefined;
    return { url: this.url, link, online: [...this.#online], complete: this.#complete, size: this.#size };
  }

  /** Of its WebSocket, while that is up. */
  get descriptor(): number | undefined {
    return this.#client.descriptor;
  }

  /** Members are reached as by the process before, while the WebSocket is made anew. Before `start`. */
  adopt(now: number, held: HeldRelay): void {
    this.#up = this.#announced = this.#inherited = true;
    for (const id of held.online) this.#online.add(id);
    this.#complete = held.complete;
    this.#size = held.size;
    this.#link.adopt(now, held.link);
  }

  /** Another process goes on: the connection stays until the relay ends it, and none is made any more. */
  linger(): void {
    this.#client.linger();
  }

  tick(now: number): void {
    this.#link.tick(now);
    this.#announce();
  }

  /** Sends statements of the ledger. */
  tell(message: LedgerNews): void {
    this.#client.tell(message);
  }

  /** UDP may have moved or gone: binds again. */
  check(now: number): void {
    this.#link.nudge(now);
    this.#announce();
  }

  /** The network changed: binds again, and sees whether the WebSocket still lives. */
  nudge(now: number): void {
    this.check(now);
    this.#client.nudge();
  }

  /** As `RelayClient.resume`. Until that is done it is not up, so that nobody waits for what went through it. */
  resume(why: string): void {
    this.#client.resume(why);
  }

  /** Packets leave by another interface: its UDP at once, and the connection as soon as there is another. */
  move(now: number): void {
    this.nudge(now);
    this.#client.move();
  }

  /** When it gave a sign of life last, ms of the clock. */
  get heardAt(): number {
    return Math.max(this.#client.heardAt, this.#link.aliveAt);
  }

  /** What goes through relays is not answered: as `nudge`, but that UDP answers is a sign that this relay lives. */
  doubt(now: number): void {
    this.check(now);
    this.#client.doubt();
  }

  /** A relayBound or relayUnbound packet. False when it is not about this relay. */
  receive(now: number, packet: Uint8Array, from: Endpoint): boolean {
    const mine = this.#link.receive(now, packet, from);
    if (mine) this.#announce();
    return mine;
  }

  request(message: LocateRequest | FindRequest | PlacedRequest): boolean {
    return this.#client.request(message);
  }

  leave(farewell: Uint8Array): void {
    this.#client.leave(farewell);
  }

  isOnline(idText: string): boolean {
    return this.#up && this.#online.has(idText);
  }

  /** A member is online here, or not any more. */
  note(idText: string, online: boolean): void {
    if (online) this.#online.add(idText);
    else this.#online.delete(idText);
  }

  /** A packet of this member came through the relay, so it is online here. True when that was not known. */
  heard(idText: string): boolean {
    if (!this.#up || this.#online.has(idText)) return false;
    // Asked first: the relay then tells when it goes.
    if (!this.#complete) this.#owner.ask(idText);
    this.note(idText, true);
    return true;
  }

  /**
   * The way to a member through this relay; undefined when it is not online here. So it is where UDP will most likely answer in a
   * moment, too: all peers would change to the WebSocket, and then to UDP.
   */
  wayTo(id: Uint8Array, idText: string): RankedWay | undefined {
    if (!this.isOnline(idText) || this.#link.expected) return undefined;
    const { index, rank } = this;
    if (this.#link.bound) {
      const label = `udp://${formatEndpoint(this.#link.endpoint as Endpoint)}`;
      return { choice: { path: { kind: 'relay', relay: index, destination: id }, label }, index, rank };
    }
    const label = `ws://${placeOf(this.fact.address)}`;
    const path = { kind: 'carrier', carrier: this.#webSocket.id, destination: id } as const;
    return { choice: { path, label }, index, rank };
  }

  /** How near it is: the round trip, ms; every one by UDP before every one by WebSocket. */
  get rank(): number {
    const rtt = Math.min(this.#link.rttMs ?? this.#rttMs ?? unknownRttMs, webSocketRank - 1);
    return this.#link.bound ? rtt : webSocketRank + rtt;
  }

  report(home: boolean): RelayReport {
    return {
      home,
      url: this.url,
      state: this.#state,
      transport: this.#link.bound ? 'udp' : 'websocket',
      rttMs: this.#link.bound ? this.#link.rttMs : this.#rttMs,
      reason: this.#up ? null : this.#reason,
    };
  }

  /** It refused us when it answered last. */
  get refuses(): boolean {
    return this.#refuses;
  }

  get #state(): RelayReport['state'] {
    if (this.#up && !this.#inherited) return 'connected';
    return this.#inherited || this.#client.state === 'connecting' ? 'connecting' : 'down';
  }

  #makeLink(): RelayLink {
    const { plane, env } = this.#context;
    return new RelayLink({
      sendBind: (packet, endpoint) => {
        plane.sendPacket(packet, { kind: 'direct', endpoint });
      },
      route: (route) => {
        plane.setRelay(this.index, route);
        const transport = route ? 'udp' : 'websocket';
        env.log.debug('relay transport', { relay: this.#shown, transport });
        this.#news.changed();
      },
      reflexive: (server, observed) => {
        this.#news.reflexive(server, observed);
      },
      heardAt: () => {
        const heard = plane.relayHeardMs(this.index);
        return heard === 0 ? -Infinity : env.clock.now() - plane.now() + heard;
      },
    });
  }

  #makeClient(): RelayClient {
    const { keys, networkBytes, agent, env } = this.#context;
    return new RelayClient(
      {
        relay: this.fact,
        keys,
        networkBytes: () => networkBytes,
        credential: () => this.#context.credential(),
        heads: () => this.#context.heads?.() ?? [],
        brings: () => this.#context.brings?.(this.fact),
        members: () => (this.#up ? this.size : this.#lost),
        byUdp: () => ({ aliveAt: this.#link.aliveAt, answerMs: timeoutMs(this.#link.trip) }),
        agent,
        env,
        ...(this.#context.pins && { pins: this.#context.pins }),
        ...(this.#context.names && { names: this.#context.names }),
        ...(this.#context.proxy && { proxy: this.#context.proxy }),
      },
      {
        up: (welcome, session) => {
          this.#came(welcome, session);
        },
        down: (reason, retryInMs) => {
          this.#went(reason.message, retryInMs);
        },
        waiting: (waiting) => {
          env.log.warn('this machine waits for admins to let it in', {
            relay: this.#shown,
            ...waiting,
          });
          this.#news.waiting(waiting);
        },
        refused: (error, code) => {
          this.#reason = error.message;
          this.#refuses = true;
          env.log.warn('relay refused', { relay: this.#shown, code, reason: error.message });
          this.#news.refused(error, code);
        },
        member: (credential) => {
          for (const some of this.#some([credential])) this.#news.member(some);
        },
        presence: (id, online) => {
          this.note(id, online);
          this.#news.presence(id, online);
        },
        left: (farewell) => {
          this.#news.left(farewell);
        },
        away: (until) => {
          this.#link.patient(until);
        },
        answer: (message) => {
          this.#answer(message);
        },
        data: (source, batch) => {
          this.#webSocket.arrived(source, batch);
        },
        rtt: (ms) => {
          this.#rttMs = ms;
        },
      },
    );
  }

  #came(welcome: Welcome, session: RelaySession): void {
    const { env } = this.#context;
    // Who came to another process of the same relay was never away.
    if (!this.#up || this.#inherited) this.#announced = false;
    this.#up = true;
    this.#refuses = false;
    this.#inherited = false;
    this.#online.clear();
    for (const id of welcome.online) this.#online.add(id);
    this.#complete = welcome.complete ?? true;
    this.#size = welcome.size ?? welcome.online.length + 1;
    env.log.info('relay up', {
      relay: this.#shown,
      members: welcome.members.length + 1,
      online: this.#size,
      complete: this.#complete,
    });
    // Before its members: who is admin by it may have invited them, and who is barred is none.
    if (welcome.ledger) this.#news.ledger(this.url, welcome.ledger);
    this.#owner.welcomed(this, { ...welcome, members: this.#some(welcome.members) });
    this.#link.up(env.clock.now(), env.clock.date(), session.endpoint, session.association, session.key);
    this.#news.changed();
    void this.#findAddresses(welcome, session);
  }

  #went(reason: string, retryInMs: number): void {
    const relay = this.#shown;
    this.#reason = reason;
    if (this.#up) this.#lost = this.size;
    this.#context.env.log.info('relay down', { relay, reason, retryInMs: Math.round(retryInMs) });
    this.#online.clear();
    this.#inherited = false;
    this.#link.down();
    if (!this.#up) return;
    this.#up = false;
    this.#news.applicants(this.url, []);
    this.#owner.lost(this, reason);
  }

  #answer(message: RelayAnswer): void {
    if (message.type === 'ledger') {
      this.#news.ledger(this.url, message);
      return;
    }
    if (message.type === 'applicants') {
      this.#news.applicants(
        this.url,
        message.members.flatMap((text) => fromBase64Url(text) ?? []),
      );
      return;
    }
    if (message.type !== 'roster') {
      const { type } = message;
      this.#owner.answer(
        this,
        type === 'placed' ? message : { ...message, members: this.#some(message.members) },
      );
      return;
    }
    this.#complete = message.complete;
    this.#size = message.size;
    this.#owner.roster();
  }

  /** As many as are taken now. */
  #some<T>(credentials: readonly T[]): T[] {
    const now = this.#context.env.clock.now();
    return credentials.filter(() => this.#members.take(1, now));
  }

  #announce(): void {
    if (!this.#up || this.#announced || this.#link.settling) return;
    this.#announced = true;
    this.#news.up(this.url, this.#link.bound ? 'udp' : 'websocket');
  }

  /** Every address that the relay's name has: UDP may pass to another than TCP, and those of the other family are STUN servers. */
  async #findAddresses(welcome: Welcome, session: RelaySession): Promise<void> {
    const { env, names = systemNames } = this.#context;
    const { host } = parseRelayAddress(this.fact.address);
    let found: Endpoint[] = [];
    try {
      const all = session.endpoint ? await names.addresses(host) : [];
      found = all.slice(0, addressLimit).map(({ address }) => ({ host: address, port: welcome.udpPort }));
    } catch (thrown) {
      env.log.debug('relay name not resolved', { relay: this.#shown, reason: messageOf(thrown) });
    }
    this.#link.known(found);
    this.#news.stunServers(stunServersOf(found, session));
  }
}

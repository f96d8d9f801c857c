/**
 * All relays of one network, as the node uses them: the WebSocket of each (signalling, and data when UDP is blocked),
 * its UDP link, who is online there, and how it sees us.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Carriers } from '../carriers/carrier.js';
import { WebSocketCarrier } from '../carriers/websocket.js';
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { RelayReport } from './relay-report.js';
import type { Keys } from '../identity/keys.js';
import { ownerOf } from '../identity/certificate.js';
import type { RelayFact } from '../identity/network.js';
import { fromBase64Url } from '../lib/bytes.js';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import { messageOf, type EvioError } from '../lib/errors.js';
import { RelayClient, type RelayAnswer, type RelaySession } from './net/relay-client.js';
import { formatRelayUrl, parseRelayAddress } from './net/relay-url.js';
import type { RelayChoice } from '../path/prober.js';
import { RelayLink } from './relay-link.js';
import { RelayQueries, type FindKey } from './relay-queries.js';
import type { FindRequest, LocateRequest, Refusal, Welcome } from '../wire/signal.js';

/** Ids that are believed to be online at one relay: a hostile one must not fill our memory. */
export const onlineLimit = 8_192;

export interface RelaySetOptions {
  readonly relays: readonly RelayFact[];
  readonly keys: Keys;
  readonly networkBytes: Uint8Array;
  credential(): Uint8Array;
  readonly agent: string;
  readonly env: Env;
  readonly plane: DataPlane;
  /** Each relay's WebSocket is one. */
  readonly carriers: Carriers;
}

export interface RelaySetListener {
  welcome(welcome: Welcome, relay: RelayFact): void;
  refused(error: EvioError, code: Refusal): void;
  member(credential: Uint8Array): void;
  presence(idText: string, online: boolean): void;
  /** Members that are online, by a welcome or by the answer to `locate`. Their credentials came through `member` before. */
  named(idTexts: readonly string[]): void;
  /**
   * Whether all relays that are up tell of every member, and how many members are online, as far as they say. At every
   * welcome, and whenever it changes.
   */
  roster(complete: boolean, size: number): void;
  /** A relay came, went, or changed between UDP and WebSocket: paths through relays must be chosen anew. */
  changed(): void;
  up(url: string, transport: 'udp' | 'websocket'): void;
  down(url: string, reason: string): void;
  /** `server` sees our data socket as `observed`. */
  reflexive(server: Endpoint, observed: Endpoint): void;
  /** STUN servers that a relay brings: its addresses of every family, and its alternate port. */
  stunServers(servers: readonly Endpoint[]): void;
}

interface Relay {
  readonly index: number;
  readonly url: string;
  readonly host: string;
  readonly client: RelayClient;
  readonly link: RelayLink;
  readonly webSocket: WebSocketCarrier;
  readonly online: Set<string>;
  up: boolean;
  announced: boolean;
  rttMs: number | null;
  /** It tells of every member. */
  complete: boolean;
  /** Members online when it last said so. */
  size: number;
  request(message: LocateRequest | FindRequest): boolean;
}

export class RelaySet {
  readonly #options: RelaySetOptions;
  readonly #listener: RelaySetListener;
  readonly #relays: Relay[];
  readonly #queries: RelayQueries;
  #roster = { complete: true, size: 0 };

  constructor(options: RelaySetOptions, listener: RelaySetListener) {
    this.#options = options;
    this.#listener = listener;
    this.#relays = options.relays.map((fact, index) => this.#make(fact, index));
    this.#queries = new RelayQueries(options.env, () => this.#relays);
  }

  get size(): number {
    return this.#relays.length;
  }

  get anyUp(): boolean {
    return this.#relays.some((relay) => relay.up);
  }

  /** True when a relay is up and none answers by UDP. */
  get udpBlocked(): boolean {
    const up = this.#relays.filter((relay) => relay.up);
    return up.length > 0 && up.every((relay) => relay.link.blocked);
  }

  /** False when a relay that is up told of some members only: then there are others, who may be asked for. */
  get complete(): boolean {
    return this.#relays.every((relay) => !relay.up || relay.complete);
  }

  /** True while tenths of a second matter. */
  get busy(): boolean {
    return this.#relays.some((relay) => relay.link.settling);
  }

  start(): void {
    for (const relay of this.#relays) relay.client.start();
  }

  stop(): void {
    this.#queries.stop();
    for (const relay of this.#relays) {
      relay.client.stop();
      relay.webSocket.close();
    }
  }

  tick(now: number): void {
    for (const relay of this.#relays) {
      relay.link.tick(now);
      // A relay is announced once it is known whether UDP reaches it, so that the transport named is the true one.
      if (relay.up && !relay.announced && !relay.link.settling) {
        relay.announced = true;
        this.#listener.up(relay.url, relay.link.bound ? 'udp' : 'websocket');
      }
    }
  }

  /** UDP may have moved or gone: bind again. */
  check(): void {
    const now = this.#options.env.clock.now();
    for (const relay of this.#relays) relay.link.nudge(now);
  }

  /** Something is odd: bind again, and see whether the WebSockets still live. */
  nudge(): void {
    const now = this.#options.env.clock.now();
    for (const relay of this.#relays) {
      relay.link.nudge(now);
      relay.client.nudge();
    }
  }

  /** A relayBound or relayUnbound packet. */
  receive(now: number, packet: Uint8Array, from: Endpoint): void {
    for (const relay of this.#relays) if (relay.link.receive(now, packet, from)) return;
  }

  isOnline(idText: string): boolean {
    return this.#relays.some((relay) => relay.up && relay.online.has(idText));
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

  /** Has a relay say by `presence` whether a member is online, now and later on. Cheap to call: it asks seldom. */
  ask(idText: string): void {
    if (!this.isOnline(idText)) this.#queries.ask(idText);
  }

  /** A packet from `idText` came through the relay of this index, so it is online there. True when that was not known. */
  heard(index: number, idText: string): boolean {
    const relay = this.#relays[index];
    if (!relay?.up || relay.online.has(idText)) return false;
    // Asked first: the relay then tells when it goes.
    if (!relay.complete) this.#queries.ask(idText);
    addOnline(relay, idText);
    return true;
  }

  /** Ways to a peer: relays where it is online, UDP before WebSocket, nearest first. */
  choices(id: Uint8Array, idText: string): RelayChoice[] {
    const out: { choice: RelayChoice; rank: number }[] = [];
    for (const relay of this.#relays) {
      if (!relay.up || !relay.online.has(idText)) continue;
      const rtt = Math.min(relay.link.rttMs ?? relay.rttMs ?? 1_000, 9_999);
      if (relay.link.bound) {
        const label = `udp://${formatEndpoint(relay.link.endpoint as Endpoint)}`;
        out.push({
          choice: { path: { kind: 'relay', relay: relay.index, destination: id }, label },
          rank: rtt,
        });
      } else {
        const label = `ws://${relay.host}`;
        out.push({
          choice: { path: { kind: 'carrier', carrier: relay.webSocket.id, destination: id }, label },
          rank: 10_000 + rtt,
        });
      }
    }
    return out.sort((a, b) => a.rank - b.rank).map((entry) => entry.choice);
  }

  report(): RelayReport[] {
    return this.#relays.map((relay) => ({
      url: relay.url,
      state: relay.up ? 'connected' : relay.client.state === 'connecting' ? 'connecting' : 'down',
      transport: relay.link.bound ? 'udp' : 'websocket',
      rttMs: relay.link.bound ? relay.link.rttMs : relay.rttMs,
    }));
  }

  #make(fact: RelayFact, index: number): Relay {
    const { env, plane, keys, networkBytes, agent } = this.#options;
    const listener = this.#listener;
    const link = new RelayLink({
      sendBind: (packet, endpoint) => {
        plane.sendPacket(packet, { kind: 'direct', endpoint });
      },
      route: (route) => {
        plane.setRelay(index, route);
        env.log.debug('relay transport', { relay: fact.address, transport: route ? 'udp' : 'websocket' });
        listener.changed();
      },
      reflexive: (server, observed) => {
        listener.reflexive(server, observed);
      },
    });
    const client = new RelayClient(
      {
        relay: fact,
        keys,
        networkBytes: () => networkBytes,
        credential: () => this.#options.credential(),
        agent,
        env,
      },
      {
        up: (welcome, session) => {
          this.#up(relay, fact, welcome, session);
        },
        down: (reason, retryInMs) => {
          env.log.info('relay down', {
            relay: fact.address,
            reason: reason.message,
            retryInMs: Math.round(retryInMs),
          });
          relay.online.clear();
          link.down();
          if (!relay.up) return;
          relay.up = false;
          relay.announced = false;
          this.#queries.lost(relay);
          listener.down(relay.url, reason.message);
          this.#tellRoster();
          listener.changed();
        },
        refused: (error, code) => {
          env.log.warn('relay refused', { relay: fact.address, code, reason: error.message });
          listener.refused(error, code);
        },
        member: (credential) => {
          listener.member(credential);
        },
        presence: (id, online) => {
          this.#presence(relay, id, online);
        },
        answer: (message) => {
          this.#answer(relay, message);
        },
        data: (source, batch) => {
          webSocket.arrived(source, batch);
        },
        rtt: (ms) => {
          relay.rttMs = ms;
        },
      },
    );
    const webSocket = new WebSocketCarrier(this.#options.carriers, {
      send: (destination, batch) => client.sendData(destination, batch),
      heard: (idText) => this.heard(index, idText),
    });
    const relay: Relay = {
      index,
      url: formatRelayUrl({ ...parseRelayAddress(fact.address), key: fact.key }).replace(/#.*$/, ''),
      host: fact.address.replace(/^wss:\/\//, ''),
      client,
      link,
      webSocket,
      online: new Set(),
      up: false,
      announced: false,
      rttMs: null,
      complete: true,
      size: 0,
      request: (message) => client.request(message),
    };
    return relay;
  }

  #up(relay: Relay, fact: RelayFact, welcome: Welcome, session: RelaySession): void {
    const { env } = this.#options;
    relay.up = true;
    relay.announced = false;
    relay.online.clear();
    for (const id of welcome.online) relay.online.add(id);
    relay.complete = welcome.complete ?? true;
    relay.size = welcome.size ?? welcome.online.length + 1;
    env.log.info('relay up', {
      relay: fact.address,
      members: welcome.members.length + 1,
      online: relay.size,
      complete: relay.complete,
    });
    this.#listener.welcome(welcome, fact);
    this.#tellRoster(true);
    this.#listener.named(welcome.online);
    relay.link.up(env.clock.now(), env.clock.date(), session.endpoint, session.association, session.key);
    this.#listener.changed();
    void this.#findStunServers(fact, welcome, session);
  }

  #presence(relay: Relay, id: string, online: boolean): void {
    if (online) addOnline(relay, id);
    else relay.online.delete(id);
    this.#listener.presence(id, online);
  }

  #answer(relay: Relay, message: RelayAnswer): void {
    if (message.type === 'roster') {
      relay.complete = message.complete;
      relay.size = message.size;
      this.#tellRoster();
      return;
    }
    const credentials = message.members.flatMap((text) => fromBase64Url(text) ?? []);
    for (const credential of credentials) this.#listener.member(credential);
    if (message.type === 'located') {
      const ids = credentials.flatMap((credential) => ownerOf(credential) ?? []);
      for (const id of ids) addOnline(relay, id);
      this.#listener.named(ids);
      this.#listener.changed();
      return;
    }
    const asked = this.#queries.found(relay, message);
    if (!asked) return;
    for (const id of new Set([...asked, ...message.online])) {
      this.#presence(relay, id, message.online.includes(id));
    }
  }

  /** Tells of the roster when that changed, or always. */
  #tellRoster(always = false): void {
    const up = this.#relays.filter((relay) => relay.up);
    if (up.length === 0) return;
    const { complete } = this;
    const size = Math.max(...up.map((relay) => (relay.complete ? relay.online.size + 1 : relay.size)));
    if (!always && complete === this.#roster.complete && size === this.#roster.size) return;
    this.#roster = { complete, size };
    this.#listener.roster(complete, size);
  }

  /** Every address of the relay's name answers STUN: other families than the one in use give other candidates. */
  async #findStunServers(fact: RelayFact, welcome: Welcome, session: RelaySession): Promise<void> {
    const used = session.endpoint;
    const servers: Endpoint[] = session.alternate ? [session.alternate] : [];
    const { host } = parseRelayAddress(fact.address);
    if (isIP(host) === 0) {
      try {
        for (const { address } of await lookup(host, { all: true })) {
          if (address.includes(':') !== used.host.includes(':'))
            servers.push({ host: address, port: welcome.udpPort });
        }
      } catch (thrown) {
        this.#options.env.log.debug('relay name not resolved', {
          relay: fact.address,
          reason: messageOf(thrown),
        });
      }
    }
    this.#listener.stunServers(servers);
  }
}

/** The one that was added longest ago makes room. */
function addOnline(relay: Relay, id: string): void {
  relay.online.add(id);
  if (relay.online.size > onlineLimit) relay.online.delete(relay.online.values().next().value as string);
}

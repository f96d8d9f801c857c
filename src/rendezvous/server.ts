/**
 * `evio relay`: the rendezvous server. One process, one port: HTTP and WebSocket by TCP, STUN and forwarding by UDP.
 *
 * This file only puts the parts together: store, registry, hub (who is who), forwarder (UDP), door (TCP), metrics.
 */
import { join } from 'node:path';
import type { Server } from 'node:http';
import { formatRelayUrl, parseRelayUrl, type RelayUrl } from '../core/relays/net/relay-url.js';
import { toBase64Url } from '../core/lib/bytes.js';
import { formatEndpoint, parseHostPort } from '../core/lib/endpoint.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { Teardown } from '../core/lib/lifecycle.js';
import { ownVersion } from '../core/native/packed.js';
import { totalsOf, type RelayTotals } from './counters.js';
import { chooseForwarder } from './forward/forward-choice.js';
import type { Forwarder } from './forward/forwarder.js';
import { HttpDoor } from './http-door.js';
import { Hub } from './hub.js';
import { Ledgers } from './ledgers.js';
import { listenAddress, relayListenError, openPorts, reachableHost } from './listen.js';
import { defaultLimits, type RelayLimits } from './limits.js';
import { serveMetrics } from './metrics.js';
import type { HeldGuest } from './move/held.js';
import type { Registry } from './registry.js';
import { MemberConnection } from './member-connection.js';
import { LocalPresence } from './presence.js';
import { Gate } from './gate.js';
import { keepAddress } from './invite.js';
import { NearSocket, type MemberSocket } from './member-socket.js';
import { Front } from './move/front.js';
import type { Snapshot } from '../core/handover/blobs.js';
import type { RelayHeritage } from './move/heritage.js';
import { RelayMove, type RelayDescriptors } from './move/relay-move.js';
import { takeOver } from './move/take-over.js';
import { lateListener, movableOf } from './forward/late-listener.js';
import { openState } from './open-state.js';
import type { RelayListening, RelayServerOptions } from './server-options.js';
import { RelayDesk } from './desk.js';
import { readTls } from './tls-files.js';

const pruneMs = 3_600_000;
/** The same for passing members only. */
const prunePassingMs = 60_000;
/** What a client has to take the close message, ms. */
const farewellMs = 300;

export type { RelayListening, RelayServerOptions };

export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #limits: RelayLimits;
  #teardown = new Teardown();
  /** With what the door is told when a member registers by it. */
  readonly #connections = new Map<MemberConnection, () => void>();
  /** What makes a connection of a socket. */
  #connect: (
    socket: MemberSocket,
    observed: string,
    admitted: () => void,
    guest?: HeldGuest,
  ) => MemberConnection = () => {
    throw new Error('the relay does not run');
  };
  #moves: ((rests: boolean) => RelayMove) | undefined;
  #move: RelayMove | undefined;
  /** While it moves, and afterwards, WebSockets are its. */
  #front: Front | undefined;
  #pruning: Promise<void> = Promise.resolve();
  #endPruning: () => void = () => undefined;
  #port: number | undefined;
  #hub: Hub | undefined;
  #door: HttpDoor | undefined;
  #registry: Registry | undefined;
  #desk: RelayDesk | undefined;
  #forwarder: Forwarder | undefined;
  #metrics: Server | undefined;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    const given = Object.entries(options.limits ?? {}).filter(([, value]) => value !== undefined);
    this.#limits = { ...defaultLimits, ...Object.fromEntries(given) };
  }

  /**
   * @throws EvioError EVIO_BAD_VALUE, EVIO_ADDRESS_IN_USE, EVIO_NO_PRIVILEGE (port below 1024), EVIO_STORAGE,
   * EVIO_PROFILE_CORRUPT. Nothing is left running then.
   */
  async start(heritage?: RelayHeritage): Promise<RelayListening> {
    try {
      return await this.#start(heritage);
    } catch (thrown) {
      // Does not return where the process before can go on.
      await heritage?.fail(thrown);
      await this.stop();
      throw thrown;
    }
  }

  /**
   * For a process that goes on in the place of this one. Throws EvioError EVIO_UPGRADE where it cannot.
   *
   * @param rests this one ends before that one begins
   */
  descriptors(rests = false): RelayDescriptors {
    if (!this.#moves || this.#front) throw new EvioError('EVIO_UPGRADE', 'The relay just starts or stops.');
    return (this.#move = this.#moves(rests)).descriptors();
  }

  /** Of the WebSockets that there are: while one is open, the node at its other end believes us there. */
  kept(): number[] {
    return [...this.#connections.keys()].flatMap(({ socket }) => socket.descriptor ?? []);
  }

  /** Comes to rest, but for UDP, and tells what it knows. Rejects with EvioError EVIO_UPGRADE, or Error; `thaw` is called then, too. */
  async freeze(): Promise<Snapshot> {
    const move = this.#moving;
    this.#front = move.front;
    this.#endPruning();
    await this.#pruning;
    return move.freeze();
  }

  /** All goes on here as before. */
  thaw(): void {
    this.#front = undefined;
    if (this.#hub) void this.#pruneNowAndThen(this.#hub);
    this.#moving.thaw((socket, observed) => this.#connect(socket, observed, () => undefined));
  }

  /** Another process goes on, and this one only passes WebSockets on (`passedOn`). What became of UDP's associations meanwhile. */
  letGo(): Promise<Snapshot> {
    this.#connections.clear();
    // Nothing of it is ours any more.
    this.#teardown = new Teardown();
    this.#teardown.add('front', () => {
      this.#moving.hangUp();
    });
    return this.#moving.letGo();
  }

  /** Resolves when the other process needs this one no more. After `letGo`. */
  get passedOn(): Promise<void> {
    return this.#moving.front.empty;
  }

  /** After `letGo`: the other process is gone, and this one begins anew; nodes come back by themselves. */
  async recover(): Promise<void> {
    await this.stop();
    await this.#moving.ended;
    this.#teardown = new Teardown();
    this.#front = this.#move = undefined;
    await this.start();
  }

  get #moving(): RelayMove {
    if (!this.#move) throw new Error('the relay does not move');
    return this.#move;
  }

  /** Says goodbye to clients, writes what is pending, frees the ports. Idempotent. */
  stop(): Promise<void> {
    return this.#teardown.run((step, thrown) => {
      this.#options.env.log.warn('a step of stopping the relay failed', { step, reason: messageOf(thrown) });
    });
  }

  /** What the operator asks a running relay. Throws Error before `start` has returned. */
  get desk(): RelayDesk {
    if (!this.#desk) throw new Error('the relay does not run');
    if (this.#front) {
      throw new EvioError('EVIO_TIMEOUT', 'Another process of the relay goes on just now.', [
        'Try again in a moment.',
      ]);
    }
    return this.#desk;
  }

  /** Reads certificate and key again, which others renew. Throws EvioError EVIO_BAD_VALUE, and keeps those of before. */
  async reread(): Promise<void> {
    const tls = await readTls(this.#options.tls);
    if (tls) this.#door?.renew(tls);
  }

  /** Connected nodes. */
  get clients(): number {
    return this.#hub?.clients ?? 0;
  }

  /** Handshakes and registrations that were refused, by reason. */
  refused(): ReadonlyMap<string, number> {
    return this.#hub?.turnedAwayCounts ?? new Map<string, number>();
  }

  /** What was forwarded and dropped since the start. */
  totals(): RelayTotals {
    return totalsOf(this.#blocks());
  }

  async #start(heritage: RelayHeritage | undefined): Promise<RelayListening> {
    const { env } = this.#options;
    const listen = await listenAddress(this.#options.listen);
    // Whoever begins anew has the port that it had.
    const wanted = { ...listen, port: this.#port ?? listen.port };
    const announced = this.#announced();
    const tls = await readTls(this.#options.tls);
    const folder = join(this.#options.home, 'relay');
    const allow = new Set(this.#options.allow ?? []);
    const open = this.#options.open === true;
    // The thread is there before the process before comes to rest, so that this is short.
    const told = lateListener();
    const forwarder = await chooseForwarder(
      { limits: this.#limits, env, kind: this.#options.forwarder },
      told.listener,
    );
    this.#forwarder = forwarder;
    this.#teardown.add('forwarder', () => forwarder.stop());
    if (heritage) await movableOf(forwarder).adopt(heritage.sockets);
    const left = await heritage?.take();
    const { keys, registry, log, begin } = await openState({
      folder,
      env,
      before: !open && allow.size === 0,
      smallLogBytes: this.#limits.logBytes,
      heir: heritage !== undefined,
    });
    this.#registry = registry;
    this.#teardown.add('state', () => log.stop());
    const key = toBase64Url(keys.publicKey);
    const gate = new Gate({ open, allow }, keys, registry);

    const ledgers = new Ledgers(folder, env.log);
    ledgers.open(registry);
    const hub = (this.#hub = new Hub({
      keys,
      gate,
      limits: this.#limits,
      registry,
      ledgers,
      store: log,
      env,
      presence: (listener) => new LocalPresence(listener),
    }));
    this.#desk = new RelayDesk({
      registry,
      log,
      env,
      online: (network) => hub.online(network),
      here: hub.here,
      packets: hub.packets,
      forget: (record) => hub.forget(record, false),
    });
    const version = ownVersion();
    let ports = { udpPort: 1, alternatePort: null as number | null };
    const makeDoor = (): HttpDoor =>
      (this.#door = new HttpDoor({
        limits: this.#limits,
        clock: env.clock,
        tls,
        // A closed relay's key is what lets a network in: who may have it has the URL.
        health: () => ({ status: 'ok', ...(open ? { key } : { closed: true }), version, ...ports }),
        connected: (webSocket, observed, admitted) => {
          const socket = new NearSocket(webSocket);
          if (this.#front) this.#front.hold(socket, admitted, observed);
          else this.#connect(socket, observed, admitted);
        },
        refused: (reason) => hub.turnedAway(reason),
      }));
    this.#connect = (socket, observed, admitted, guest) => {
      const connection = new MemberConnection({
        socket,
        observed,
        admitted,
        keys,
        limits: this.#limits,
        env,
        host: hub,
        closed: (closed) => {
          this.#connections.delete(closed);
        },
        held: guest?.held,
      });
      this.#connections.set(connection, admitted);
      return connection;
    };
    told.tells(hub.packets);
    const { door, port } =
      heritage === undefined
        ? await openPorts(wanted, makeDoor, forwarder)
        : { door: makeDoor(), port: heritage.sockets.port };
    // Last added, first undone: clients hear of it before anything else stops.
    this.#teardown.add('door', () => this.#closeDoor(door));
    const alternate = heritage
      ? (heritage.sockets.alternate?.port ?? null)
      : await this.#openAlternate(wanted.host, port, forwarder);
    ports = this.#udpPorts(port, announced, alternate);
    this.#port = port;
    if (heritage && left) {
      const movable = movableOf(forwarder);
      const connect = this.#connect;
      this.#teardown.add(
        'away',
        await takeOver({ heritage, left, hub, forwarder: movable, door, begin, connect }),
      );
    }
    hub.attach(forwarder, ports);

    const metrics = await this.#startMetrics(heritage?.sockets.metrics);
    await this.#pruneNowAndThen(hub);
    this.#moves = (rests) =>
      new RelayMove(
        {
          door,
          port,
          forwarder,
          hub,
          log,
          metrics: this.#metrics,
          connections: this.#connections,
          counters: hub.packets.counters,
        },
        new Front(),
        rests,
      );

    const url: RelayUrl = {
      host: announced?.host ?? reachableHost(wanted.host),
      port: announced?.port ?? port,
      tls: (announced?.tls ?? false) || tls !== undefined,
      key: keys.publicKey,
    };
    await keepAddress(folder, url);
    return {
      url: formatRelayUrl(url),
      listen: formatEndpoint({ host: wanted.host, port }),
      key,
      serves: open ? 'any' : gate.claimable ? 'first' : 'admitted',
      ...(metrics !== undefined && { metrics }),
    };
  }

  async #pruneNowAndThen(hub: Hub): Promise<void> {
    const { clock } = this.#options.env;
    let ended = false;
    let cancel = (): void => undefined;
    const prune = async (): Promise<void> => {
      await (this.#pruning = hub.prune());
      if (!ended) cancel = clock.after(pruneMs, () => void prune());
    };
    let cancelPassing = (): void => undefined;
    const prunePassing = (): void => {
      hub.prunePassing();
      cancelPassing = clock.after(prunePassingMs, prunePassing);
    };
    this.#endPruning = () => {
      ended = true;
      cancel();
      cancelPassing();
    };
    this.#teardown.add('prune', this.#endPruning);
    await prune();
    if (!ended) prunePassing();
  }

  #announced(): RelayUrl | undefined {
    return this.#options.public === undefined ? undefined : parseRelayUrl(this.#options.public);
  }

  async #openAlternate(host: string, port: number, forwarder: Forwarder): Promise<number | null> {
    const { alternatePort, env } = this.#options;
    const listenPort = parseHostPort(this.#options.listen)?.port ?? 0;
    const wanted = alternatePort !== undefined ? alternatePort : listenPort === 0 ? 0 : port + 1;
    if (wanted === null || wanted > 65_535) return null;
    try {
      return await forwarder.openAlternate(host, wanted);
    } catch (thrown) {
      env.log.warn('no second STUN port: nodes cannot tell some kinds of NAT apart', {
        port: wanted,
        reason: messageOf(thrown),
      });
      return null;
    }
  }

  /** What nodes are told. Behind a mapping of another number the second port is not known. */
  #udpPorts(
    port: number,
    announced: RelayUrl | undefined,
    alternatePort: number | null,
  ): { udpPort: number; alternatePort: number | null } {
    const proxied = announced?.tls === true && this.#options.tls === undefined;
    if (!announced || proxied || announced.port === port) return { udpPort: port, alternatePort };
    return { udpPort: announced.port, alternatePort: null };
  }

  /** @param inherited where the process before serves them */
  async #startMetrics(inherited: number | undefined): Promise<string | undefined> {
    const { metrics } = this.#options;
    if (metrics === undefined) return undefined;
    const wanted = parseHostPort(metrics);
    if (!wanted) {
      throw new EvioError('EVIO_BAD_VALUE', `"${metrics}" is no address for metrics: expected HOST:PORT.`, [
        'For example: --metrics 127.0.0.1:9478',
      ]);
    }
    try {
      this.#metrics = await serveMetrics(inherited === undefined ? wanted : inherited, {
        blocks: () => this.#blocks(),
        refused: () => this.refused(),
        clients: () => this.clients,
        members: () => this.#registry?.memberCount ?? 0,
        networks: () => this.#registry?.size ?? 0,
        restarts: () => this.#hub?.packets.restarts ?? 0,
      });
    } catch (thrown) {
      throw relayListenError(wanted, thrown);
    }
    const server = this.#metrics;
    this.#teardown.add('metrics', () => {
      server.close();
      server.closeAllConnections();
    });
    const bound = server.address();
    return typeof bound === 'object' && bound
      ? formatEndpoint({ host: wanted.host, port: bound.port })
      : undefined;
  }

  #blocks() {
    return [this.#hub?.packets.counters, this.#forwarder?.counters].filter((block) => block !== undefined);
  }

  async #closeDoor(door: HttpDoor): Promise<void> {
    this.#hub?.stop();
    for (const connection of this.#connections.keys()) connection.close(1001, 'shutting down');
    const closed = door.close();
    const { clock } = this.#options.env;
    const cancel = clock.after(farewellMs, () => {
      for (const connection of this.#connections.keys()) connection.terminate();
    });
    await closed;
    cancel();
  }
}

/**
 * `evio relay`: the rendezvous server. One process, one port: HTTP and WebSocket by TCP, STUN and forwarding by UDP.
 *
 * This file only puts the parts together: store, registry, hub (who is who), forwarder (UDP), door (TCP), metrics.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Server } from 'node:http';
import { formatRelayUrl, parseRelayUrl, type RelayUrl } from '../core/relays/net/relay-url.js';
import { toBase64Url } from '../core/lib/bytes.js';
import { formatEndpoint, parseHostPort } from '../core/lib/endpoint.js';
import type { Env } from '../core/lib/env.js';
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
import type { Registry } from './registry.js';
import { MemberConnection } from './member-connection.js';
import { LocalPresence } from './presence.js';
import { Gate } from './gate.js';
import { keepAddress } from './invite.js';
import { openState } from './open-state.js';
import { RelayDesk } from './desk.js';

const pruneMs = 3_600_000;
/** The same for passing members only. */
const prunePassingMs = 60_000;
/** What a client has to take the close message, ms. */
const farewellMs = 300;

export interface RelayServerOptions {
  /** `HOST:PORT`, `[::]:3478`, `0.0.0.0:0`. Port 0 takes a free one. `[::]` takes IPv4 as well. */
  readonly listen: string;
  /**
   * Where nodes reach this relay, when that is not where it listens: `HOST:PORT` of a port mapping (TCP and UDP), or
   * `wss://HOST:PORT` of a reverse proxy that speaks TLS; UDP is then told as the port we listen on.
   */
  readonly public?: string | undefined;
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Any network that names this relay is served; by default only those that were let in (gate.ts). */
  readonly open?: boolean | undefined;
  /** Ids of networks that are served whatever else is true. */
  readonly allow?: readonly string[] | undefined;
  /** `HOST:PORT` for GET /metrics; not served otherwise. */
  readonly metrics?: string | undefined;
  /** UDP port of the second STUN socket; by default the one after the listening port. Null: none. */
  readonly alternatePort?: number | null | undefined;
  /** EVIO_HOME: keys and state are kept in its folder `relay`. */
  readonly home: string;
  readonly limits?: { readonly [K in keyof RelayLimits]?: RelayLimits[K] | undefined };
  /** `dgram` forwards on the main thread; by default a worker does, where it can. */
  readonly forwarder?: 'dgram' | 'worker' | undefined;
  readonly env: Env;
}

export interface RelayListening {
  /** `evio://HOST:PORT#KEY`, or `evios://…` with TLS. */
  readonly url: string;
  /** `HOST:PORT` that is bound. */
  readonly listen: string;
  /** Base64url Ed25519 public key. */
  readonly key: string;
  /** `HOST:PORT` of GET /metrics. */
  readonly metrics?: string;
  /** Whom it serves: anybody, nobody yet but the first network that comes, or who was let in. */
  readonly serves: 'any' | 'first' | 'admitted';
}

export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #limits: RelayLimits;
  readonly #teardown = new Teardown();
  readonly #connections = new Set<MemberConnection>();
  #hub: Hub | undefined;
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
  async start(): Promise<RelayListening> {
    try {
      return await this.#start();
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
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
    return this.#desk;
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

  async #start(): Promise<RelayListening> {
    const { env } = this.#options;
    const wanted = await listenAddress(this.#options.listen);
    const announced = this.#announced();
    const tls = await this.#readTls();
    const folder = join(this.#options.home, 'relay');
    const allow = new Set(this.#options.allow ?? []);
    const open = this.#options.open === true;
    const { keys, registry, log } = await openState({
      folder,
      env,
      before: !open && allow.size === 0,
      smallLogBytes: this.#limits.logBytes,
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
    await this.#pruneNowAndThen(hub);
    this.#desk = new RelayDesk({
      registry,
      log,
      env,
      online: (network) => hub.online(network),
      forget: (record) => hub.forget(record, false),
    });
    const version = ownVersion();
    let ports = { udpPort: 1, alternatePort: null as number | null };
    const makeDoor = (): HttpDoor =>
      new HttpDoor({
        limits: this.#limits,
        clock: env.clock,
        tls,
        // A closed relay's key is what lets a network in: who may have it has the URL.
        health: () => ({ status: 'ok', ...(open ? { key } : { closed: true }), version, ...ports }),
        connected: (socket, observed, admitted) => {
          const limits = this.#limits;
          const connection = new MemberConnection({
            socket,
            observed,
            admitted,
            keys,
            limits,
            env,
            host: hub,
          });
          this.#connections.add(connection);
          socket.once('close', () => this.#connections.delete(connection));
        },
        refused: (reason) => hub.turnedAway(reason),
      });
    const forwarder = (this.#forwarder = await chooseForwarder(
      { limits: this.#limits, env, kind: this.#options.forwarder },
      hub.packets,
    ));
    this.#teardown.add('forwarder', () => forwarder.stop());
    const { door, port } = await openPorts(wanted, makeDoor, forwarder);
    // Last added, first undone: clients hear of it before anything else stops.
    this.#teardown.add('door', () => this.#closeDoor(door));
    ports = this.#udpPorts(port, announced, await this.#openAlternate(wanted.host, port, forwarder));
    hub.attach(forwarder, ports);

    const metrics = await this.#startMetrics();

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
    let cancel = (): void => undefined;
    const prune = async (): Promise<void> => {
      await hub.prune();
      cancel = this.#options.env.clock.after(pruneMs, () => void prune());
    };
    await prune();
    let cancelPassing = (): void => undefined;
    const prunePassing = (): void => {
      hub.prunePassing();
      cancelPassing = this.#options.env.clock.after(prunePassingMs, prunePassing);
    };
    prunePassing();
    this.#teardown.add('prune', () => {
      cancel();
      cancelPassing();
    });
  }

  #announced(): RelayUrl | undefined {
    return this.#options.public === undefined ? undefined : parseRelayUrl(this.#options.public);
  }

  async #readTls(): Promise<{ cert: string; key: string } | undefined> {
    const { tls } = this.#options;
    if (!tls) return undefined;
    try {
      return { cert: await readFile(tls.certFile, 'utf8'), key: await readFile(tls.keyFile, 'utf8') };
    } catch (thrown) {
      throw new EvioError('EVIO_BAD_VALUE', `Cannot read the TLS files: ${messageOf(thrown)}.`, [
        'Give PEM files that this user may read: --tls-cert FILE --tls-key FILE',
      ]);
    }
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

  async #startMetrics(): Promise<string | undefined> {
    const { metrics } = this.#options;
    if (metrics === undefined) return undefined;
    const wanted = parseHostPort(metrics);
    if (!wanted) {
      throw new EvioError('EVIO_BAD_VALUE', `"${metrics}" is no address for metrics: expected HOST:PORT.`, [
        'For example: --metrics 127.0.0.1:9478',
      ]);
    }
    try {
      this.#metrics = await serveMetrics(wanted.host, wanted.port, {
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
    for (const connection of this.#connections) connection.close(1001, 'shutting down');
    const closed = door.close();
    const { clock } = this.#options.env;
    const cancel = clock.after(farewellMs, () => {
      for (const connection of this.#connections) connection.terminate();
    });
    await closed;
    cancel();
  }
}

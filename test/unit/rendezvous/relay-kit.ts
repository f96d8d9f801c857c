/** A network, its members and a relay for tests: real sockets on loopback, real clock, keys from the system. */
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  certificateLifeMs,
  encodeCredential,
  signCertificate,
} from '../../../src/core/identity/certificate.js';
import { Role, signInvite } from '../../../src/core/identity/invite.js';
import { generateKeys, type Keys } from '../../../src/core/identity/keys.js';
import { signNetwork, type RelayFact } from '../../../src/core/identity/network.js';
import { networkIdOf, nodeIdOf, nodeIdText } from '../../../src/core/identity/node-id.js';
import {
  RelayClient,
  type RelayAnswer,
  type RelaySession,
} from '../../../src/core/relays/net/relay-client.js';
import { parseRelayUrl, relayFactOf } from '../../../src/core/relays/net/relay-url.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import type { Endpoint } from '../../../src/core/lib/endpoint.js';
import type { EvioError } from '../../../src/core/lib/errors.js';
import { silentLogger, systemClock, systemRandom, type Env } from '../../../src/core/lib/env.js';
import { parseIpv4 } from '../../../src/core/lib/ipv4.js';
import { looksLikeStun, PacketType } from '../../../src/core/wire/packet.js';
import { encodeBind, openBound, parseUnbound } from '../../../src/core/wire/relay.js';
import type { Refusal, Waiting, Welcome } from '../../../src/core/wire/signal.js';
import { RelayServer, type RelayListening, type RelayServerOptions } from '../../../src/rendezvous/server.js';
import { hasBuild } from '../../support/need.js';
import { until } from '../../support/until.js';

export { until };

/** The machine's clock, but `factor` times as fast: a minute of back-off in a second or two. */
export function fastEnv(factor: number): Env {
  const clock = {
    now: () => systemClock.now() * factor,
    date: () => Date.now(),
    after: (ms: number, fire: () => void) => systemClock.after(ms / factor, fire),
  };
  return { ...env, clock };
}

/** Every way to forward that this machine and checkout can run. */
export const forwarderKinds: readonly ('dgram' | 'worker')[] =
  process.platform === 'linux' && hasBuild() ? ['dgram', 'worker'] : ['dgram'];

export const env: Env = { clock: systemClock, random: systemRandom, log: silentLogger };
const empty = new Uint8Array(0);
const cidr = { base: parseIpv4('10.1.0.0') as number, prefix: 16 };

/** What a test made and must undo: call `clean` after each. */
export class Kit {
  #undo: (() => unknown)[] = [];

  home(): string {
    const home = mkdtempSync(join(tmpdir(), 'evio-relay-'));
    this.#undo.push(() => rmSync(home, { recursive: true, force: true }));
    return home;
  }

  async relay(options: Partial<RelayServerOptions> = {}): Promise<TestRelay> {
    const home = options.home ?? this.home();
    const server = new RelayServer({ listen: '127.0.0.1:0', home, env, open: true, ...options });
    const listening = await server.start();
    this.#undo.push(() => server.stop());
    const fact = relayFactOf(parseRelayUrl(listening.url)) as RelayFact;
    return { server, home, fact, ...listening, port: Number(listening.listen.split(':').pop()) };
  }

  /** A relay as `evio relay` runs it: it serves whom it let in. */
  closedRelay(options: Partial<RelayServerOptions> = {}): Promise<TestRelay> {
    return this.relay({ open: false, ...options });
  }

  /** A way to the relay that a test can freeze and cut. */
  async proxy(relay: TestRelay): Promise<Proxy> {
    const proxy = await Proxy.open(relay);
    this.#undo.push(() => proxy.close());
    return proxy;
  }

  client(node: TestNode, relay: RelayFact, clientEnv: Env = env): TestClient {
    const client = new TestClient(node, relay, clientEnv);
    this.#undo.push(() => client.client.stop());
    return client;
  }

  later(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  async clean(): Promise<void> {
    for (const undo of this.#undo.reverse()) await undo();
    this.#undo = [];
  }
}

export interface TestRelay extends RelayListening {
  readonly server: RelayServer;
  readonly home: string;
  readonly fact: RelayFact;
  readonly port: number;
}

/** TCP to a relay through a middle that may stop passing bytes without closing anything. */
export class Proxy {
  readonly fact: RelayFact;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** Connections accepted so far, and when (`performance.now()`). */
  readonly accepted: number[] = [];
  /** What passed in both directions. */
  bytes = 0;
  reads = 0;
  #frozen = false;

  private constructor(server: Server, fact: RelayFact) {
    this.#server = server;
    this.fact = fact;
  }

  static async open(relay: TestRelay): Promise<Proxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const proxy = new Proxy(server, { address: `127.0.0.1:${port}`, key: relay.fact.key });
    server.on('connection', (near) => {
      proxy.accepted.push(performance.now());
      const far = connect(relay.port, '127.0.0.1');
      const pair = [near, far] as const;
      proxy.#pairs.add(pair);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => undefined);
        from.on('close', () => to.destroy());
        from.on('data', (bytes) => {
          proxy.bytes += bytes.length;
          proxy.reads++;
          if (!to.write(bytes)) from.pause();
        });
        to.on('drain', () => {
          if (!proxy.#frozen) from.resume();
        });
      }
      near.on('close', () => proxy.#pairs.delete(pair));
      if (proxy.#frozen) proxy.freeze();
    });
    return proxy;
  }

  /** Stops passing bytes, as a dead path does. */
  freeze(): void {
    this.#frozen = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** New connections pass although the old ones stay frozen: another path. */
  reroute(): void {
    this.#frozen = false;
  }

  close(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
  }
}

export interface TestNode {
  readonly keys: Keys;
  readonly id: Uint8Array;
  readonly idText: string;
  readonly networkBytes: Uint8Array;
  readonly credential: Uint8Array;
}

export interface InviteWish {
  readonly uses?: number;
  readonly notAfter?: number;
  /** How many admins must let a joiner in. */
  readonly approvals?: number;
}

export class TestNetwork {
  readonly root = generateKeys(systemRandom);
  readonly id = networkIdOf(this.root.publicKey);
  readonly networkBytes: Uint8Array;

  constructor(relays: readonly RelayFact[]) {
    this.networkBytes = signNetwork(
      { rootKey: this.root.publicKey, name: 'test', cidr, mtu: 1350, serial: 1, relays },
      this.root,
    );
  }

  invite(wish: InviteWish = {}): { bytes: Uint8Array; keys: Keys } {
    const keys = generateKeys(systemRandom);
    const bytes = signInvite(
      {
        ...(wish.approvals !== undefined && { issuer: this.root.publicKey, approvals: wish.approvals }),
        key: keys.publicKey,
        notAfter: wish.notAfter ?? Date.now() + 3_600_000,
        uses: wish.uses ?? 0,
        roles: Role.switch | Role.leaf,
        rights: 0,
        ephemeral: false,
        range: cidr,
        tags: [],
      },
      this.root,
    );
    return { bytes, keys };
  }

  /** A node; the root signs it when no invite is given. */
  node(
    host: number,
    invite?: { bytes: Uint8Array; keys: Keys },
    wish: { keys?: Keys; name?: string; signedAt?: number; rights?: number } = {},
  ): TestNode {
    const keys = wish.keys ?? generateKeys(systemRandom);
    const certificate = signCertificate(
      {
        nodeKey: keys.publicKey,
        name: wish.name ?? `node-${host}`,
        ip: cidr.base + host,
        role: Role.switch,
        rights: wish.rights ?? 0,
        tags: [],
        notBefore: wish.signedAt ?? Date.now(),
        notAfter: Date.now() + certificateLifeMs,
      },
      invite?.keys ?? this.root,
      keys,
    );
    const credential = encodeCredential({ certificate, invite: invite?.bytes ?? empty, receipt: empty });
    const id = nodeIdOf(keys.publicKey);
    return { keys, id, idText: nodeIdText(id), networkBytes: this.networkBytes, credential };
  }
}

/** A RelayClient with its events in arrays. */
export class TestClient {
  readonly node: TestNode;
  readonly client: RelayClient;
  credential: Uint8Array;
  readonly ups: { welcome: Welcome; session: RelaySession }[] = [];
  readonly downs: { reason: EvioError; retryInMs: number }[] = [];
  readonly waits: Waiting[] = [];
  readonly refusals: { error: EvioError; code: Refusal; detail: string | undefined }[] = [];
  readonly members: Uint8Array[] = [];
  readonly farewells: Uint8Array[] = [];
  readonly presence: { id: string; online: boolean }[] = [];
  readonly received: { source: Uint8Array; batch: Uint8Array }[] = [];
  readonly answers: RelayAnswer[] = [];
  readonly rtts: number[] = [];

  constructor(node: TestNode, relay: RelayFact, clientEnv: Env) {
    this.node = node;
    this.credential = node.credential;
    this.client = new RelayClient(
      {
        relay,
        keys: node.keys,
        networkBytes: () => node.networkBytes,
        credential: () => this.credential,
        agent: 'evio/test',
        env: clientEnv,
      },
      {
        up: (welcome, session) => this.ups.push({ welcome, session }),
        down: (reason, retryInMs) => this.downs.push({ reason, retryInMs }),
        waiting: (waiting) => this.waits.push(waiting),
        refused: (error, code, detail) => this.refusals.push({ error, code, detail }),
        member: (credential) => this.members.push(credential),
        presence: (id, online) => this.presence.push({ id, online }),
        left: (farewell) => this.farewells.push(farewell),
        away: () => undefined,
        answer: (message) => this.answers.push(message),
        data: (source, batch) => this.received.push({ source, batch }),
        rtt: (ms) => this.rtts.push(ms),
      },
    );
  }

  get session(): RelaySession {
    return (this.ups.at(-1) as { session: RelaySession }).session;
  }

  /** Starts and waits for the welcome. Fails with what the relay said. */
  async up(): Promise<this> {
    this.client.start();
    const before = this.ups.length;
    await until(() => this.ups.length > before).catch((thrown: unknown) => {
      const said = [...this.refusals.map(({ error }) => error), ...this.downs.map(({ reason }) => reason)];
      throw new Error(`no welcome: ${said.map((error) => error.message).join(' ')}`, { cause: thrown });
    });
    return this;
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A node's UDP side: binds to an association, sends and receives relayed packets. */
export class UdpPeer {
  readonly #socket;
  readonly #host: string;
  readonly #session: RelaySession;
  #counter = 0;
  readonly observed: Endpoint[] = [];
  readonly delivered: { source: string; packet: Uint8Array }[] = [];
  readonly hints: number[] = [];
  onStun: (bytes: Uint8Array) => void = () => undefined;

  private constructor(session: RelaySession, host: string) {
    this.#session = session;
    this.#host = host;
    this.#socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    this.#socket.on('message', (message: Buffer) => {
      const bytes = new Uint8Array(message);
      if (bytes[0] === PacketType.relayBound) {
        const seen = openBound(bytes, session.key);
        if (seen) this.observed.push(seen);
      } else if (bytes[0] === PacketType.relayDeliver) {
        this.delivered.push({ source: toHex(bytes.subarray(8, 24)), packet: bytes.slice(24) });
      } else if (bytes[0] === PacketType.relayUnbound) {
        this.hints.push(parseUnbound(bytes) ?? -1);
      } else if (looksLikeStun(bytes[0] as number)) {
        this.onStun(bytes);
      }
    });
  }

  /** @param host loopback address to use, also of the relay */
  static async open(kit: Kit, session: RelaySession, host = '127.0.0.1'): Promise<UdpPeer> {
    const peer = new UdpPeer(session, host);
    await new Promise<void>((resolve) => peer.#socket.bind(0, host, resolve));
    kit.later(() => peer.#socket.close());
    return peer;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  raw(bytes: Uint8Array, port = (this.#session.endpoint as { port: number }).port): void {
    this.#socket.send(bytes, port, this.#host);
  }

  bindPacket(counter = ++this.#counter): Uint8Array {
    return encodeBind(this.#session.association, counter, this.#session.key);
  }

  async bind(): Promise<this> {
    const before = this.observed.length;
    this.raw(this.bindPacket());
    await until(() => this.observed.length > before);
    return this;
  }

  sendTo(destination: Uint8Array, packet: Uint8Array): void {
    const out = new Uint8Array(24 + packet.length);
    out[0] = PacketType.relaySend;
    new DataView(out.buffer).setUint32(4, this.#session.association, true);
    out.set(destination, 8);
    out.set(packet, 24);
    this.raw(out);
  }
}

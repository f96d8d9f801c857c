/** A network, its members and a relay for tests: real sockets on loopback, real clock, keys from the system. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  certificateLifeMs,
  encodeCredential,
  Role,
  signCertificate,
  signInvite,
} from '../../../src/core/identity/certificate.js';
import { generateKeys, type Keys } from '../../../src/core/identity/keys.js';
import { signNetwork, type RelayFact } from '../../../src/core/identity/network.js';
import { networkIdOf, nodeIdOf, nodeIdText } from '../../../src/core/identity/node-id.js';
import { RelayClient, type RelaySession } from '../../../src/core/net/relay-client.js';
import { parseRelayUrl, relayFactOf } from '../../../src/core/net/relay-url.js';
import type { EvioError } from '../../../src/core/lib/errors.js';
import { silentLogger, systemClock, systemRandom, type Env } from '../../../src/core/lib/env.js';
import { parseIpv4 } from '../../../src/core/lib/ipv4.js';
import type { Refusal, Welcome } from '../../../src/core/wire/signal.js';
import { RelayServer, type RelayServerOptions } from '../../../src/rendezvous/server.js';

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
    const server = new RelayServer({ listen: '127.0.0.1:0', home, env, ...options });
    const listening = await server.start();
    this.#undo.push(() => server.stop());
    const fact = relayFactOf(parseRelayUrl(listening.url)) as RelayFact;
    return { server, home, fact, ...listening, port: Number(listening.listen.split(':').pop()) };
  }

  client(node: TestNode, relay: RelayFact): TestClient {
    const client = new TestClient(node, relay);
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

export interface TestRelay {
  readonly server: RelayServer;
  readonly home: string;
  readonly fact: RelayFact;
  readonly url: string;
  readonly listen: string;
  readonly port: number;
  readonly metrics?: string;
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
}

export class TestNetwork {
  readonly root = generateKeys(systemRandom);
  readonly id = networkIdOf(this.root.publicKey);
  readonly networkBytes: Uint8Array;

  constructor(relays: readonly RelayFact[], receipts = true) {
    this.networkBytes = signNetwork(
      { rootKey: this.root.publicKey, name: 'test', cidr, mtu: 1350, receipts, serial: 1, relays },
      this.root,
    );
  }

  invite(wish: InviteWish = {}): { bytes: Uint8Array; keys: Keys } {
    const keys = generateKeys(systemRandom);
    const bytes = signInvite(
      {
        key: keys.publicKey,
        notAfter: wish.notAfter ?? Date.now() + 3_600_000,
        uses: wish.uses ?? 0,
        roles: Role.switch | Role.leaf,
        rights: 0,
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
    wish: { keys?: Keys; name?: string; signedAt?: number } = {},
  ): TestNode {
    const keys = wish.keys ?? generateKeys(systemRandom);
    const certificate = signCertificate(
      {
        nodeKey: keys.publicKey,
        name: wish.name ?? `node-${host}`,
        ip: cidr.base + host,
        role: Role.switch,
        rights: 0,
        tags: [],
        notBefore: wish.signedAt ?? Date.now(),
        notAfter: Date.now() + certificateLifeMs,
      },
      invite?.keys ?? this.root,
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
  readonly refusals: { error: EvioError; code: Refusal; detail: string | undefined }[] = [];
  readonly members: Uint8Array[] = [];
  readonly presence: { id: string; online: boolean }[] = [];
  readonly received: { source: Uint8Array; batch: Uint8Array }[] = [];
  readonly rtts: number[] = [];

  constructor(node: TestNode, relay: RelayFact) {
    this.node = node;
    this.credential = node.credential;
    this.client = new RelayClient(
      {
        relay,
        keys: node.keys,
        networkBytes: () => node.networkBytes,
        credential: () => this.credential,
        agent: 'evio/test',
        env,
      },
      {
        up: (welcome, session) => this.ups.push({ welcome, session }),
        down: (reason, retryInMs) => this.downs.push({ reason, retryInMs }),
        refused: (error, code, detail) => this.refusals.push({ error, code, detail }),
        member: (credential) => this.members.push(credential),
        presence: (id, online) => this.presence.push({ id, online }),
        data: (source, batch) => this.received.push({ source, batch }),
        rtt: (ms) => this.rtts.push(ms),
      },
    );
  }

  get session(): RelaySession {
    return (this.ups.at(-1) as { session: RelaySession }).session;
  }

  /** Starts and waits for the welcome. */
  async up(): Promise<this> {
    this.client.start();
    const before = this.ups.length;
    await until(() => this.ups.length > before);
    return this;
  }
}

/** Waits until a condition holds; fails after `ms`. */
export async function until(holds: () => boolean, ms = 5_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`did not happen within ${ms} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs the real program, as a person or a script would. It needs a fresh build in dist/. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Handlers, Result } from '../../src/core/control/methods.js';
import { ControlServer } from '../../src/core/control/server.js';
import type {
  PeerReport,
  PingReport,
  PolicyReport,
  ExitReport,
  LanReport,
  OfferedService,
  RouteReport,
  WhyReport,
} from '../../src/core/control/schema.js';
import { homeAt } from '../../src/core/config/home.js';
import { Store } from '../../src/core/config/store.js';
import { initNetwork, type InitResult } from '../../src/core/enroll/init.js';
import { silentLogger, systemClock, systemRandom } from '../../src/core/lib/env.js';
import { EvioError } from '../../src/core/lib/errors.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const binary = join(root, 'bin/run.js');

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one object on stdout. Throws when there is none or more. */
  readonly json: <T = Record<string, unknown>>() => T;
  /** The error that `--json` printed. */
  readonly error: () => { code: string; message: string; suggestions: string[] };
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Record<string, string | undefined>;
  readonly uid?: number;
  /** Program to run instead of `evio` itself. */
  readonly program?: readonly string[];
}

export class TestHome {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'evio-cli-'));
  }

  get environment(): Record<string, string | undefined> {
    return {
      ...process.env,
      EVIO_HOME: this.path,
      EVIO_LOG: undefined,
      NODE_OPTIONS: undefined,
      SUDO_UID: undefined,
    };
  }

  /** Runs `evio …` to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const [program = '', ...rest] = options.program ?? [process.execPath, binary, ...args];
    return new Promise((resolve, reject) => {
      const child = spawn(program, rest, {
        env: { ...this.environment, ...options.env },
        ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
        cwd: '/',
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.once('error', reject);
      child.once('close', (status) => {
        const json = <T>(): T => JSON.parse(stdout) as T;
        resolve({
          status,
          stdout,
          stderr,
          json,
          error: () => json<{ error: { code: string; message: string; suggestions: string[] } }>().error,
        });
      });
      child.stdin.end(options.input ?? '');
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A network without relay in this home, as `evio init` makes it, without the cost of a process. */
export function madeNetwork(home: TestHome, name = 'home'): Promise<InitResult> {
  const unasked = (): never => {
    throw new Error('no relay in these tests');
  };
  return initNetwork(
    { name, nodeName: 'anna', relays: [] },
    {
      store: new Store(homeAt(home.path)),
      env: { clock: systemClock, random: systemRandom, log: silentLogger },
      errands: { find: unasked, found: unasked, withdraw: unasked, register: unasked, leave: unasked },
      machine: () => [],
    },
  );
}

export const status: Result<'status'> = {
  node: {
    id: 'aa'.repeat(16),
    name: 'anna',
    ip: '10.144.0.1',
    ip6: 'fd01:2345:6789:abcd:aa:aaff:feaa:aaaa',
    mac: '02:aa:aa:aa:aa:aa',
    pid: 4242,
    version: '0.1.0',
    uptimeMs: 61_000,
  },
  network: {
    id: '0123456789abcdef',
    name: 'home',
    cidr: '10.144.0.0/16',
    cidr6: 'fd01:2345:6789:abcd::/64',
    mtu: 1350,
    relays: ['192.0.2.1:3478'],
  },
  device: {
    name: 'evio0',
    port: 5000,
    mtu: 1350,
    rxBytes: 1_500_000,
    txBytes: 900,
    rxFrames: 1200,
    txFrames: 9,
    transitPackets: 0,
    transitBytes: 0,
    drops: { 'no-peer': 2, replay: 0 },
    restarts: 0,
  },
  relays: [
    {
      url: 'evio://192.0.2.1:3478',
      home: true,
      state: 'connected',
      transport: 'udp',
      rttMs: 12.3,
      reason: null,
    },
  ],
  nat: {
    mapping: 'endpoint-independent',
    filtering: 'unknown',
    ports: 'preserved',
    udpBlocked: false,
    addresses: ['198.51.100.7:40000'],
    portMapping: null,
  },
  ring: {
    sizeEstimate: 2,
    predecessor: 'bb'.repeat(16),
    successors: ['bb'.repeat(16)],
    longLinks: [],
    onDemand: [],
    names: { ['bb'.repeat(16)]: 'ben' },
  },
  peerCount: 1,
  process: { capabilities: ['net_admin'], noNewPrivileges: true, refusedUsers: 0 },
  certificate: { expires: '2031-11-22T00:00:00.000Z', renewal: 'later' },
  anomalies: [],
};

export const names: Result<'names'> = {
  network: 'home',
  domain: 'home.evio',
  way: 'hosts',
  server: '10.144.0.1:53',
  tcp: true,
  fault: null,
  queries: { answered: 3, denied: 1, refused: 0, dropped: 0 },
};

/** The node of `status`, as `peers` lists it. */
export const self = {
  id: 'aa'.repeat(16),
  name: 'anna',
  ip: '10.144.0.1',
  ip6: 'fd01:2345:6789:abcd:aa:aaff:feaa:aaaa',
  mac: '02:aa:aa:aa:aa:aa',
};

export const peer: PeerReport = {
  id: 'bb'.repeat(16),
  name: 'ben',
  ip: '10.144.0.2',
  ip6: 'fd01:2345:6789:abcd:bb:bbff:febb:bbbb',
  mac: '02:bb:bb:bb:bb:bb',
  state: 'connected',
  path: { kind: 'direct', endpoint: '198.51.100.9:4242', rttMs: 3.21 },
  link: 'successor',
  rxBytes: 100,
  txBytes: 200,
  lastHandshakeAgeMs: 4000,
  addressOf: null,
  lastSeenAgeMs: null,
  quarantine: null,
};

export const policy: PolicyReport = {
  serial: 3,
  text: 'deny tag:guest -> * tcp 22\n',
  fault: null,
  rules: [{ line: 1, rule: 'deny tag:guest -> * tcp 22', action: 'deny', hits: 7 }],
  others: { default: 1_200, arp: 2, established: 40, essential: 3, fragments: 0, unreadable: 0 },
};

export const why: WhyReport = {
  peer: peer.id,
  path: peer.path,
  candidates: [{ endpoint: '198.51.100.9:4242', kind: 'host', side: 'remote', state: 'active', rttMs: 3.21 }],
  log: [{ at: '2026-11-22T13:00:00.000Z', event: 'path', detail: 'direct 198.51.100.9:4242' }],
  nat: {
    local: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', ports: 'preserved' },
    remote: null,
  },
  advice: ['Nothing: the path is direct.'],
};

export const route: RouteReport = {
  cidr: '192.168.7.0/24',
  via: peer.ip,
  active: true,
  state: 'active',
  peer: peer.id,
  name: peer.name,
  own: false,
  shared: false,
  fault: null,
  holder: null,
};

export const lan: LanReport = {
  interface: 'eth1',
  state: 'blocked',
  reason: 'ben bridges this LAN.',
  by: { id: peer.id, name: peer.name },
  others: [{ id: peer.id, name: peer.name }],
  refusedHellos: 0,
};

export const exit: ExitReport = {
  use: { id: peer.id, name: peer.name, allowLan: false },
  state: 'active',
  fault: null,
  announced: false,
  announceFault: null,
  offers: [{ id: peer.id, name: peer.name, ip: peer.ip, own: false, connected: true }],
};

export const offered: OfferedService = {
  name: 'http',
  protocol: 'tcp',
  port: 8_080,
  text: 'path=/admin',
  peer: peer.id,
  member: peer.name,
  ip: peer.ip,
  own: false,
};

/** A node that only answers. `ben` replies to every second ping, `mute` to none. */
export async function fakeNode(home: TestHome, change: Partial<Handlers> = {}): Promise<ControlServer> {
  let pings = 0;
  const handlers: Handlers = {
    status: () => status,
    peers: () => ({ self, peers: [peer], revoked: [] }),
    upgrade: () => ({ from: '0.1.0', to: '0.2.0', gapMs: 12.5, pid: 42 }),
    why: () => why,
    views: () => ({ views: [] }),
    recall: () => ({ log: why.log }),
    policy: () => policy,
    rekey: () => ({ id: 'n', was: 'o', counts: true }),
    amend: () => ({ subject: '', serial: 1, policy: 0, notes: [] }),
    ping: ({ peer: name }): PingReport => {
      if (name !== 'ben' && name !== 'mute')
        throw new EvioError('EVIO_UNKNOWN_PEER', `No member of home is called "${name}".`, [
          'See: evio peers',
        ]);
      const answered = name === 'ben' && pings++ % 2 === 0;
      const rttMs = 2.5;
      return {
        peer: peer.id,
        sent: 1,
        received: answered ? 1 : 0,
        minMs: answered ? rttMs : null,
        avgMs: answered ? rttMs : null,
        maxMs: answered ? rttMs : null,
        replies: answered ? [{ seq: 1, rttMs, path: 'direct' }] : [],
      };
    },
    networks: () => ({ networks: [{ id: status.network.id, name: 'home' }] }),
    up: () => ({ started: [status.network.id] }),
    down: () => ({ stopped: [status.network.id] }),
    adopt: () => ({ adopted: true }),
    joinPods: () => ({ joined: false }),
    exit: () => ({ network: 'home', ...exit }),
    exitSet: () => ({ network: 'home', ...exit }),
    services: () => ({ network: 'home', domain: 'home.evio', services: [offered] }),
    serviceSet: () => ({ network: 'home', domain: 'home.evio', services: [offered] }),
    sessionKeys: () => ({ keys: '' }),
    bridges: () => ({ bridges: [{ network: 'home', ...lan }] }),
    bridgeSet: ({ lan: wanted }) => ({ network: 'home', bridge: wanted && { ...lan, ...wanted }, mtu: 1350 }),
    logs: () => ({ last: 0, lost: 0, lines: [] }),
    metrics: () => ({ networks: [], refusedUsers: 0 }),
    repath: () => ({ repathed: true }),
    leave: () => ({ stopped: [status.network.id] }),
    names: () => names,
    routes: () => ({ routes: [route] }),
    routeAccept: () => ({ routes: [route] }),
    routeAnnounce: () => ({ routes: [route] }),
    routeWithdraw: () => ({ routes: [] }),
    wait: () => ({ connected: true }),
    watch: (_params, asker) => {
      asker.watch(undefined);
      return { watching: true };
    },
    ...change,
  };
  const server = new ControlServer(join(home.path, 'control.sock'), handlers, silentLogger);
  await server.start();
  return server;
}

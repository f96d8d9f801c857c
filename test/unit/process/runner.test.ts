import { mkdtempSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt, type Home } from '../../../src/core/config/home.js';
import { emptyState } from '../../../src/core/membership/profile.js';
import { ask, ControlClient } from '../../../src/core/control/client.js';
import type { NodeEvent } from '../../../src/core/node/events.js';
import type { StatusReport } from '../../../src/core/node/reports.js';
import { makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { silentLogger, systemClock, systemRandom } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { Lifecycle } from '../../../src/core/lib/lifecycle.js';
import type { HeldNode } from '../../../src/core/node/held.js';
import type { Node, NodeOptions } from '../../../src/core/node/node.js';
import { Runner, type RunnerOptions } from '../../../src/core/process/runner.js';

const env = { clock: systemClock, random: systemRandom, log: silentLogger };
const successor = fileURLToPath(new URL('../../support/successor.mjs', import.meta.url));
let home: Home;

beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'evio-runner-')));
});
afterEach(() => {
  rmSync(home.path, { recursive: true, force: true });
});

const emptyHeld: HeldNode = {
  serial: 0,
  credential: new Uint8Array(0),
  boot: 0,
  peers: [],
  plane: { keys: [], floods: null, flows: null, device: new Float64Array(0), peers: [], holes: [] },
  relays: [],
  overlay: null,
};

/** What happened to nodes, in order: `start a`, `stop b`. */
class Stage {
  readonly log: string[] = [];
  readonly options = new Map<string, NodeOptions>();
  failing = new Set<string>();
  slow = new Set<string>();
  /** Nodes can be given over, up to a certain point. */
  movable = false;

  createNode = (options: NodeOptions): Node => {
    const { network, networkId, idText, mac } = selfOf(options.profile);
    const { name } = network;
    this.options.set(name, options);
    const status: StatusReport = {
      node: {
        id: idText,
        name: 'n',
        ip: '10.144.0.1',
        ip6: 'fd00::1',
        mac,
        pid: process.pid,
        version: '0',
        uptimeMs: 0,
      },
      network: { id: networkId, name, cidr: '10.144.0.0/16', cidr6: 'fd00::/64', mtu: 1350, relays: [] },
      device: {
        name: 'evio0',
        port: 5000,
        mtu: 1350,
        rxBytes: 0,
        txBytes: 0,
        rxFrames: 0,
        txFrames: 0,
        transitPackets: 0,
        transitBytes: 0,
        drops: {},
        restarts: 0,
      },
      relays: [],
      nat: {
        mapping: 'unknown',
        filtering: 'unknown',
        ports: 'unknown',
        udpBlocked: false,
        addresses: [],
        portMapping: null,
      },
      ring: { sizeEstimate: 1, predecessor: null, successors: [], longLinks: [], onDemand: [] },
      peerCount: 0,
      certificate: { expires: '2031-11-22T00:00:00.000Z', renewal: 'later' },
      anomalies: [],
    };
    const node = { id: idText, name: 'n', ip: '10.144.0.1', ip6: 'fd00::1', mac };
    const tell = (event: NodeEvent): void => options.onEvent?.(event);
    const life = new Lifecycle({
      begin: async (teardown) => {
        this.log.push(`start ${name}`);
        teardown.add('all', () => {
          this.log.push(`stop ${name}`);
        });
        if (this.slow.has(name)) await new Promise((resolve) => setTimeout(resolve, 100));
        if (this.failing.has(name)) throw new EvioError('EVIO_DEVICE', `no device for ${name}`);
      },
      began: () => {
        tell({ event: 'started', network: status.network, node, device: 'evio0', pid: process.pid });
        tell({ event: 'ready', network: networkId, peers: 0 });
      },
      ended: () => {
        tell({ event: 'stopped', network: networkId });
      },
      failed: () => undefined,
    });
    return {
      networkId,
      networkName: name,
      move: {
        descriptors: () => {
          if (!this.movable) throw new EvioError('EVIO_UPGRADE', 'not in this test');
          const none = { device: '', deviceIpv6: false, datagramOffload: false, port: 0, ipv6: false };
          return { ...none, taps: [], udps: [], holes: new Map() };
        },
        kept: () => [],
        freeze: () => {
          this.log.push(`rests ${name}`);
          return Promise.resolve(emptyHeld);
        },
        thaw: () => {
          this.log.push(`goes on ${name}`);
        },
        letGo: () => undefined,
        leave: () => Promise.resolve(),
        recover: () => Promise.resolve(),
      },
      start: () => life.start(),
      stop: () => life.stop(),
      adopt: () => Promise.resolve(true),
      joinPods: () => false,
      local: {
        bridge: () => undefined,
        setBridge: () => Promise.resolve(),
        exit: () => {
          throw new Error('not asked');
        },
        announceExit: () => Promise.resolve(),
        useExit: () => Promise.resolve(),
        services: () => [],
        offerService: () => Promise.resolve(),
        watchKeys: () => () => undefined,
      },
      repath: () => Promise.resolve(),
      leave: () => undefined,
      waitConnected: () => Promise.resolve(true),
      status: () => status,
      peers: () => [],
      metrics: () => {
        throw new Error('not in this test');
      },
      revoked: () => [],
      names: () => ({
        domain: `${name}.evio`,
        way: 'off',
        server: null,
        tcp: false,
        fault: null,
        queries: { answered: 0, denied: 0, refused: 0, dropped: 0 },
      }),
      routes: () => [],
      views: () => [],
      recall: () => Promise.resolve([]),
      announceRoute: () => Promise.resolve(),
      withdrawRoute: () => Promise.resolve(),
      acceptRoute: () => Promise.resolve(),
      policy: () => {
        throw new EvioError('EVIO_INTERNAL', 'not asked in this test');
      },
      newKey: () => Promise.resolve({ id: 'n', was: 'o', counts: true }),
      amend: () => Promise.resolve({ subject: '', serial: 1, policy: 0, notes: [] }),
      why: (peer) =>
        Promise.resolve({
          peer,
          path: null,
          candidates: [],
          log: [],
          nat: { local: { mapping: 'unknown', filtering: 'unknown', ports: 'unknown' }, remote: null },
          advice: [],
        }),
      ping: (peer) =>
        Promise.resolve({ peer, sent: 1, received: 0, minMs: null, avgMs: null, maxMs: null, replies: [] }),
    };
  };
}

function runnerOf(stage: Stage, names: readonly string[], more: Partial<RunnerOptions> = {}) {
  const events: NodeEvent[] = [];
  const runner = new Runner({
    home,
    networks: names.map((name) => ({
      profile: makeNetwork({ name, cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'n' }, env),
      state: emptyState,
      saveState: () => undefined,
    })),
    env,
    version: '0.1.0',
    createNode: stage.createNode,
    machine: () => [],
    running: () => [],
    onEvent: (event) => events.push(event),
    ...more,
  });
  return { runner, events };
}

async function started(): Promise<void> {
  for (;;) {
    try {
      await ask(home.controlSocket, 'wait', { timeoutMs: 5000 });
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    return thrown instanceof EvioError ? thrown.code : String(thrown);
  }
  return 'none';
}

describe('Runner', () => {
  it('starts in order, says so once, and stops in reverse', async () => {
    const stage = new Stage();
    const { runner, events } = runnerOf(stage, ['a', 'b']);
    const run = runner.run();
    await started();
    await Promise.all([runner.stop(), runner.stop()]);
    await run;
    expect(stage.log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
    const kinds = events.map(({ event }) => event);
    expect(kinds.filter((kind) => kind === 'started')).toHaveLength(2);
    expect(kinds.filter((kind) => kind === 'ready')).toHaveLength(2);
    expect(kinds.filter((kind) => kind === 'stopped')).toHaveLength(2);
    expect(existsSync(home.controlSocket)).toBe(false);
  });

  it('reports each network in one line of the log', async () => {
    const lines: [string, unknown][] = [];
    const log = {
      ...silentLogger,
      info: (message: string, fields: unknown) => lines.push([message, fields]),
    };
    const { runner } = runnerOf(new Stage(), ['a', 'b'], { env: { ...env, log } });
    const run = runner.run();
    await started();
    runner.report();
    await runner.stop();
    await run;
    const reports = lines.filter(([message]) => message === 'report').map(([, fields]) => fields);
    expect(reports).toHaveLength(2);
    expect(reports[0]).toMatchObject({ peers: 0, connected: 0, relays: 0, drops: 0, restarts: 0 });
  });

  it('leaves out a network while another interface has an address in its range, unless that is allowed', async () => {
    const stage = new Stage();
    const other = { device: 'eth7', kind: 'address', cidr: { base: 0x0a90_0301, prefix: 32 } } as const;
    const refused = runnerOf(stage, ['a'], { machine: () => [other] });
    expect(await codeOf(refused.runner.run())).toBe('EVIO_ADDRESS_RANGE');
    expect(stage.log).toEqual([]);
    const plan = { name: 'b', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'n' };
    const profile = { ...makeNetwork(plan, env), allowedRanges: ['10.144.0.0/16'] };
    const networks = [{ profile, state: emptyState, saveState: () => undefined }];
    const { runner } = runnerOf(stage, [], { networks, machine: () => [other] });
    const run = runner.run();
    await started();
    await runner.stop();
    await run;
    expect(stage.log).toEqual(['start b', 'stop b']);
  });

  it('leaves out a network while another one of its range runs, and says which and what to do', async () => {
    const stage = new Stage();
    const plan = { name: 'a', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'n' };
    const profile = makeNetwork(plan, env);
    const networks = [{ profile, state: emptyState, saveState: () => undefined }];
    const at = (base: number) => ({
      device: 'evio3',
      kind: 'address' as const,
      cidr: { base, prefix: 32 },
    });
    const { ip } = selfOf(profile).certificate;
    const refused = runnerOf(stage, [], { networks, running: () => [at(ip + 1)] }).runner.run();
    await expect(refused).rejects.toMatchObject({
      code: 'EVIO_ADDRESS_RANGE',
      message: expect.stringContaining('evio3') as string,
      suggestions: expect.arrayContaining([expect.stringContaining('--userspace')]) as string[],
    });
    // Its own address, of a process that is about to end; and elsewhere.
    const { runner } = runnerOf(stage, [], { networks, running: () => [at(ip), at(ip + 0x0100_0000)] });
    const run = runner.run();
    await started();
    await runner.stop();
    await run;
    expect(stage.log).toEqual(['start a', 'stop a']);
  });

  it('gives each network what is its own, and every one the links asked for beside those of its profile', async () => {
    const stage = new Stage();
    const saved: string[] = [];
    const networks = ['a', 'b'].map((name, i) => ({
      profile: {
        ...makeNetwork({ name, cidr: `10.${i}.0.0/16`, relays: [], mtu: 1350, nodeName: 'n' }, env),
        ...(i === 0 ? { links: ['gateway', 'ben'] } : {}),
      },
      state: { ...emptyState, port: 4000 + i },
      saveState: () => {
        saved.push(name);
      },
    }));
    const { runner } = runnerOf(stage, [], { networks, links: ['ben', 'carl'] });
    const run = runner.run();
    await started();
    const [a, b] = ['a', 'b'].map((name) => stage.options.get(name) as NodeOptions);
    expect(a?.profile.nodeSeed).not.toBe(b?.profile.nodeSeed);
    expect([a?.state.port, b?.state.port]).toEqual([4000, 4001]);
    expect([a?.port, b?.port]).toEqual([undefined, undefined]);
    expect(a?.links).toEqual(['gateway', 'ben', 'carl']);
    expect(b?.links).toEqual(['ben', 'carl']);
    b?.saveState(emptyState);
    a?.saveState(emptyState);
    expect(saved).toEqual(['b', 'a']);
    await runner.stop();
    await run;
  });

  it('passes on what its nodes tell, as they tell it', async () => {
    const stage = new Stage();
    const { runner, events } = runnerOf(stage, ['a']);
    const run = runner.run();
    await started();
    const { networkId } = selfOf((stage.options.get('a') as NodeOptions).profile);
    const up: NodeEvent = { event: 'relay-up', network: networkId, url: 'u', transport: 'udp' };
    stage.options.get('a')?.onEvent?.(up);
    stage.options.get('a')?.onEvent?.(up);
    await runner.stop();
    await run;
    expect(events.map(({ event }) => event)).toEqual(['started', 'ready', 'relay-up', 'relay-up', 'stopped']);
  });

  it('takes networks up and puts them down while others run, and touches no other', async () => {
    const stage = new Stage();
    const networks = ['a', 'b', 'c'].map((name) => ({
      profile: makeNetwork({ name, cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'n' }, env),
      state: emptyState,
      saveState: () => undefined,
    }));
    const ids = networks.map(({ profile }) => selfOf(profile).networkId);
    const [a, b, c] = ids as [string, string, string];
    // Of c nobody knows yet.
    const stored = ['a', 'b'].map((name, i) => ({ id: ids[i] as string, name }));
    const { runner } = runnerOf(stage, [], {
      networks: networks.slice(0, 1),
      stored: () => stored,
      load: (id) => networks[ids.indexOf(id)] as (typeof networks)[number],
    });
    const run = runner.run();
    await started();
    const asked = (method: 'up' | 'down', network?: string): Promise<object> =>
      ask(home.controlSocket, method, { network });
    expect(await codeOf(ask(home.controlSocket, 'status', { network: 'b' }))).toBe('EVIO_NOT_RUNNING');
    expect(await codeOf(asked('up', 'nobody'))).toBe('EVIO_NO_NETWORK');
    expect(await Promise.all([asked('up', 'b'), asked('up', b)])).toEqual([
      { started: [b] },
      { started: [] },
    ]);
    expect((await ask(home.controlSocket, 'status', { network: 'b' })).network.name).toBe('b');
    expect(await asked('down', 'a')).toEqual({ stopped: [a] });
    // What was put down stays down when the home is read again; what came meanwhile is taken up.
    stored.push({ id: c, name: 'c' });
    runner.reread();
    expect(await asked('up', 'c')).toEqual({ started: [] });
    expect(stage.log).toEqual(['start a', 'start b', 'stop a', 'start c']);
    expect(await asked('up')).toEqual({ started: [a] });
    stage.failing.add('b');
    await asked('down', 'b');
    expect(await codeOf(asked('up', 'b'))).toBe('EVIO_DEVICE');
    expect((await ask(home.controlSocket, 'networks', {})).networks.map(({ name }) => name)).toEqual([
      'c',
      'a',
    ]);
    await runner.stop();
    await run;
  });

  it('ends with the error of the only network when it cannot start', async () => {
    const stage = new Stage();
    stage.failing.add('a');
    const { runner } = runnerOf(stage, ['a']);
    expect(await codeOf(runner.run())).toBe('EVIO_DEVICE');
    expect(stage.log).toEqual(['start a', 'stop a']);
    expect(existsSync(home.controlSocket)).toBe(false);
  });

  it('runs the others when one cannot start', async () => {
    const stage = new Stage();
    stage.failing.add('a');
    const { runner } = runnerOf(stage, ['a', 'b']);
    const run = runner.run();
    await started();
    expect((await ask(home.controlSocket, 'networks', {})).networks.map(({ name }) => name)).toEqual(['b']);
    await runner.stop();
    await run;
  });

  it('ends with its error when the last network dies', async () => {
    const stage = new Stage();
    const { runner } = runnerOf(stage, ['a', 'b']);
    const outcome = codeOf(runner.run());
    await started();
    stage.options.get('a')?.onFatal?.(new EvioError('EVIO_DEVICE', 'device gone'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await ask(home.controlSocket, 'networks', {})).networks).toHaveLength(1);
    stage.options.get('b')?.onFatal?.(new EvioError('EVIO_RELAY_REFUSED', 'barred'));
    expect(await outcome).toBe('EVIO_RELAY_REFUSED');
    expect(stage.log.slice(2)).toEqual(['stop a', 'stop b']);
  });

  it('stops networks by `down`, and ends with the last', async () => {
    const stage = new Stage();
    const { runner } = runnerOf(stage, ['a', 'b', 'c']);
    const run = runner.run();
    await started();
    expect((await ask(home.controlSocket, 'down', { network: 'b' })).stopped).toHaveLength(1);
    expect(await codeOf(ask(home.controlSocket, 'status', {}))).toBe('EVIO_AMBIGUOUS_NETWORK');
    expect((await ask(home.controlSocket, 'status', { network: 'c' })).network.name).toBe('c');
    expect((await ask(home.controlSocket, 'down', {})).stopped).toHaveLength(2);
    await run;
    expect(stage.log.slice(3)).toEqual(['stop b', 'stop c', 'stop a']);
  });

  it('stops while it still starts, and is down when it says so', async () => {
    const stage = new Stage();
    stage.slow.add('b');
    const { runner, events } = runnerOf(stage, ['a', 'b', 'c']);
    const run = runner.run();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await runner.stop();
    expect(stage.log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
    await run;
    expect(events.map(({ event }) => event)).toEqual(['started', 'ready', 'stopped']);
  });

  // Who is not root may only be followed by its own program.
  it.runIf(process.geteuid?.() === 0)('stops nothing that is half another process’s', async () => {
    const stage = new Stage();
    stage.movable = true;
    const { runner } = runnerOf(stage, ['a'], { words: () => [] });
    const run = runner.run();
    await started();
    const upgraded = codeOf(runner.upgrade([process.execPath, successor, 'mute']));
    while (!stage.log.includes('rests a')) await new Promise((resolve) => setTimeout(resolve, 5));
    await runner.stop();
    expect(stage.log).toEqual(['start a', 'rests a', 'goes on a', 'stop a']);
    expect(await upgraded).toBe('EVIO_UPGRADE');
    await run;
  });

  it.runIf(process.geteuid?.() === 0)('hangs up on who watches once another process goes on', async () => {
    const stage = new Stage();
    stage.movable = true;
    const { runner } = runnerOf(stage, ['a'], { words: () => [] });
    const run = runner.run();
    await started();
    const [watcher, asker] = await Promise.all([
      ControlClient.connect(home.controlSocket),
      ControlClient.connect(home.controlSocket),
    ]);
    const closed = new Promise<void>((resolve) => {
      void watcher.watch({ network: 'a' }, () => undefined, resolve);
    });
    await watcher.request('networks', {});
    // Who asked for it hears the answer before.
    const program = [process.execPath, successor, 'never'];
    expect(await asker.request('upgrade', { program })).toMatchObject({ to: '9.9.9' });
    await closed;
    const gave = await run;
    gave?.signal('SIGKILL');
  });

  it('keeps a second one off the home', async () => {
    const stage = new Stage();
    const { runner } = runnerOf(stage, ['a']);
    const run = runner.run();
    await started();
    expect(await codeOf(runnerOf(new Stage(), ['a']).runner.run())).toBe('EVIO_ALREADY_RUNNING');
    expect((await ask(home.controlSocket, 'networks', {})).networks).toHaveLength(1);
    await runner.stop();
    await run;
  });

  it('sends events to watchers', async () => {
    const stage = new Stage();
    const { runner } = runnerOf(stage, ['a']);
    const run = runner.run();
    await started();
    const client = await ControlClient.connect(home.controlSocket);
    const seen: string[] = [];
    const closed = new Promise<void>((resolve) => {
      void client.watch({ network: 'a' }, ({ event }) => seen.push(event), resolve);
    });
    await client.request('networks', {});
    await runner.stop();
    await run;
    await closed;
    expect(seen).toEqual(['stopped']);
  });
});

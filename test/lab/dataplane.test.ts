/**
 * Two real data planes in two network namespaces, joined by a veth pair. Needs root and the build in dist/.
 *
 *    evdpa                                   evdpb
 *   +-----------------------+               +-----------------------+
 *   | evio0 10.98.0.1/24    |               | evio0 10.98.0.2/24    |
 *   | evdpvA 10.99.0.1/24 --+-- veth pair --+-- evdpvB 10.99.0.2/24 |
 *   |        fd99::1        |               |   fd99::2             |
 *   +-----------------------+               +-----------------------+
 */
import { readdirSync, readFileSync } from 'node:fs';
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floodKeys } from '../support/floods.js';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../support/plane-node.mjs', import.meta.url));
const spaces = ['evdpa', 'evdpb'] as const;
const ip = (...args: string[]): void => {
  execFileSync('ip', args, { stdio: 'pipe' });
};
const inside = async (n: number, ...args: [string, ...string[]]): Promise<string> => {
  const { stdout } = await run('ip', ['netns', 'exec', spaces[n] as string, ...args], { maxBuffer: 1 << 24 });
  return stdout;
};

interface Said {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A plane in its own process and namespace. */
class PlaneProcess {
  readonly said: Said[] = [];
  readonly process: ChildProcess;
  #waiting: (() => void)[] = [];

  constructor(n: number, setup: unknown) {
    this.process = spawn('ip', [
      'netns',
      'exec',
      spaces[n] as string,
      process.execPath,
      script,
      JSON.stringify(setup),
    ]);
    let rest = '';
    this.process.stdout?.on('data', (data: Buffer) => {
      rest += data.toString();
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.said.push(JSON.parse(line) as Said);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.process.stderr?.on('data', (data: Buffer) => {
      this.said.push({ event: 'stderr', text: data.toString() });
    });
  }

  tell(command: object): void {
    this.process.stdin?.write(JSON.stringify(command) + '\n');
  }

  async hear(event: string, after = 0): Promise<Said> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const found = this.said.slice(after).find((s) => s.event === event);
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`no ${event} among ${JSON.stringify(this.said)}`);
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        setTimeout(resolve, 200);
      });
    }
  }

  async counters(): Promise<{
    cpuMs: number;
    device: { drops: Record<string, number>; rxBytes: number };
    peers: Record<string, number>[];
  }> {
    const after = this.said.length;
    this.tell({ do: 'counters' });
    return (await this.hear('counters', after)) as never;
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.on('exit', resolve));
    this.process.stdin?.end();
    await ended;
  }
}

const mac = (n: number): string => `02000000000${n + 1}`;
const address = (n: number): number => 0x0a62_0001 + n;
/** The seed of `floodKeys`. */
const seed = (n: number): string => Buffer.alloc(32, n).toString('hex');
/** An id from which that MAC follows. */
const nodeId = (n: number): string => mac(n) + '00'.repeat(10);

function setupOf(n: number, outer: string, suite: number, threads?: number): unknown {
  const other = 1 - n;
  return {
    options: {
      deviceName: 'evio%d',
      nodeId: nodeId(n),
      seed: seed(n),
      mac: mac(n),
      ip: address(n),
      prefix: 24,
      mtu: 1350,
      port: 5_600,
      threads,
    },
    neighbours: [0, 1].map((i) => ({ ip: address(i), mac: mac(i) })),
    peers: [
      {
        slot: 3,
        nodeId: nodeId(other),
        publicKey: Buffer.from(floodKeys(other).publicKey).toString('hex'),
        mac: mac(other),
        ip: address(other),
        keys: {
          localIndex: 0x4000_0100 + n,
          remoteIndex: 0x4000_0100 + other,
          suite,
          sendKey: `${n}1`.repeat(32),
          receiveKey: `${other}1`.repeat(32),
        },
        path: { kind: 'direct', endpoint: { host: outer, port: 5_600 } },
      },
    ],
  };
}

function removeSpaces(): void {
  for (const space of spaces) {
    try {
      ip('netns', 'del', space);
    } catch {
      // It was not there.
    }
  }
}

/** Some small kernels are built without 802.1Q interfaces; frames with tags pass all the same. */
const kernelHasVlans = ((): boolean => {
  try {
    ip('link', 'add', 'evdpdummy', 'type', 'veth', 'peer', 'name', 'evdpdummz');
    ip('link', 'add', 'link', 'evdpdummy', 'name', 'evdptag', 'type', 'vlan', 'id', '9');
    return true;
  } catch {
    return false;
  } finally {
    try {
      ip('link', 'del', 'evdpdummy');
    } catch {
      // It could not be made.
    }
  }
})();

let planes: [PlaneProcess, PlaneProcess];

async function startPlanes(outer: readonly [string, string], suite: number, threads?: number): Promise<void> {
  planes = [
    new PlaneProcess(0, setupOf(0, outer[1], suite, threads)),
    new PlaneProcess(1, setupOf(1, outer[0], suite, threads)),
  ];
  for (const plane of planes) await plane.hear('started');
  // IPv6 link-local addresses are tentative for a moment.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
}

async function stopPlanes(): Promise<void> {
  for (const plane of planes) await plane.end();
}

async function iperf(...args: string[]): Promise<{ mbps: number; retransmits: number }> {
  const server = spawn('ip', ['netns', 'exec', spaces[1], 'iperf3', '-s', '-1', '--forceflush']);
  await new Promise((resolve) => server.stdout.once('data', resolve));
  const out = JSON.parse(await inside(0, 'iperf3', '-J', '-t', '2', ...args)) as {
    end: { sum_received: { bits_per_second: number }; sum_sent: { retransmits: number } };
  };
  return { mbps: out.end.sum_received.bits_per_second / 1e6, retransmits: out.end.sum_sent.retransmits };
}

/** Sends a megabyte-sized stream through a TCP connection and compares what arrived. */
async function transfer(
  host: string,
  megabytes: number,
  during: () => void = () => undefined,
): Promise<void> {
  const serve = `const n=require('net').createServer(s=>{const h=require('crypto').createHash('sha256');s.on('data',d=>h.update(d)).on('end',()=>{console.log(h.digest('hex'));process.exit()})});n.listen(7,'::',()=>console.log('up'))`;
  const server = spawn('ip', ['netns', 'exec', spaces[1], process.execPath, '-e', serve]);
  let heard = '';
  server.stdout.on('data', (d: Buffer) => (heard += d.toString()));
  await new Promise((resolve) => server.stdout.once('data', resolve));
  const ended = new Promise((resolve) => server.on('exit', resolve));
  const send = `const c=require('net').connect({port:7,host:'${host}'},async()=>{const h=require('crypto').createHash('sha256');for(let i=0;i<${megabytes};i++){const b=require('crypto').randomBytes(1<<20);h.update(b);if(!c.write(b))await new Promise(r=>c.once('drain',r))}console.log(h.digest('hex'));c.end()})`;
  const sending = inside(0, process.execPath, '-e', send);
  during();
  const sent = (await sending).trim();
  await ended;
  expect(sent).toMatch(/^[0-9a-f]{64}$/);
  expect(heard.split('\n')[1]).toBe(sent);
}

/** Whether a thread in the namespace has the policy SCHED_RR (proc(5), field 41 of stat). */
async function urgentThreads(n: number): Promise<boolean> {
  const pids = (await inside(n, 'ip', 'netns', 'pids', spaces[n] as string)).trim().split('\n');
  for (const pid of pids.filter(Boolean)) {
    try {
      for (const tid of readdirSync(`/proc/${pid}/task`)) {
        const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8');
        if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38] === '2') return true;
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return false;
}

const linkLocal = async (n: number, device: string): Promise<string> =>
  /inet6 (fe80[0-9a-f:]+)/.exec(await inside(n, 'ip', '-6', 'addr', 'show', 'dev', device))?.[1] ?? '';

beforeAll(() => {
  removeSpaces();
  for (const space of spaces) ip('netns', 'add', space);
  ip('link', 'add', 'evdpvA', 'netns', 'evdpa', 'type', 'veth', 'peer', 'name', 'evdpvB', 'netns', 'evdpb');
  spaces.forEach((space, n) => {
    const device = n === 0 ? 'evdpvA' : 'evdpvB';
    ip('-n', space, 'addr', 'add', `10.99.0.${n + 1}/24`, 'dev', device);
    ip('-n', space, 'addr', 'add', `fd99::${n + 1}/64`, 'dev', device, 'nodad');
    ip('-n', space, 'link', 'set', 'lo', 'up');
    ip('-n', space, 'link', 'set', device, 'up');
  });
});

afterAll(removeSpaces);

describe('two planes over IPv4 and AES-256-GCM', () => {
  beforeAll(() => startPlanes(['10.99.0.1', '10.99.0.2'], 1));
  afterAll(stopPlanes);

  it('made the interface with MAC, MTU, address and a link-local address', async () => {
    const shown = await inside(0, 'ip', 'addr', 'show', 'dev', 'evio0');
    for (const part of ['mtu 1350', '02:00:00:00:00:01', '10.98.0.1/24', 'fe80::ff:fe00:1/64', 'UP']) {
      expect(shown).toContain(part);
    }
    const details = await inside(0, 'ip', '-d', 'link', 'show', 'evio0');
    expect(details).toMatch(/gso_max_size 6\d{4} /);
    expect(details).not.toMatch(/gso_max_size 65536 /);
  });

  it('pings without a single ARP packet in the tunnel', async () => {
    await inside(0, 'ping', '-c', '5', '-i', '0.2', '-W', '1', '10.98.0.2');
    const shown = await inside(0, 'ip', 'neigh', 'show', '10.98.0.2');
    expect(shown).toContain('02:00:00:00:00:02');
  });

  it('carries a TCP stream fast and without a retransmission', async () => {
    const { mbps, retransmits } = await iperf('-c', '10.98.0.2');
    expect(mbps).toBeGreaterThan(300);
    expect(retransmits).toBe(0);
  });

  it('goes before other programs while it sends a stream, not while it receives one, nor for a ping', async () => {
    const seen = [0, 0];
    const running = iperf('-c', '10.98.0.2');
    let over = false;
    void running.finally(() => (over = true));
    while (!over) {
      for (const n of [0, 1]) if (await urgentThreads(n)) seen[n] = (seen[n] as number) + 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(seen[0]).toBeGreaterThan(5);
    expect(seen[1]).toBe(0);
    await running;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await inside(0, 'ping', '-c', '1', '10.98.0.2');
    expect(await urgentThreads(0)).toBe(false);
  });

  it('carries IPv6 TCP on link-local addresses, joined into super-frames', async () => {
    const { mbps } = await iperf('-6', '-c', `${await linkLocal(1, 'evio0')}%evio0`);
    expect(mbps).toBeGreaterThan(300);
  });

  it('carries frames of a VLAN with their tag', async () => {
    const before = (await planes[1].counters()).device.rxBytes;
    const tagged = `${mac(1)}${mac(0)}8100002a88b5${'ab'.repeat(46)}`;
    const raw = fileURLToPath(new URL('../support/raw-frames.mjs', import.meta.url));
    await inside(0, process.execPath, raw, 'evio0', tagged, '5');
    const after = (await planes[1].counters()).device.rxBytes;
    // The kernel may say something of its own meanwhile, a neighbour solicitation say.
    expect(after - before).toBeGreaterThanOrEqual((5 * tagged.length) / 2);
    expect(after - before).toBeLessThan(5 * tagged.length);
  });

  it.skipIf(!kernelHasVlans)('carries the TCP of a VLAN interface', async () => {
    for (const n of [0, 1]) {
      const space = spaces[n] as string;
      ip('-n', space, 'link', 'add', 'link', 'evio0', 'name', 'evdpvlan', 'type', 'vlan', 'id', '42');
      ip('-n', space, 'addr', 'add', `10.97.0.${n + 1}/24`, 'dev', 'evdpvlan');
      ip('-n', space, 'link', 'set', 'evdpvlan', 'up');
    }
    await inside(0, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.97.0.2');
    const { mbps } = await iperf('-c', '10.97.0.2');
    expect(mbps).toBeGreaterThan(200);
  });

  it('delivers a stream to the bit', async () => {
    await transfer('10.98.0.2', 64);
  });

  it('goes on after the worker crashed in the middle of a stream', async () => {
    const before = planes[0].said.length;
    await transfer('10.98.0.2', 96, () => {
      setTimeout(() => {
        planes[0].tell({ do: 'crash' });
      }, 500);
      setTimeout(() => {
        planes[1].tell({ do: 'crash' });
      }, 700);
    });
    expect((await planes[0].hear('restarted', before))['restarts']).toBe(1);
    await planes[1].hear('restarted');
    await inside(0, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.2');
  });

  it('keeps its port over a rebind', async () => {
    planes[0].tell({ do: 'rebind' });
    expect((await planes[0].hear('rebound'))['port']).toBe(5_600);
    await inside(0, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.2');
    await inside(1, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.1');
  });

  it('sleeps when there is nothing to do', async () => {
    const before = await planes[0].counters();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const after = await planes[0].counters();
    expect(after.cpuMs - before.cpuMs).toBeLessThan(90);
  });

  it('dropped nothing that it should not', async () => {
    for (const plane of planes) {
      const { drops } = (await plane.counters()).device;
      for (const reason of [
        'bad-tag',
        'malformed-frame',
        'guard-mac',
        'guard-ip',
        'send-failed',
        'device-full',
        'oversize',
      ]) {
        expect([reason, drops[reason]]).toEqual([reason, 0]);
      }
    }
  });

  it('removes the interface when it stops, and when it is killed', async () => {
    await planes[0].end();
    await expect(inside(0, 'ip', 'link', 'show', 'evio0')).rejects.toThrow();
    const ended = new Promise((resolve) => planes[1].process.on('exit', resolve));
    const pid = (await inside(1, 'ip', 'netns', 'pids', spaces[1])).trim().split('\n')[0] ?? '';
    process.kill(Number(pid), 'SIGKILL');
    await ended;
    await expect(inside(1, 'ip', 'link', 'show', 'evio0')).rejects.toThrow();
  });
});

describe('two planes over IPv6 and ChaCha20-Poly1305', () => {
  beforeAll(() => startPlanes(['fd99::1', 'fd99::2'], 2));
  afterAll(stopPlanes);

  it('pings and carries a stream', async () => {
    await inside(0, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.2');
    await transfer('10.98.0.2', 16);
  });

  it('holds frames until there is a path, and asks for it', async () => {
    planes[0].tell({ do: 'path', slot: 3, path: null });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const ping = inside(0, 'ping', '-c', '1', '-W', '3', '10.98.0.2');
    await planes[0].hear('wanted');
    planes[0].tell({
      do: 'path',
      slot: 3,
      path: { kind: 'direct', endpoint: { host: 'fd99::2', port: 5_600 } },
    });
    expect(await ping).toContain('1 received');
  });

  it('hears of a peer that moved', async () => {
    planes[0].tell({
      do: 'path',
      slot: 3,
      path: { kind: 'direct', endpoint: { host: '10.99.0.2', port: 5_600 } },
    });
    await inside(0, 'ping', '-c', '1', '-W', '3', '10.98.0.2');
    expect((await planes[1].hear('roamed'))['endpoint']).toEqual({ host: '10.99.0.1', port: 5_600 });
  });
});

describe.each([2, 3, 4])('two planes with %d threads each', (threads) => {
  beforeAll(() => startPlanes(['10.99.0.1', '10.99.0.2'], 1, threads));
  afterAll(stopPlanes);

  it('delivers a stream to the bit while each thread crashes once', async () => {
    await transfer('10.98.0.2', 96, () => {
      for (let thread = 0; thread < threads; thread++) {
        for (const [n, plane] of planes.entries()) {
          setTimeout(
            () => {
              plane.tell({ do: 'crash', thread });
            },
            400 + thread * 250 + n * 120,
          );
        }
      }
    });
    for (const plane of planes) {
      const told = (): number => plane.said.filter(({ event }) => event === 'restarted').length;
      for (let i = 0; i < 50 && told() < threads; i++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      expect(told()).toBe(threads);
    }
    await inside(0, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.2');
    await inside(1, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.1');
  });

  it('brings a broadcast across once', async () => {
    const before = (await planes[1].counters()).device.rxBytes;
    const frame = `ffffffffffff${mac(0)}88b5${'cd'.repeat(46)}`;
    const raw = fileURLToPath(new URL('../support/raw-frames.mjs', import.meta.url));
    await inside(0, process.execPath, raw, 'evio0', frame, '5');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const after = (await planes[1].counters()).device.rxBytes;
    // Once each; the kernel may say something of its own meanwhile.
    expect(after - before).toBeGreaterThanOrEqual((5 * frame.length) / 2);
    expect(after - before).toBeLessThan(5 * frame.length);
  });

  it('keeps its port over a rebind', async () => {
    planes[0].tell({ do: 'rebind' });
    expect((await planes[0].hear('rebound'))['port']).toBe(5_600);
    await inside(0, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.2');
    await inside(1, 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.98.0.1');
  });

  it('sleeps when there is nothing to do, and dropped nothing that it should not', async () => {
    const before = await planes[0].counters();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const after = await planes[0].counters();
    expect(after.cpuMs - before.cpuMs).toBeLessThan(120);
    for (const plane of planes) {
      const { drops } = (await plane.counters()).device;
      for (const reason of ['bad-tag', 'malformed-frame', 'guard-mac', 'send-failed', 'thread-full'])
        expect([reason, drops[reason]]).toEqual([reason, 0]);
    }
  });
});

describe('the life of a process with a plane', () => {
  const url = new URL('../../dist/core/dataplane/plane/worker-plane.js', import.meta.url).href;
  const library = `
    import { WorkerPlane } from '${url}';
    const quiet = () => undefined;
    const log = { error: quiet, warn: quiet, info: quiet, debug: quiet, trace: quiet };
    const make = (more = {}) => new WorkerPlane(
      { deviceName: 'evio%d', nodeId: new Uint8Array(16), seed: new Uint8Array(32), mac: Uint8Array.of(2, 0, 0, 0, 0, 9), ip: 0x0a620009, prefix: 24, prefix6: Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 1), mtu: 1350, port: 0, ...more }, log);
    const listener = new Proxy({}, { get: () => quiet });
    const codeOf = (plane) => plane.start(listener).then(() => 'started', (e) => e.code);
    const plane = make();
  `;
  const node = async (body: string): Promise<{ code: number; out: string; ms: number }> => {
    const begun = Date.now();
    const child = spawn('ip', [
      'netns',
      'exec',
      spaces[0],
      process.execPath,
      '--input-type=module',
      '-e',
      library + body,
    ]);
    let out = '';
    child.stdout.on('data', (d: Buffer) => (out += d.toString()));
    const code = await new Promise<number>((resolve) => child.on('exit', (c) => resolve(c ?? -1)));
    return { code, out: out.trim(), ms: Date.now() - begun };
  };
  const gone = async (): Promise<void> => {
    expect(await inside(0, 'ip', '-o', 'link')).not.toContain('evio');
  };

  it.each([
    ['has nothing more to do', '', 0],
    ['exits', 'setTimeout(() => process.exit(3), 300)', 3],
    ['throws', 'setTimeout(() => { throw new Error("x") }, 300)', 1],
  ])('ends when the process %s', async (_name, body, code) => {
    const ended = await node(
      `await plane.start(listener); console.log(plane.deviceName, plane.port > 0); ${body}`,
    );
    expect([ended.code, ended.out]).toEqual([code, 'evio0 true']);
    expect(ended.ms).toBeLessThan(4_000);
    await gone();
  });

  it('stops twice without harm, and the interface is gone by then', async () => {
    const ended = await node(`
      import { networkInterfaces } from 'node:os';
      await plane.start(listener);
      const before = 'evio0' in networkInterfaces();
      await Promise.all([plane.stop(), plane.stop()]);
      await plane.stop();
      console.log(before, 'evio0' in networkInterfaces(), await codeOf(plane));
      const again = make();
      console.log(await codeOf(again));
      await again.stop();`);
    expect(ended.out.split('\n')).toEqual(['true false EVIO_INTERNAL', 'started']);
  });

  it('says what is wrong: port taken, name taken, no privilege', async () => {
    const ended = await node(`
      await plane.start(listener);
      console.log(await codeOf(make({ port: plane.port })));
      console.log(await codeOf(make({ deviceName: 'lo' })));
      console.log(await codeOf(make({ deviceName: plane.deviceName })));
      console.log(await codeOf(make({ deviceName: plane.deviceName, threads: 4 })));
      process.setgid(65534);
      process.setuid(65534);
      console.log(await codeOf(make()));`);
    expect(ended.out.split('\n')).toEqual([
      'EVIO_ADDRESS_IN_USE',
      'EVIO_DEVICE',
      'EVIO_DEVICE',
      'EVIO_DEVICE',
      'EVIO_NO_PRIVILEGE',
    ]);
    await gone();
  });

  it('hears when somebody removes the interface, and rests', async () => {
    const ended = await node(`
      import { execFileSync } from 'node:child_process';
      const failed = new Promise((resolve) => plane.start({ packet: quiet, control: quiet, confirmed: quiet,
        wanted: quiet, stirred: quiet, roamed: quiet, carry: quiet, exhausted: quiet, restarted: quiet, failed: resolve }));
      setTimeout(() => execFileSync('ip', ['link', 'del', 'evio0']), 300);
      const hold = setInterval(quiet, 100);
      console.log((await failed).code);
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const spent = process.cpuUsage(before);
      console.log(spent.user + spent.system < 200000);
      clearInterval(hold);
      await plane.stop();`);
    expect(ended.out.split('\n')).toEqual(['EVIO_DEVICE', 'true']);
  });

  it('gives up on a worker that crashes again and again', async () => {
    const ended = await node(`
      let restarts = 0;
      let fail;
      const failed = new Promise((resolve) => { fail = resolve; });
      await plane.start({ packet: quiet, control: quiet, confirmed: quiet, wanted: quiet,
        stirred: quiet, roamed: quiet, carry: quiet, exhausted: quiet, restarted: (n) => { restarts = n; plane.crash(); }, failed: fail });
      const hold = setInterval(quiet, 100);
      plane.crash();
      console.log((await failed).code, restarts);
      clearInterval(hold);
      await plane.stop();`);
    expect(ended.out).toBe('EVIO_INTERNAL 5');
    await gone();
  });
});

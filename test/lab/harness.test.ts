/** The lab does what its site kinds promise, shown with plain sockets, ping, iperf3 and coturn. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SocketAgent } from '../../src/lab/agent.js';
import type { UdpEnd } from '../../src/lab/agent.js';
import { findProgram, LabProcess, run } from '../../src/lab/exec.js';
import { copyFile, firstPing, iperfTcp, iperfUdp, ping } from '../../src/lab/measure.js';
import { leftOvers, listNamespaces, processesIn } from '../../src/lab/namespaces.js';
import { Lab } from '../../src/lab/topology.js';
import type { LabHost, Site, SiteKind } from '../../src/lab/topology.js';

const prefix = `evlab${process.pid}h`;
const kinds = {
  eimA: 'endpoint-independent',
  eimB: 'endpoint-independent',
  open: 'endpoint-independent-open',
  apdm: 'address-and-port-dependent',
  noudp: 'udp-blocked',
  https: 'tcp-443-only',
  cgn: 'double-nat',
  v6: 'ipv6-only',
  direct: 'public',
} as const satisfies Record<string, SiteKind>;

let lab: Lab;
let createMs = Number.NaN;
let one: LabHost;
let two: LabHost;
const sites = {} as Record<keyof typeof kinds, Site>;
const agents = new Map<string, SocketAgent>();
let echoOne: UdpEnd;
let echoTwo: UdpEnd;

async function agentOn(host: LabHost): Promise<SocketAgent> {
  let agent = agents.get(host.ns);
  if (agent === undefined) agents.set(host.ns, (agent = await SocketAgent.start(host)));
  return agent;
}

const at = (host: LabHost, port: number): { host: string; port: number } => ({ host: host.v4 ?? '', port });
const at6 = (host: LabHost, port: number): { host: string; port: number } => ({ host: host.v6 ?? '', port });

beforeAll(async () => {
  const start = performance.now();
  lab = await Lab.create({ prefix });
  [one, two] = await Promise.all([lab.publicHost('one'), lab.publicHost('two')]);
  await Promise.all(
    Object.entries(kinds).map(async ([name, nat]) => {
      sites[name as keyof typeof kinds] = await lab.site(name, { nat });
    }),
  );
  createMs = performance.now() - start;
  const [first, second] = [await agentOn(one), await agentOn(two)];
  echoOne = await first.udp(7000, { echo: true });
  echoTwo = await second.udp(7000, { echo: true });
  await first.udp(7006, { echo: true, ipv6: true });
  for (const port of [80, 443]) await first.listen(port);
  await first.listen(446, true);
});

afterAll(async () => {
  await lab.destroy();
});

it('stands within five seconds', () => {
  expect(createMs).toBeLessThan(5_000);
});

describe('mapping (RFC 4787 section 4.1)', () => {
  async function mappings(
    site: Site,
  ): Promise<{ local: number; seen: (string | undefined)[]; ports: Set<number> }> {
    const agent = await agentOn(site.host);
    const socket = await agent.udp();
    const seen = [
      await socket.reflexive(at(one, 7000)),
      await socket.reflexive(at(two, 7000)),
      await socket.reflexive(at(two, 7000)),
    ];
    return {
      local: socket.port,
      seen: seen.map((endpoint) => endpoint?.host),
      ports: new Set(seen.map((endpoint) => endpoint?.port ?? -1)),
    };
  }

  it.each(['eimA', 'open', 'cgn'] as const)('%s keeps one port for all destinations', async (name) => {
    const { local, seen, ports } = await mappings(sites[name]);
    expect(new Set(seen)).toEqual(new Set([sites[name].outside.v4]));
    expect([...ports]).toEqual([local]);
  });

  it('address-and-port-dependent takes another port for another destination', async () => {
    const { local, seen, ports } = await mappings(sites.apdm);
    expect(new Set(seen)).toEqual(new Set([sites.apdm.outside.v4]));
    expect(ports.size).toBe(2);
    expect(ports.has(local)).toBe(false);
  });

  it('public is not translated', async () => {
    const { local, seen, ports } = await mappings(sites.direct);
    expect(new Set(seen)).toEqual(new Set([sites.direct.host.v4]));
    expect([...ports]).toEqual([local]);
  });

  it('the two routers of double-nat both translate', async () => {
    const inner = await run(['ip', '-4', '-o', 'addr', 'show', 'dev', 'wan0'], { ns: sites.cgn.routers[0] });
    const outer = await run(['ip', '-4', '-o', 'addr', 'show', 'dev', 'wan0'], { ns: sites.cgn.routers[1] });
    expect(inner.stdout).toMatch(/inet 100\.64\.\d+\.2\/24/);
    expect(outer.stdout).toContain(sites.cgn.outside.v4);
    const hop = await run(['ping', '-c', '1', '-W', '1', '-t', '2', one.v4 ?? ''], {
      ns: sites.cgn.host.ns,
      allowFailure: true,
    });
    expect(hop.stdout).toMatch(/From 100\.64\.\d+\.1 .*Time to live exceeded/);
  });

  it.skipIf(findProgram('turnserver') === undefined)('a STUN server of others sees the same', async () => {
    const server = two.launch([
      'turnserver',
      ...['-n', '-S', '--no-cli', '--no-tls', '--no-dtls', '-L', two.v4 ?? '', '-p', '3479'],
      ...['--log-file', 'stdout', '--pidfile', '/dev/null', '--userdb', ':memory:', '-v'],
    ]);
    try {
      await server.line(/UDP listener opened/);
      const said = (await sites.eimA.host.run(['turnutils_stunclient', '-p', '3479', two.v4 ?? ''])).stdout;
      expect(said).toMatch(new RegExp(`reflexive addr: ${sites.eimA.outside.v4}:\\d+`));
    } finally {
      await server.stop();
    }
  });
});

describe('filtering (RFC 4787 section 5)', () => {
  it.each(['eimA', 'open', 'apdm', 'cgn'] as const)(
    '%s drops what a stranger sends to the mapping',
    async (name) => {
      const socket = await (await agentOn(sites[name].host)).udp();
      const mapped = await socket.reflexive(at(one, 7000));
      if (mapped === undefined) throw new Error('no mapping');
      echoTwo.send('stranger', mapped);
      expect(await socket.receive(300)).toBeUndefined();
      echoOne.send('friend', mapped);
      expect((await socket.receive(1_000))?.text).toBe('friend');
      // Another port of the same friend is a stranger too: the filtering is address and port-dependent.
      const other = await (await agentOn(one)).udp();
      other.send('other port', mapped);
      expect(await socket.receive(300)).toBeUndefined();
    },
  );

  it('a public host takes anything', async () => {
    const socket = await (await agentOn(sites.direct.host)).udp();
    echoTwo.send('hello', at(sites.direct.host, socket.port));
    expect((await socket.receive())?.text).toBe('hello');
  });
});

describe('hole punching', () => {
  /** Both learn their mapping from `one` and send to the other's, `a` some time before `b`. */
  async function punch(a: Site, b: Site, headStartMs = 50): Promise<boolean> {
    const [sa, sb] = [await (await agentOn(a.host)).udp(), await (await agentOn(b.host)).udp()];
    const [ma, mb] = [await sa.reflexive(at(one, 7000)), await sb.reflexive(at(one, 7000))];
    if (ma === undefined || mb === undefined) throw new Error('no mapping');
    sa.send('punch', mb);
    await new Promise((resolve) => setTimeout(resolve, headStartMs));
    for (let i = 0; i < 5; i++) {
      sb.send('punch', ma);
      sa.send('punch', mb);
      const [ra, rb] = await Promise.all([sa.receive(100), sb.receive(100)]);
      // The address the packet came from must be the mapping the server saw, or the punch proves nothing.
      if (ra?.from.port === mb.port && rb?.from.port === ma.port) return true;
    }
    return false;
  }

  it('works between two endpoint-independent sites', async () => {
    expect(await punch(sites.eimA, sites.eimB)).toBe(true);
  });

  it('works through two NATs in a row', async () => {
    expect(await punch(sites.cgn, sites.eimB)).toBe(true);
  });

  it('towards a router that answers for itself, the early punch costs the port', async () => {
    expect(await punch(sites.eimA, sites.open)).toBe(false);
  });

  it('fails between endpoint-independent and address-and-port-dependent', async () => {
    expect(await punch(sites.eimA, sites.apdm)).toBe(false);
  });
});

describe('firewalls', () => {
  it('udp-blocked passes TCP and ping but no UDP, until told otherwise', async () => {
    const site = sites.noudp;
    const agent = await agentOn(site.host);
    const socket = await agent.udp();
    expect(await socket.reflexive(at(one, 7000), 500)).toBeUndefined();
    expect((await agent.connect(at(one, 80)))?.host).toBe(site.outside.v4);
    expect((await ping(site.host.ns, one.v4 ?? '', { count: 1 })).received).toBe(1);
    await site.blockUdp(false);
    expect((await socket.reflexive(at(one, 7000)))?.host).toBe(site.outside.v4);
    await site.blockUdp(true);
    expect(await socket.reflexive(at(one, 7000), 500)).toBeUndefined();
  });

  it('tcp-443-only passes that and nothing else', async () => {
    const site = sites.https;
    const agent = await agentOn(site.host);
    expect((await agent.connect(at(one, 443)))?.host).toBe(site.outside.v4);
    expect(await agent.connect(at(one, 80), 500)).toBeUndefined();
    expect(await (await agent.udp()).reflexive(at(one, 7000), 500)).toBeUndefined();
    expect((await ping(site.host.ns, one.v4 ?? '', { count: 1, timeoutMs: 300 })).received).toBe(0);
  });

  it('ipv6-only has no IPv4, gets out by IPv6, and lets no stranger in', async () => {
    const host = sites.v6.host;
    const addresses = (await host.run(['ip', '-4', '-o', 'addr', 'show', 'scope', 'global'])).stdout;
    expect(addresses).toBe('');
    const agent = await agentOn(host);
    const socket = await agent.udp(0, { ipv6: true });
    expect(await socket.reflexive(at6(one, 7006))).toEqual({ host: host.v6, port: socket.port });
    expect((await agent.connect(at6(one, 446)))?.host).toBe(host.v6);
    const stranger = await (await agentOn(two)).udp(0, { ipv6: true });
    stranger.send('hello', at6(host, socket.port));
    expect(await socket.receive(300)).toBeUndefined();
    expect((await ping(two.ns, host.v6 ?? '', { count: 1, timeoutMs: 300 })).received).toBe(0);
  });

  it('forwards a port through two routers when told so', async () => {
    const socket = await (await agentOn(sites.cgn.host)).udp(4242);
    const target = { host: sites.cgn.outside.v4 ?? '', port: 4242 };
    echoTwo.send('before', target);
    expect(await socket.receive(300)).toBeUndefined();
    await sites.cgn.forward('udp', 4242);
    const fresh = await (await agentOn(two)).udp();
    fresh.send('after', target);
    expect((await socket.receive())?.text).toBe('after');
  });
});

describe('two machines behind one router', () => {
  let site: Site;
  let plain: Site;
  beforeAll(async () => {
    [site, plain] = await Promise.all([
      lab.site('pair', { nat: 'endpoint-independent', hosts: 2, hairpin: true }),
      lab.site('nopin', { nat: 'endpoint-independent', hosts: 2 }),
    ]);
  });

  it('see each other on the LAN', async () => {
    expect((await ping(site.host.ns, site.hosts[1]?.v4 ?? '', { count: 1 })).received).toBe(1);
  });

  it('reach each other by their outside mappings with hairpin, and only then', async () => {
    for (const [where, works] of [
      [site, true],
      [plain, false],
    ] as const) {
      const [first, second] = where.hosts as [LabHost, LabHost];
      const a = await (await agentOn(first)).udp(5000);
      const b = await (await agentOn(second)).udp(5000);
      const ma = await a.reflexive(at(one, 7000));
      const mb = await b.reflexive(at(one, 7000));
      if (ma === undefined || mb === undefined) throw new Error('no mapping');
      // Same inside port, same server: the second cannot keep the port.
      expect(ma.port).not.toBe(mb.port);
      b.send('round the pin', ma);
      const got = await a.receive(500);
      expect(got?.text).toBe(works ? 'round the pin' : undefined);
      if (got !== undefined) {
        expect(got.from.host).toBe(where.outside.v4);
        a.send('and back', got.from);
        expect((await b.receive(500))?.text).toBe('and back');
      }
    }
  });
});

describe('things that happen', () => {
  it('changeAddress voids the mapping; the new one comes from the new address', async () => {
    for (const name of ['eimB', 'cgn'] as const) {
      const site = sites[name];
      const before = site.outside.v4;
      const socket = await (await agentOn(site.host)).udp();
      const old = await socket.reflexive(at(one, 7000));
      expect(old?.host).toBe(before);
      await site.changeAddress();
      expect(site.outside.v4).not.toBe(before);
      expect((await socket.reflexive(at(one, 7000)))?.host).toBe(site.outside.v4);
      if (old !== undefined) echoOne.send('to the old one', old);
      expect(await socket.receive(300)).toBeUndefined();
    }
  });

  it('changeAddress renumbers IPv6 inside', async () => {
    const before = sites.v6.host.v6;
    await sites.v6.changeAddress();
    expect(sites.v6.host.v6).not.toBe(before);
    const socket = await (await agentOn(sites.v6.host)).udp(0, { ipv6: true });
    expect((await socket.reflexive(at6(one, 7006)))?.host).toBe(sites.v6.host.v6);
  });

  it('changeAddress moves a public host', async () => {
    const before = sites.direct.host.v4;
    await sites.direct.changeAddress();
    expect(sites.direct.host.v4).not.toBe(before);
    expect((await ping(one.ns, sites.direct.host.v4 ?? '', { count: 1 })).received).toBe(1);
    expect((await ping(one.ns, before ?? '', { count: 1, timeoutMs: 300 })).received).toBe(0);
  });

  it('flushNat closes the door to the friend until the inside speaks again', async () => {
    const socket = await (await agentOn(sites.eimA.host)).udp();
    const mapped = await socket.reflexive(at(one, 7000));
    if (mapped === undefined) throw new Error('no mapping');
    await sites.eimA.flushNat();
    echoOne.send('too late', mapped);
    expect(await socket.receive(300)).toBeUndefined();
    expect(await socket.reflexive(at(one, 7000))).toEqual(mapped);
  });

  it('movePorts gives every mapping another port, the same to everybody, each time', async () => {
    for (const name of ['eimA', 'cgn'] as const) {
      const socket = await (await agentOn(sites[name].host)).udp();
      const seen = new Set<number>();
      for (let round = 0; round < 3; round++) {
        if (round > 0) await sites[name].movePorts();
        const mapped = await socket.reflexive(at(one, 7000));
        expect(mapped?.host).toBe(sites[name].outside.v4);
        expect(await socket.reflexive(at(two, 7000))).toEqual(mapped);
        seen.add(mapped?.port ?? 0);
      }
      expect(seen.size).toBe(3);
    }
  });

  it('partition separates groups, both families, and heals', async () => {
    const reach = async (from: LabHost, to: string | undefined): Promise<number> =>
      (await ping(from.ns, to ?? '', { count: 1, timeoutMs: 300 })).received;
    await lab.partition([[one.site, sites.eimA], [two.site]]);
    expect(await reach(sites.eimA.host, one.v4)).toBe(1);
    expect(await reach(sites.eimA.host, two.v4)).toBe(0);
    expect(await reach(two, one.v6)).toBe(0);
    expect(await reach(sites.eimB.host, two.v4)).toBe(1);
    await lab.partition([]);
    expect(await reach(sites.eimA.host, two.v4)).toBe(1);
    expect(await reach(two, one.v6)).toBe(1);
    await two.site.unplug(true);
    expect(await reach(sites.eimB.host, two.v4)).toBe(0);
    await two.site.unplug(false);
    expect(await reach(sites.eimB.host, two.v4)).toBe(1);
  });

  it('setLoss loses about that share, packet by packet', async () => {
    await sites.eimA.setLoss(0.1);
    const lossy = await ping(sites.eimA.host.ns, one.v4 ?? '', { count: 500, intervalMs: 2, timeoutMs: 200 });
    // Each way 10 %: 19 % of the echoes; sigma is 1.75 %, so five of them either way.
    expect(1 - lossy.received / lossy.sent).toBeGreaterThan(0.1);
    expect(1 - lossy.received / lossy.sent).toBeLessThan(0.28);
    await sites.eimA.setLoss(0);
    const clean = await ping(sites.eimA.host.ns, one.v4 ?? '', { count: 100, intervalMs: 2 });
    expect(clean.received).toBe(100);
  });

  it('setRate limits, and lifts the limit', async () => {
    await sites.eimA.setRate(20);
    const slow = await iperfTcp(sites.eimA.host.ns, one.ns, one.v4 ?? '', { seconds: 2 });
    await sites.eimA.setRate(undefined);
    const fast = await iperfTcp(sites.eimA.host.ns, one.ns, one.v4 ?? '', { seconds: 1 });
    expect(slow.mbps).toBeGreaterThan(10);
    expect(slow.mbps).toBeLessThan(22);
    expect(fast.mbps).toBeGreaterThan(200);
  });

  it('setDelay makes the way longer, changes, carries traffic, and goes away', async () => {
    const site = sites.eimA;
    const rtt = async (): Promise<number> =>
      (await ping(site.host.ns, one.v4 ?? '', { count: 20, intervalMs: 20 })).medianMs;
    await site.setDelay(20);
    expect(await rtt()).toBeGreaterThan(40);
    expect(await rtt()).toBeLessThan(46);
    expect((await iperfTcp(site.host.ns, one.ns, one.v4 ?? '', { seconds: 2 })).mbps).toBeGreaterThan(20);
    await site.setDelay(5, 10);
    const shaken = await ping(site.host.ns, one.v4 ?? '', { count: 50, intervalMs: 20 });
    expect(shaken.minMs).toBeGreaterThan(10);
    expect(shaken.maxMs - shaken.minMs).toBeGreaterThan(5);
    expect(shaken.received).toBe(50);
    await site.setDelay(0);
    expect(await rtt()).toBeLessThan(5);
    expect((await iperfTcp(site.host.ns, one.ns, one.v4 ?? '', { seconds: 1 })).mbps).toBeGreaterThan(200);
  });

  it('udpTimeoutS forgets an idle mapping', async () => {
    const site = await lab.site('brief', { nat: 'endpoint-independent', udpTimeoutS: 1 });
    const socket = await (await agentOn(site.host)).udp();
    const mapped = await socket.reflexive(at(one, 7000));
    if (mapped === undefined) throw new Error('no mapping');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    echoOne.send('still there?', mapped);
    expect(await socket.receive(300)).toBeUndefined();
  });
});

describe('names', () => {
  it('resolve to both families, also in programs already running, and unknown ones fail at once', async () => {
    lab.names({ 'relay.example': one });
    const lookup = `require('node:dns').lookup('relay.example',{all:true},(e,a)=>console.log(e?e.code:a.map(x=>x.address).sort().join()))`;
    const found = await sites.eimA.host.run([process.execPath, '-e', lookup]);
    expect(found.stdout.trim()).toBe([one.v4, one.v6].sort().join());
    const start = performance.now();
    const missing = await sites.eimA.host.run([process.execPath, '-e', lookup.replace('relay.', 'nowhere.')]);
    expect(missing.stdout.trim()).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    expect(performance.now() - start).toBeLessThan(3_000);
  });
});

describe('measuring', () => {
  it('firstPing waits for an address that appears later', async () => {
    const later = setTimeout(() => {
      void run(['ip', 'addr', 'add', '198.51.100.7/32', 'dev', 'lo'], { ns: sites.direct.host.ns });
    }, 300);
    const ms = await firstPing(sites.direct.host.ns, '198.51.100.7', 5_000);
    clearTimeout(later);
    expect(ms).toBeGreaterThan(250);
    expect(ms).toBeLessThan(2_000);
    expect(await firstPing(sites.direct.host.ns, '198.51.100.8', 300)).toBeUndefined();
  });

  it('iperf3 reports TCP and UDP', async () => {
    const tcp = await iperfTcp(sites.eimA.host.ns, one.ns, one.v4 ?? '', { seconds: 1 });
    expect(tcp.mbps).toBeGreaterThan(200);
    expect(tcp.retransmits).toBeGreaterThanOrEqual(0);
    const udp = await iperfUdp(sites.eimA.host.ns, one.ns, one.v4 ?? '', { seconds: 1, mbps: 8, size: 1000 });
    expect(udp.pps).toBeGreaterThan(800);
    expect(udp.pps).toBeLessThan(1_200);
  });

  it('a file arrives whole', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evlab-'));
    try {
      const path = join(folder, 'data');
      writeFileSync(path, randomBytes(3_000_001));
      const copied = await copyFile(sites.apdm.host.ns, one.ns, one.v4 ?? '', path);
      expect(copied).toMatchObject({ bytes: 3_000_001, intact: true });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('programs', () => {
  it('a failing one is an EVIO_LAB error with what it said', async () => {
    await expect(run(['ip', 'link', 'show', 'nothing0'], { ns: one.ns })).rejects.toMatchObject({
      code: 'EVIO_LAB',
      message: expect.stringMatching(/ip link show nothing0.*nothing0.*does not exist/) as string,
    });
    await expect(run(['no-such-program'])).rejects.toMatchObject({ code: 'EVIO_LAB' });
    await expect(run(['sleep', '5'], { timeoutMs: 100 })).rejects.toThrow(/longer than 100 ms/);
  });

  it('stop ends one that ignores SIGTERM', async () => {
    const stubborn = one.launch(['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done']);
    await stubborn.line(/up/);
    expect(await stubborn.stop(200)).toBe(128 + 9);
    await expect(stubborn.line(/never/, 100)).rejects.toMatchObject({ code: 'EVIO_LAB' });
  });
});

describe('tear-down', () => {
  it('leaves nothing behind, within three seconds, not even daemons', async () => {
    const small = await Lab.create({ prefix: `${prefix}b` });
    const site = await small.site('home', { nat: 'endpoint-independent' });
    await site.host.run(['sh', '-c', 'sleep 1000 >/dev/null 2>&1 &']);
    const pids = processesIn(small.namespaces);
    expect(pids.length).toBe(1);
    const start = performance.now();
    await small.destroy();
    expect(performance.now() - start).toBeLessThan(3_000);
    expect(listNamespaces(`${prefix}b-`)).toEqual([]);
    expect(existsSync(`/etc/netns/${site.host.ns}`)).toBe(false);
    // Ended; whether its parent of last resort has buried it yet is not ours to say.
    const stat = `/proc/${pids[0]}/stat`;
    expect(existsSync(stat) ? readFileSync(stat, 'utf8') : 'Z').toMatch(/^Z$|\) Z /);
    await small.destroy();
  });

  it.each(['SIGTERM', 'SIGINT', 'exit'] as const)('happens on %s too', async (how) => {
    // Plain Node cannot load TypeScript here, so this one needs the build.
    const built = join(import.meta.dirname, '../../dist/lab/topology.js');
    if (!existsSync(built)) throw new Error('dist/ is missing: npm run build');
    const own = `${prefix}c`;
    const code = `
      const { Lab } = await import(${JSON.stringify(built)});
      const lab = await Lab.create({ prefix: ${JSON.stringify(own)} });
      await lab.site('home', { nat: 'double-nat' });
      console.log('up');
      ${how === 'exit' ? 'process.exit(0)' : 'setInterval(() => {}, 1000)'}`;
    const child = new LabProcess([process.execPath, '--input-type=module', '-e', code]);
    await child.line(/up/);
    if (how !== 'exit') {
      expect(listNamespaces(`${own}-`).length).toBe(4);
      child.kill(how);
    }
    await child.exited;
    expect(listNamespaces(`${own}-`)).toEqual([]);
  });

  it('sweep removes what a killed run left, and nothing of the living', async () => {
    const dead = spawn('true');
    await new Promise((resolve) => dead.once('close', resolve));
    const base = `evsweep${process.pid}p`;
    const names = [`${base}${dead.pid}-net`, `${base}${dead.pid}x2-home`, `${base}-net`];
    for (const name of [...names, `${base}${process.pid}-net`]) await run(['ip', 'netns', 'add', name]);
    expect(Lab.sweep(base).sort()).toEqual(names.sort());
    expect(listNamespaces(base)).toEqual([`${base}${process.pid}-net`]);
    await run(['ip', 'netns', 'del', `${base}${process.pid}-net`]);
    expect(leftOvers(base)).toEqual([]);
  });
});

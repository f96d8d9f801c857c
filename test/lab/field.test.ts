/** Machines as they are found: with many addresses, with a clock that is wrong, with a tunnel in the tunnel. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { WhyReport } from '../../src/core/control/schema.js';
import type { LabProcess } from '../../src/lab/exec.js';
import { findProgram, run, shell, sleep } from '../../src/lab/exec.js';
import { ping } from '../../src/lab/measure.js';
import { clockOf, hasFakeTime } from '../support/fake-time.js';
import { need } from '../support/need.js';
import { pathWord, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

const cone = { nat: 'endpoint-independent' } as const;
const hard = { nat: 'address-and-port-dependent' } as const;
const dayMs = 86_400_000;
const hasWireGuard = (): boolean =>
  need('wireguard-go and wg', findProgram('wireguard-go') !== undefined && findProgram('wg') !== undefined);

let net: TestNet;
const others: LabProcess[] = [];
afterEach(async () => {
  for (const other of others.splice(0)) await other.stop(1_000);
  await net?.destroy();
});

async function direct(a: TestNode, b: TestNode): Promise<void> {
  await reaches(a, b, 10_000);
  await untilPath(a, b, 'direct', 15_000);
  await untilPath(b, a, 'direct', 15_000);
}

it('is reached directly with forty addresses, on both sides', async () => {
  net = await TestNet.create(cone);
  const [a] = net.nodes as [TestNode];
  const b = await net.place(cone);
  for (const [n, { ns }] of [a, b].entries()) {
    const plug = (device: string, i: number, address: string): string[] => [
      `link add ${device} type veth peer name end${i}`,
      `link set end${i} up`,
      `addr add ${address}/24 dev ${device}`,
      `link set ${device} up`,
    ];
    const lines = [
      ...Array.from({ length: 40 }, (_, i) => plug(`vlan${i}`, i, `172.${20 + n}.${i}.1`)),
      // Networks of containers, which both have with the same addresses.
      ...['docker0', 'br-4f3a2b', 'cni0'].map((name, i) => plug(name, 40 + i, `172.17.${i}.1`)),
    ].flat();
    await shell(ns, `ip -batch - <<'EOF'\n${lines.join('\n')}\nEOF\n`);
  }
  net.join(b);
  await b.node.up();
  await direct(a, b);
  const { candidates } = await b.node.json<{
    candidates: { side: string; endpoint: string; kind: string }[];
  }>(['why', a.node.name]);
  // All of them would not fit: how the outside sees the other is among those that were told.
  expect(candidates.filter(({ side }) => side === 'remote').map(({ endpoint }) => endpoint)).toContainEqual(
    expect.stringContaining(`${a.site.outside.v4}:`),
  );
  // Neither theirs nor the network's own.
  expect(candidates.filter(({ endpoint }) => /^(172\.17|10\.144)\./.test(endpoint))).toEqual([]);
});

describe.runIf(hasFakeTime())('a clock', () => {
  interface Told {
    clock?: { behindMs: number };
  }

  it('that boots a day back keeps nobody out: the relay’s date is used, and status says so', async () => {
    net = await TestNet.create(cone);
    const [a] = net.nodes as [TestNode];
    const b = await net.add(cone);
    await direct(a, b);
    await b.node.stop();
    b.node.environment = clockOf({ FAKETIME: '-1d' });
    b.node.launch(['node']);
    await b.node.up();
    await direct(a, b);
    const { clock } = await b.node.json<Told>(['status']);
    expect(Math.abs((clock?.behindMs ?? 0) - dayMs)).toBeLessThan(60_000);
    expect((await b.node.cli(['status'])).stdout).toMatch(/Clock +.*behind the relays': their date is used/);
    expect(await a.node.json<Told>(['status'])).not.toHaveProperty('clock');
    // Who joins anew with such a clock.
    const c = await net.place(cone);
    c.node.environment = clockOf({ FAKETIME: '-1d' });
    net.join(c);
    await c.node.up();
    for (const other of [a, b]) await direct(c, other);
  });
});

describe.runIf(hasWireGuard())('WireGuard between two members that have no other direct path', () => {
  /** @param inside its packets go to members' addresses in the network; else to a port that a router forwards */
  async function tunnel(inside: boolean): Promise<[TestNode, TestNode]> {
    net = await TestNet.create(hard);
    const [a] = net.nodes as [TestNode];
    const b = await net.add(hard);
    await reaches(a, b, 10_000);
    await untilPath(a, b, 'relay-udp', 15_000);
    await untilPath(b, a, 'relay-udp', 15_000);
    const ends = [a, b] as const;
    const keys = await Promise.all(
      ends.map(async ({ ns }) => {
        const secret = (await run(['wg', 'genkey'], { ns })).stdout.trim();
        return { secret, open: (await run(['wg', 'pubkey'], { ns, input: `${secret}\n` })).stdout.trim() };
      }),
    );
    if (!inside) await b.site.forward('udp', 51_820);
    for (const [n, { ns, site }] of ends.entries()) {
      const other = ends[1 - n] as TestNode;
      // One folder of sockets for all namespaces: each interface has a name of its own.
      const device = `wk${process.pid}-${n}`;
      others.push(site.host.launch(['wireguard-go', '-f', device], { env: { LOG_LEVEL: 'error' } }));
      for (const end = performance.now() + 5_000; ; await sleep(100)) {
        const shown = await run(['wg', 'show', device], { ns, allowFailure: true });
        if (shown.status === 0) break;
        if (performance.now() > end) throw new Error(`no ${device}: ${shown.stderr}`);
      }
      const secret = join(net.rig.folder, `${device}.key`);
      writeFileSync(secret, `${keys[n]?.secret}\n`, { mode: 0o600 });
      const to = inside ? other.node.ip : other.site.outside.v4;
      await run(
        [
          ...['wg', 'set', device, 'listen-port', '51820', 'private-key', secret],
          ...['peer', keys[1 - n]?.open ?? '', 'allowed-ips', '0.0.0.0/0'],
          ...(inside || n === 0 ? ['endpoint', `${to}:51820`, 'persistent-keepalive', '5'] : []),
        ],
        { ns },
      );
      const lan = (other.site.host.v4 as string).replace(/\d+$/, '0/24');
      const lines = [`ip addr add 10.78.0.${n + 1}/24 dev ${device}`, `ip link set ${device} mtu 1270 up`];
      // As one has it who wants to reach what is behind the other.
      await shell(ns, [...lines, ...(inside ? [`ip route add ${lan} dev ${device}`] : []), ''].join('\n'));
    }
    return [a, b];
  }

  /** Why addresses of the other were left. */
  async function leftBy(from: TestNode, to: TestNode): Promise<string[]> {
    const { log } = await from.node.json<WhyReport>(['why', to.node.name]);
    return log
      .filter(({ event, detail }) => event === 'lost' && /^\d/.test(detail))
      .map(({ detail }) => detail);
  }

  it('is left at once where it goes through the network itself, and for long', async () => {
    const [a, b] = await tunnel(true);
    const first = await ping(a.ns, b.node.ip, { count: 60, intervalMs: 50 });
    // One address of it is tried by each side, for as long as an answer may take, and no other then.
    const left = (): Promise<string[][]> => Promise.all([leftBy(a, b), leftBy(b, a)]);
    const once = [expect.stringContaining('only as long as it carries nothing')];
    await expect.poll(left, { timeout: 20_000, interval: 300 }).toEqual([once, once]);
    const ways = new Set<string>();
    let over = false;
    const looking = (async () => {
      for (; !over; await sleep(300)) ways.add(pathWord(await peerOf(a, b)));
    })();
    const then = await ping(a.ns, b.node.ip, { count: 100, intervalMs: 50 });
    over = true;
    await looking;
    console.log(`WireGuard inside: ${first.received} of 60 pings, then ${then.received} of 100`);
    expect(await left()).toEqual([once, once]);
    expect([...ways]).toEqual(['relay-udp']);
    expect(then.received).toBeGreaterThan(95);
    expect((await ping(a.ns, '10.78.0.2', { count: 3 })).received).toBe(3);
  });

  it('is the path where it leads out by itself, and stays it', async () => {
    const [a, b] = await tunnel(false);
    await reaches(a, b, 10_000);
    await untilPath(a, b, 'direct', 15_000);
    const { received } = await ping(a.ns, b.node.ip, { count: 100, intervalMs: 50 });
    expect(received).toBeGreaterThan(95);
    expect((await peerOf(a, b))?.path?.endpoint).toMatch(/^10\.78\.0\.2:/);
    expect((await a.node.cli(['why', b.node.name])).stdout).not.toContain('as long as it carries nothing');
  });
});

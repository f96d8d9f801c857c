/**
 * Subnets behind members, between real nodes: a LAN is reached from another site, from the right member only; two routers
 * stand in for each other; nothing leaves by another interface while the node is down.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import type { LabHost } from '../../src/lab/site.js';
import { reaches, TestNet, type TestNode } from './support.js';

const network = '10.144.0.0/16';
const lan = '192.168.77.0/24';

interface Route {
  readonly cidr: string;
  readonly name: string;
  readonly via: string;
  readonly state: string;
  readonly active: boolean;
  readonly fault: string | null;
  readonly holder: string | null;
}

describe('a LAN behind members', () => {
  let net: TestNet;
  /** Two routers and a machine without evio on one LAN; a member elsewhere, and one without the right. */
  let first: TestNode;
  let second: TestNode;
  let printer: LabHost;
  let reader: TestNode;
  let stranger: TestNode;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent', hosts: 3, lan: '192.168.77' });
    first = net.nodes[0] as TestNode;
    const { site } = first;
    const host = site.hosts[1] as LabHost;
    printer = site.hosts[2] as LabHost;
    second = { node: net.rig.node(host, 'n1'), site, kind: first.kind, ns: host.ns };
    const { token } = await first.node.json<{ token: string }>(['token', 'create', '--right', 'route']);
    second.node.launch(['join', token, '--name', 'n1']);
    await second.node.up();
    reader = await net.add({ nat: 'endpoint-independent' }, 'n2');
    stranger = await net.add({ nat: 'endpoint-independent' }, 'n3');
    await reaches(reader, first, 8_000);
    await reaches(reader, second, 8_000);
    await reaches(stranger, reader, 8_000);
    // The way back: the LAN knows nothing of the network, so its routers speak for it.
    for (const { site: at } of [first]) {
      for (const router of at.hosts.slice(0, 2)) {
        await router.run([
          'nft',
          `add table ip way; add chain ip way out { type nat hook postrouting priority 100; }; add rule ip way out oifname "eth0" ip saddr ${network} masquerade`,
        ]);
      }
    }
    // What leaves the reader by its own LAN though it belongs into the network.
    await reader.site.host.run([
      'nft',
      `add table ip leak; add chain ip leak out { type filter hook postrouting priority 0; }; add rule ip leak out oifname "eth0" ip daddr { ${network}, ${lan} } counter`,
    ]);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const routesOf = async ({ node }: TestNode): Promise<readonly Route[]> =>
    (await node.json<{ routes: readonly Route[] }>(['route', 'list'])).routes;
  const routeOf = async (node: TestNode, name: string): Promise<Route | undefined> =>
    (await routesOf(node)).find((route) => route.name === name && route.cidr === lan);

  async function until(what: string, ms: number, done: () => Promise<boolean>): Promise<number> {
    const begun = performance.now();
    while (!(await done())) {
      if (performance.now() - begun > ms) throw new Error(`not after ${ms} ms: ${what}`);
      await sleep(50);
    }
    return performance.now() - begun;
  }

  /** Without a word to anybody. */
  async function die({ node }: TestNode): Promise<void> {
    const { pid } = (await node.json<{ node: { pid: number } }>(['status'])).node;
    process.kill(pid, 'SIGKILL');
    await node.process?.exited;
  }

  async function leaked(): Promise<number> {
    const { stdout } = await reader.site.host.run(['nft', 'list', 'chain', 'ip', 'leak', 'out']);
    return Number(/counter packets (\d+)/.exec(stdout)?.[1]);
  }

  /** Answers to so many pings; none where the kernel refuses to send them. */
  async function pings(from: string, to: string, count = 3): Promise<number> {
    const argv = ['ping', '-n', '-c', `${count}`, '-i', '0.1', '-W', '1', to];
    const { stdout } = await run(argv, { ns: from, allowFailure: true });
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  }
  const prints = (count = 3): Promise<number> => pings(reader.ns, printer.v4 as string, count);

  it('is reached once it is announced, accepted and forwarded', async () => {
    const before = await leaked();
    expect(await prints()).toBe(0);
    // Until it is accepted, packets for it go where they went before.
    expect(await leaked()).toBeGreaterThan(before);
    const { advice } = await first.node.json<{ advice: string[] }>(['route', 'announce', lan, '--shared']);
    expect(advice.join()).toContain('net.ipv4.ip_forward=1');
    for (const host of first.site.hosts.slice(0, 2))
      await host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    await until(
      'the reader knows it',
      2_000,
      async () => (await routeOf(reader, 'n0'))?.state === 'available',
    );
    expect(await prints()).toBe(0);
    await reader.node.json(['route', 'accept', lan]);
    await until('it is active', 2_000, async () => (await routeOf(reader, 'n0'))?.active === true);
    const { stdout } = await reader.site.host.run(['ip', 'route', 'show', 'proto', '144']);
    expect(stdout).toContain(`${lan} via ${first.node.ip} dev evio0`);
    expect(stdout).toContain(`unreachable ${lan}`);
    expect(stdout).toContain(`unreachable ${network}`);
    const quiet = await leaked();
    expect(await prints()).toBe(3);
    expect(await leaked()).toBe(quiet);
  });

  it('speaks through its router, and through nobody else', async () => {
    const drops = async (): Promise<number> =>
      (await reader.node.json<{ device: { drops: Record<string, number> } }>(['status'])).device.drops[
        'guard-ip'
      ] ?? 0;
    // From the LAN, unmasked.
    await printer.run(['ip', 'route', 'add', network, 'via', first.site.host.v4 as string]);
    expect(await pings(printer.ns, reader.node.ip)).toBe(3);
    const before = await drops();
    // A member that puts an address of the LAN on itself.
    await stranger.site.host.run(['ip', 'addr', 'add', '192.168.77.99/32', 'dev', 'evio0']);
    await stranger.site.host.run(
      ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', '-I', '192.168.77.99', reader.node.ip],
      { allowFailure: true },
    );
    expect(await drops()).toBeGreaterThan(before);
    await stranger.site.host.run(['ip', 'addr', 'del', '192.168.77.99/32', 'dev', 'evio0']);
  });

  it('is refused to a member without the right, and to one that claims what is another’s', async () => {
    const without = await stranger.node.cli(['route', 'announce', '10.9.0.0/16', '--json'], {
      allowFailure: true,
    });
    expect(without.stdout).toContain('EVIO_NO_RIGHT');
    const part = await second.node.cli(['route', 'announce', '192.168.77.128/25', '--json'], {
      allowFailure: true,
    });
    expect(part.stdout).toContain('EVIO_SUBNET_TAKEN');
    expect(part.stdout).toContain('n0');
  });

  it('is reached through the other router within 3 s when one dies', async () => {
    await second.node.json(['route', 'announce', lan, '--shared']);
    await until('both are known', 3_000, async () => (await routeOf(reader, 'n1'))?.state === 'standby');
    await sleep(1_000);
    const answers: number[] = [];
    const running = reader.site.host.launch(['ping', '-n', '-D', '-i', '0.1', printer.v4 as string], {
      onLine: (line) => {
        const at = /^\[(\d+\.\d+)\] .*bytes from/.exec(line)?.[1];
        if (at !== undefined) answers.push(Number(at) * 1_000);
      },
    });
    await running.line(/bytes from/, 5_000);
    await sleep(500);
    await die(first);
    await sleep(5_000);
    await running.stop(500);
    expect((await routeOf(reader, 'n1'))?.active).toBe(true);
    const gaps = answers.slice(1).map((at, i) => at - (answers[i] as number));
    expect(answers.at(-1)).toBeGreaterThan(Date.now() - 2_500);
    expect(Math.max(...gaps)).toBeLessThan(3_000);
    console.log(`gap ${Math.round(Math.max(...gaps))} ms`);
  });

  it('leaks nothing while the node is down, however it went, and is there again when the node is', async () => {
    const before = await leaked();
    await die(reader);
    await sleep(300);
    expect(await prints()).toBe(0);
    expect(await pings(reader.ns, second.node.ip, 2)).toBe(0);
    expect(await leaked()).toBe(before);
    reader.node.launch(['node']);
    await reader.node.up();
    const ms = await until('the LAN answers again', 8_000, async () => (await prints(1)) > 0);
    console.log(`again after ${Math.round(ms)} ms`);
    await reader.node.cli(['down']);
    expect(await prints()).toBe(0);
    expect(await leaked()).toBe(before);
    await reader.node.cli(['leave']);
    const { stdout } = await reader.site.host.run(['ip', 'route', 'show', 'proto', '144']);
    expect(stdout).toBe('');
  });
});

/** A LAN that has the network's addresses: the machine is told before anything changes, and shown the ways out. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { firstPing, ping } from '../../src/lab/measure.js';
import { insideDevice } from '../../src/lab/rules.js';
import { reaches, TestNet, type TestNode } from './support.js';

const cone = { nat: 'endpoint-independent' } as const;

interface Refusal {
  readonly error: { code: string; message: string; suggestions: string[] };
}

describe('a LAN with the addresses of the network', () => {
  let net: TestNet;
  let maker: TestNode;

  beforeAll(async () => {
    net = await TestNet.create(cone);
    [maker] = net.nodes as [TestNode];
  });
  afterAll(() => net?.destroy());

  const ip = async (ns: string, line: string): Promise<string> =>
    (await run(['ip', ...line.split(' ')], { ns })).stdout;

  /** The LAN of the node's site has this range from now on. */
  async function renumber({ ns, site }: TestNode, own: string, gateway: string): Promise<void> {
    const bits = own.split('/')[1];
    const router = site.routers[0] as string;
    await ip(router, `addr flush dev ${insideDevice}`);
    await ip(router, `addr add ${gateway}/${bits} dev ${insideDevice}`);
    await ip(ns, 'addr flush dev eth0');
    await ip(ns, `addr add ${own} dev eth0`);
    await ip(ns, `route replace default via ${gateway}`);
  }

  it.each([
    ['contains', '10.1.2.3/8', '10.0.0.1', '10.0.0.0/8 is reached by eth0'],
    ['contains, the gateway within', '10.1.2.3/8', '10.144.0.1', '10.144.0.1 is its gateway, by eth0'],
    ['equals', '10.144.9.9/16', '10.144.0.1', '10.144.9.9 is its own, on eth0'],
  ])('%s them: a join is refused, and nothing has changed', async (_, own, gateway, why) => {
    const guest = await net.place(cone);
    await renumber(guest, own, gateway);
    const machine = async (): Promise<string> =>
      (await ip(guest.ns, '-o addr show')) +
      (await ip(guest.ns, 'route show')) +
      (await ip(guest.ns, '-o link'));
    const before = await machine();
    const { status, stdout } = await guest.node.cli(['join', net.token, '--json'], { allowFailure: true });
    expect(status).toBe(1);
    const { error } = JSON.parse(stdout) as Refusal;
    expect(error.code).toBe('EVIO_ADDRESS_RANGE');
    expect(error.message).toContain(`10.144.0.0/16 holds addresses that this machine uses: ${why}`);
    const ways = error.suggestions.join('\n');
    expect(ways).toContain('evio join TOKEN --userspace');
    expect(ways).toContain('evio join TOKEN --allow-range 10.144.0.0/16');
    expect(await machine()).toBe(before);
    expect(
      readdirSync(guest.node.home, { recursive: true }).filter((name) => /profile/.test(String(name))),
    ).toEqual([]);
    expect((await ping(guest.ns, gateway, { count: 2 })).received).toBe(2);
  });

  it('lets who has no interface take part, by the way that was named', async () => {
    const guest = await net.place(cone);
    await renumber(guest, '10.144.9.9/16', '10.144.0.1');
    guest.node.launch(['join', net.token, '--name', guest.node.name, '--userspace']);
    await guest.node.up();
    expect(await firstPing(maker.ns, guest.node.ip, 10_000)).toBeDefined();
    expect((await ping(guest.ns, '10.144.0.1', { count: 2 })).received).toBe(2);
  });

  it('comes to a member that runs: it says so and goes on, and the gateway is not lost', async () => {
    const member = await net.add(cone);
    await reaches(member, maker, 10_000);
    const clash = member.node.process?.line(/"range-clash".*"eth0"/, 10_000);
    await renumber(member, '10.1.2.3/8', '10.0.0.1');
    await clash;
    expect((await member.node.cli(['status'])).stdout).toMatch(/^Warning .* by eth0,/m);
    await reaches(member, maker, 10_000);
    expect((await ping(member.ns, '10.0.0.1', { count: 2 })).received).toBe(2);
  });

  it('comes to a member that runs, the gateway within: which one is told, and what brings it back', async () => {
    const member = await net.add(cone);
    await reaches(member, maker, 10_000);
    const router = member.site.routers[0] as string;
    await ip(router, `addr flush dev ${insideDevice}`);
    await ip(router, `addr add 10.144.0.1/8 dev ${insideDevice}`);
    const clash = member.node.process?.line(/"range-clash".*"gateway".*"10\.144\.0\.1\/32"/, 10_000);
    await ip(member.ns, 'addr flush dev eth0');
    await ip(member.ns, 'addr add 10.1.2.3/8 dev eth0');
    // As a person does it: the network's route for the gateway's address is the more exact one, and nothing gets out.
    await ip(member.ns, 'route replace default via 10.144.0.1');
    await clash;
    const { stdout } = await member.node.cli(['doctor'], { allowFailure: true });
    const mend = /(?:sudo )?ip (route replace default via 10\.144\.0\.1 dev eth0)/.exec(stdout)?.[1];
    expect(mend, stdout).toBeDefined();
    // As DHCP clients do it: by the interface.
    await ip(member.ns, mend as string);
    await reaches(member, maker, 20_000);
  });
});

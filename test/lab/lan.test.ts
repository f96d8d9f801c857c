/** Two machines of one LAN find each other by multicast: no relay, no internet, no address that either remembers. */
import { afterEach, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { Rig, type RigNode } from '../../src/lab/rig.js';
import { firstPing } from '../../src/lab/measure.js';

let rig: Rig;
afterEach(async () => {
  await rig?.destroy();
});

/** The machine gets another address on the LAN. */
async function renumber(node: RigNode, last: number): Promise<void> {
  const { ns, v4 = '' } = node.host;
  const other = v4.replace(/\d+$/, String(last));
  await run(['ip', 'addr', 'del', `${v4}/24`, 'dev', 'eth0'], { ns });
  await run(['ip', 'addr', 'add', `${other}/24`, 'dev', 'eth0'], { ns });
  node.host.v4 = other;
}

async function directEndpoint(from: RigNode, to: RigNode, timeoutMs: number): Promise<string> {
  let seen = 'none';
  for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(200)) {
    const path = (await from.peers()).find(({ name }) => name === to.name)?.path;
    seen = path ? `${path.kind} ${path.endpoint}` : 'none';
    if (path?.kind === 'direct') return path.endpoint.replace(/:\d+$/, '');
  }
  throw new Error(`path from ${from.name} to ${to.name} is ${seen}`);
}

it('two members of one LAN are connected without relay and internet, also after each has moved', async () => {
  rig = await Rig.create();
  const url = await rig.startRelay();
  const site = await rig.lab.site('home', { nat: 'endpoint-independent', hosts: 2 });
  const [a, b] = site.hosts.map((host, i) => rig.node(host, `n${i}`)) as [RigNode, RigNode];
  const token = await a.init('lab', url);
  a.launch(['node']);
  await a.up();
  b.launch(['join', token, '--name', 'n1']);
  await b.up();
  expect(await firstPing(b.host.ns, a.ip, 10_000)).toBeDefined();
  await Promise.all([a.stop(), b.stop()]);

  await rig.relay.stop();
  await site.unplug(true);
  await renumber(a, 201);
  await renumber(b, 202);
  a.launch(['node']);
  await a.up();
  b.launch(['node']);
  await b.up();
  expect(await firstPing(a.host.ns, b.ip, 20_000)).toBeDefined();
  expect(await directEndpoint(a, b, 10_000)).toBe(b.host.v4);
  const told = (await a.peers()).find(({ name }) => name === b.name)?.path as { lan?: true } | undefined;
  expect(told?.lan).toBe(true);
  expect((await a.cli(['why', b.name])).stdout).toContain('directly on the LAN');
  // What the kernel tells of addresses is followed: beacons go out again at once.
  await renumber(a, 211);
  await renumber(b, 212);
  expect(await firstPing(a.host.ns, b.ip, 30_000)).toBeDefined();
});

it('hears beacons of IPv6, and nothing that is not sent to their group', async () => {
  rig = await Rig.create();
  const url = await rig.startRelay();
  const site = await rig.lab.site('home', { nat: 'endpoint-independent', hosts: 2 });
  const [a, b] = site.hosts.map((host, i) => rig.node(host, `n${i}`)) as [RigNode, RigNode];
  for (const [i, { host }] of [a, b].entries()) {
    const { ns } = host;
    await run(['ip', 'addr', 'add', `fd00:77::${i + 1}/64`, 'dev', 'eth0', 'nodad'], { ns });
    const drop =
      'table ip quiet { chain out { type filter hook output priority 0; ip daddr 239.255.101.118 drop; }; }';
    await run(['nft', drop], { ns });
  }
  const token = await a.init('lab', url);
  a.launch(['node']);
  await a.up();
  b.launch(['join', token, '--name', 'n1']);
  await b.up();
  await Promise.all([a.stop(), b.stop()]);
  await rig.relay.stop();
  await site.unplug(true);
  await renumber(a, 201);
  await renumber(b, 202);
  for (const [i, { host }] of [a, b].entries()) {
    const { ns } = host;
    await run(['ip', 'addr', 'del', `fd00:77::${i + 1}/64`, 'dev', 'eth0'], { ns });
    await run(['ip', 'addr', 'add', `fd00:77::1${i + 1}/64`, 'dev', 'eth0', 'nodad'], { ns });
  }
  a.launch(['node']);
  await a.up();
  b.launch(['node']);
  await b.up();
  expect(await firstPing(a.host.ns, b.ip, 20_000)).toBeDefined();
  const { stdout } = await run(['ss', '-H', '-uln', 'sport', '=', ':24778'], { ns: a.host.ns });
  const places = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[3] ?? '');
  expect(places.sort()).toEqual(['239.255.101.118:24778', '[ff02::6576:696f]%eth0:24778']);
});

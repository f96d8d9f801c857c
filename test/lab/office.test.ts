/** Many members behind one NAT: they find each other on their LAN, and each gets a direct path to a member elsewhere, which comes last and meets all at once. */
import { afterEach, expect, it } from 'vitest';
import { shell, sleep } from '../../src/lab/exec.js';
import type { SiteOptions } from '../../src/lab/site.js';
import { peerOf, pathWord, reaches, TestNet, type TestNode } from './support.js';

const machines = 6;

let net: TestNet | undefined;
afterEach(async () => {
  await net?.destroy();
  net = undefined;
});

const kinds: readonly [SiteOptions['nat'], { silent: boolean; withinMs: number }][] = [
  ['endpoint-independent', { silent: false, withinMs: 10_000 }],
  ['endpoint-independent', { silent: true, withinMs: 10_000 }],
  ['sequential-ports', { silent: false, withinMs: 10_000 }],
  // One after the other tries its luck: half a second for most, three at most.
  ['address-and-port-dependent', { silent: false, withinMs: 30_000 }],
];

it.each(kinds)('behind one NAT (%s, %o) all become direct', async (nat, { silent, withinMs }) => {
  const made = (net = await TestNet.create({ nat: 'endpoint-independent-filtering' }, { birthday: true }));
  const site = await made.rig.lab.site('office', { nat, hosts: machines });
  // A router that answers nobody, instead of refusing what asks it for a port.
  const mute =
    "nft 'add table inet mute; add chain inet mute in { type filter hook input priority -5; policy drop; }'";
  if (silent) await shell(site.routers[0], `${mute}\n`);
  const office = site.hosts.map((host, i): TestNode => ({
    node: made.rig.node(host, `o${i}`),
    site,
    kind: nat,
    ns: host.ns,
  }));
  for (const one of office) made.join(one);
  for (const one of office) await one.node.up();

  const late = await made.add({ nat: 'endpoint-independent' });
  const began = performance.now();
  await Promise.all(office.map((one) => reaches(one, late, 10_000)));
  const apart = async (): Promise<string[]> => {
    const seen = await Promise.all(
      office.map(async (one) => [one, pathWord(await peerOf(one, late))] as const),
    );
    return seen.filter(([, word]) => word !== 'direct').map(([{ node }, word]) => `${node.name} ${word}`);
  };
  for (let left = await apart(); left.length > 0; left = await apart()) {
    if (performance.now() > began + withinMs) {
      const [name = ''] = left[0]?.split(' ') ?? [];
      const why = await late.node.cli(['why', name], { allowFailure: true });
      expect(left, why.stdout).toEqual([]);
    }
    await sleep(300);
  }
  console.log(`${nat}: ${machines} direct after ${((performance.now() - began) / 1_000).toFixed(1)} s`);

  // The members of the office by what the LAN has, never by the router.
  for (const one of office) {
    const others = (await one.node.peers()).filter(({ name, path }) => name.startsWith('o') && path);
    expect(others.length).toBeGreaterThan(0);
    for (const { path } of others) expect(path).toMatchObject({ kind: 'direct', lan: true });
  }
});

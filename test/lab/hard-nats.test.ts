/** NATs that filter, and NATs that give each destination another port: what they are called. Who becomes direct is in matrix.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import type { SiteOptions } from '../../src/lab/site.js';
import { reaches, TestNet, type TestNode } from './support.js';

interface Facts {
  readonly mapping: string;
  readonly filtering: string;
  readonly ports: string;
}

const weak = 'endpoint-independent-or-address-dependent';
const strict = 'address-and-port-dependent';
const sites: [SiteOptions['nat'], Facts][] = [
  ['endpoint-independent', { mapping: 'endpoint-independent', filtering: strict, ports: 'preserved' }],
  [
    'endpoint-independent-filtering',
    { mapping: 'endpoint-independent', filtering: weak, ports: 'preserved' },
  ],
  ['address-dependent-filtering', { mapping: 'endpoint-independent', filtering: weak, ports: 'preserved' }],
  ['address-and-port-dependent', { mapping: strict, filtering: strict, ports: 'random' }],
  ['sequential-ports', { mapping: strict, filtering: strict, ports: 'sequential' }],
];
const hard = (node: TestNode): boolean =>
  node.kind === 'address-and-port-dependent' || node.kind === 'sequential-ports';

describe('hard NATs', () => {
  let net: TestNet;
  beforeAll(async () => {
    net = await TestNet.create({ nat: sites[0]?.[0] ?? 'public' });
    for (const [nat] of sites.slice(1)) await net.add({ nat });
    for (const node of net.nodes.slice(1)) await reaches(net.nodes[0] as TestNode, node, 10_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const find = (kind: string): TestNode => net.nodes.find((node) => node.kind === kind) as TestNode;

  it('are named in the words of RFC 4787, and what the other end is, too', async () => {
    const wanted = new Map(sites.map(([nat, facts]) => [nat as string, facts]));
    for (const node of net.nodes) {
      let nat: Facts | undefined;
      for (const end = performance.now() + 10_000; performance.now() < end; await sleep(300)) {
        ({ nat } = await node.node.json<{ nat: Facts }>(['status']));
        if (nat.filtering !== 'unknown' && nat.ports !== 'unknown') break;
      }
      expect(nat, node.kind).toMatchObject(wanted.get(node.kind) as Facts);
    }
    const [a, b] = [find('address-and-port-dependent'), find('sequential-ports')];
    expect(hard(a) && hard(b)).toBe(true);
    const why = await a.node.json<{ nat: { local: Facts; remote: Facts } }>(['why', b.node.name]);
    expect(why.nat).toEqual({ local: wanted.get(a.kind), remote: wanted.get(b.kind) });
  });
});

/** A relay whose name has an IPv4 and an IPv6 address, not both of which lead to it. */
import { afterEach, expect, it } from 'vitest';
import { shell } from '../../src/lab/exec.js';
import { peerOf, pathWord, reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

it('is reached from a site without IPv6 that is a second away, as by satellite', async () => {
  net = await TestNet.create({ nat: 'address-and-port-dependent' });
  const far = await net.place({ nat: 'address-and-port-dependent' });
  await far.site.setDelay(450);
  net.join(far);
  await far.node.up(30_000);
  await reaches(far, net.nodes[0] as TestNode, 10_000);
});

it('is reached by UDP over the family that UDP passes by, whichever TCP took', async () => {
  net = await TestNet.create({ nat: 'address-and-port-dependent' });
  const to = net.nodes[0] as TestNode;
  const from = await net.place({ nat: 'address-and-port-dependent', ipv6: true });
  const chain = 'type filter hook forward priority 0; meta nfproto ipv6 meta l4proto udp drop;';
  await shell(
    from.site.routers[0],
    `nft 'table inet only4 { chain forward { ${chain} }; }'
`,
  );
  net.join(from);
  await from.node.up();
  await reaches(from, to, 10_000);
  await untilPath(from, to, 'relay-udp', 10_000);
  expect(pathWord(await peerOf(from, to))).toBe('relay-udp');
});

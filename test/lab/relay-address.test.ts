/** A relay with a second address, as a floating one is: it listens at the wildcard, and is asked at that address. */
import { afterEach, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { relayName } from '../../src/lab/rig.js';
import { peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

const floating = '192.0.2.250';

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

it('answers by UDP from the address that it was asked at', async () => {
  net = await TestNet.create({ nat: 'address-and-port-dependent' });
  const { lab, relay } = net.rig;
  await relay.host.run(['ip', 'addr', 'add', `${floating}/32`, 'dev', 'lo']);
  await run(['ip', 'route', 'add', `${floating}/32`, 'via', relay.host.v4 as string], {
    ns: `${lab.prefix}-net`,
  });
  lab.names({ [relayName]: { v4: floating } });
  await net.add({ nat: 'address-and-port-dependent' });
  const [a, b] = net.nodes as [TestNode, TestNode];
  await reaches(b, a, 10_000);
  await untilPath(b, a, 'relay-udp', 10_000);
  expect((await peerOf(b, a))?.path?.endpoint).toBe(`udp://${floating}:443`);
});

/** A relay with a second address, as a floating one is: it listens at the wildcard, and is asked at that address. */
import { afterEach, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { relayName, RigNode } from '../../src/lab/rig.js';
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

it('on a private address tells by which one the outside sees it, as another relay says', async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' });
  const [{ site, node }] = net.nodes as [TestNode];
  const server = `${net.rig.relay.host.v4}:443`;
  const stranger = new RigNode(net.rig, 'stranger', site.host);
  const said = async (at: RigNode, words: string[]): Promise<object> => {
    const relay = at.launch(['relay', '--listen', '0.0.0.0:3478', ...words]);
    const line = await relay.line(/private address/, 20_000);
    await relay.stop();
    return JSON.parse(line) as object;
  };
  const outside = site.outside.v4 as string;
  const named = {
    outside,
    seenBy: server,
    fix: expect.stringContaining(`--public ${outside}:3478`) as string,
  };
  expect(await said(stranger, ['--stun', server])).toMatchObject(named);
  // A member knows relays by itself.
  expect(await said(node, [])).toMatchObject(named);
  const alone = await said(stranger, []);
  expect(alone).not.toHaveProperty('outside');
  expect(alone).toMatchObject({ fix: expect.stringContaining('--public HOST:3478') as string });
});

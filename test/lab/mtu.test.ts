/** Ways that drop long packets and say nothing of it: what was small passes, and all else has to as well. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { iperfTcp, iperfUdp, ping } from '../../src/lab/measure.js';
import { pathWord, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

/** From now on the node's router drops IP packets of more than so many bytes, UDP only, and fragments; 0: none. */
async function limit(node: TestNode, bytes: number): Promise<void> {
  const ns = node.site.routers.at(-1) ?? node.ns;
  // On the way out and in: what the router forwards. Trains of the kernel are cut before (setSegmentation).
  const rules =
    bytes === 0
      ? ''
      : `meta l4proto udp meta length > ${bytes} drop
ip frag-off & 0x3fff != 0 drop`;
  const text = `table inet short
delete table inet short
table inet short {
chain f {
type filter hook forward priority -10
${rules}
}
}
`;
  await run(['nft', '-f', '-'], { ns, input: text });
}

/** No train of datagrams crosses the links of this machine whole: each would be measured as one long packet. */
async function single(ns: string, device: string): Promise<void> {
  const off = ['gso', 'tso', 'gro', 'tx-udp-segmentation'].flatMap((feature) => [feature, 'off']);
  await run(['ethtool', '-K', device, ...off], { ns });
}

async function full(from: TestNode, to: TestNode): Promise<number> {
  const { received } = await ping(from.ns, to.node.ip, {
    count: 5,
    size: 1_300,
    intervalMs: 200,
    timeoutMs: 1_000,
  });
  return received;
}

describe('a way that drops long packets', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let hard: TestNode;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    await net.add({ nat: 'address-and-port-dependent' });
    [a, b, hard] = net.nodes as [TestNode, TestNode, TestNode];
    for (const { ns } of [a, b, hard]) await single(ns, 'eth0');
    await single(net.rig.relay.host.ns, 'eth0');
    await reaches(a, b, 10_000);
    await reaches(b, hard, 10_000);
  });
  afterAll(() => net?.destroy());
  afterEach(async () => {
    for (const node of [b, hard]) await limit(node, 0);
    await b.site.setRate(undefined);
  });

  /** All that software sends passes: full frames, datagrams in many fragments, a stream at a useful speed. */
  async function carriesAll(from: TestNode, to: TestNode, word: string): Promise<void> {
    await reaches(from, to, 10_000);
    await expect.poll(() => full(from, to), { timeout: 15_000 }).toBe(5);
    await untilPath(from, to, word, 10_000);
    const long = await ping(from.ns, to.node.ip, { count: 3, size: 60_000, timeoutMs: 2_000 });
    expect(long.received).toBe(3);
    const datagrams = await iperfUdp(from.ns, to.ns, to.node.ip, { size: 1_300, mbps: 5, seconds: 1 });
    expect(datagrams.lossPercent).toBeLessThan(20);
    const { mbps } = await iperfTcp(from.ns, to.ns, to.node.ip, { seconds: 1 });
    const back = await iperfTcp(to.ns, from.ns, from.node.ip, { seconds: 1 });
    console.log(`${word}: ${mbps.toFixed(0)} and ${back.mbps.toFixed(0)} Mbit/s`);
    expect(Math.min(mbps, back.mbps)).toBeGreaterThan(3);
    expect(pathWord(await peerOf(from, to))).toBe(word);
  }

  it.each([1_280, 1_124])('of more than %i bytes carries everything directly', async (bytes) => {
    await limit(b, bytes);
    await carriesAll(a, b, 'direct');
  });

  it('of more than 1440 bytes carries everything between two on a relay', async () => {
    await untilPath(b, hard, 'relay-udp', 10_000);
    await limit(hard, 1_440);
    await carriesAll(b, hard, 'relay-udp');
  });

  it.each([
    ['direct', () => a],
    ['relay-udp', () => hard],
  ])('a limit that appears in the middle of a transfer stops it for moments: %s', async (word, other) => {
    const from = other();
    await untilPath(from, b, word, 15_000);
    await expect.poll(() => full(from, b), { timeout: 15_000 }).toBe(5);
    await b.site.setRate(20);
    const [{ mbps }] = await Promise.all([
      iperfTcp(from.ns, b.ns, b.node.ip, { seconds: 6 }),
      sleep(1_500).then(() => limit(b, 1_280)),
    ]);
    console.log(`20 Mbit/s, a limit after a quarter: ${mbps.toFixed(1)} Mbit/s`);
    // A quarter of the time at full speed would be 5; what came after the break makes it more.
    expect(mbps).toBeGreaterThan(7);
    expect(pathWord(await peerOf(from, b))).toBe(word);
  });
});

describe('a link of 1400 bytes', () => {
  let net: TestNet;
  afterAll(() => net?.destroy());

  it('carries everything, by IPv4 without fragments and by IPv6', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent', ipv6: true });
    const near = net.nodes[0] as TestNode;
    const far = await net.add({ nat: 'ipv6-only' });
    const four = await net.add({ nat: 'endpoint-independent' });
    for (const { site } of [far, four]) {
      const { ns, device } = site.uplink;
      await run(['ip', 'link', 'set', device, 'mtu', '1400'], { ns });
    }
    await limit(four, 1_400);
    await run(['ip', 'link', 'set', 'eth0', 'mtu', '1400'], { ns: four.ns });
    for (const { ns } of [near, far, four]) await single(ns, 'eth0');
    for (const to of [far, four]) {
      await reaches(near, to, 10_000);
      await untilPath(near, to, 'direct', 15_000);
      await expect.poll(() => full(near, to), { timeout: 15_000 }).toBe(5);
      await expect.poll(() => full(to, near), { timeout: 15_000 }).toBe(5);
      const { mbps } = await iperfTcp(near.ns, to.ns, to.node.ip, { seconds: 1 });
      console.log(`${to.kind}, 1400: ${mbps.toFixed(0)} Mbit/s`);
      expect(mbps).toBeGreaterThan(3);
    }
  });
});

describe('a network of jumbo frames', () => {
  let net: TestNet;
  afterAll(() => net?.destroy());

  it('carries them by links of 1500 bytes that pass no fragments', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' }, { init: ['--mtu', '9000'] });
    const near = net.nodes[0] as TestNode;
    const far = await net.add({ nat: 'endpoint-independent' });
    await limit(far, 1_500);
    for (const { ns } of [near, far]) await single(ns, 'eth0');
    await reaches(near, far, 10_000);
    await untilPath(near, far, 'direct', 15_000);
    const long = () => ping(near.ns, far.node.ip, { count: 3, size: 8_900, dontFragment: true });
    await expect.poll(async () => (await long()).received, { timeout: 15_000 }).toBe(3);
    const { mbps } = await iperfTcp(near.ns, far.ns, far.node.ip, { seconds: 1 });
    console.log(`jumbo, 1500: ${mbps.toFixed(0)} Mbit/s`);
    expect(mbps).toBeGreaterThan(3);
  });
});

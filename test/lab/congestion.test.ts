/**
 * An uplink that is full, before a buffer that is deep: everything that leaves the site waits for seconds. That is no
 * death, of no path and no relay.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { iperfUdp, ping } from '../../src/lab/measure.js';
import { pathWord, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

/** What the nodes have told of paths left and relays that went; that UDP by the relay was taken is no news here. */
function told(...nodes: readonly TestNode[]): string[] {
  return nodes.flatMap(({ node }) =>
    (node.process?.stdout ?? [])
      .filter((line) => /"event":"(peer-path|peer-lost|relay-down)"/.test(line))
      .filter((line) => !line.includes('"endpoint":"udp://'))
      .map((line) => `${node.name} ${line}`),
  );
}

describe('a full uplink with a deep buffer', () => {
  it('is no death of the relay, nor of what goes through it', async () => {
    net = await TestNet.create({ nat: 'address-and-port-dependent' });
    await net.add({ nat: 'address-and-port-dependent' });
    const [a, b] = net.nodes as [TestNode, TestNode];
    await reaches(a, b, 10_000);
    await untilPath(a, b, 'relay-udp', 10_000);
    await untilPath(b, a, 'relay-udp', 10_000);
    await reaches(b, a, 5_000);

    // 2 Mbit/s and 600 kB: 2.4 s of queue.
    await a.site.setRate(2, 600_000);
    const before = told(a, b).length;
    const busy = iperfUdp(a.ns, b.ns, b.node.ip, { seconds: 18, size: 1_000, mbps: 3 });
    const pings = await ping(a.ns, b.node.ip, { count: 90, intervalMs: 200, timeoutMs: 6_000 });
    const { mbps } = await busy;
    const news = told(a, b).slice(before);
    console.log(
      `deep buffer: ${mbps.toFixed(2)} Mbit/s, ping ${pings.medianMs} ms, ${pings.received} of ${pings.sent}`,
    );
    expect(pings.medianMs).toBeGreaterThan(1_000);
    expect(news).toEqual([]);
    expect(mbps).toBeGreaterThan(1);
    expect(pathWord(await peerOf(a, b))).toBe('relay-udp');
  });
});

describe('a slow line to the relay’s WebSocket', () => {
  it('has what is too much dropped, not wait for many seconds, either way', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const [a] = net.nodes as [TestNode];
    const b = await net.add({ nat: 'udp-blocked' });
    await reaches(a, b, 10_000);
    await untilPath(b, a, 'relay-ws', 10_000);
    await b.site.setRate(2, 60_000);
    for (const [from, to] of [
      [b, a],
      [a, b],
    ] as const) {
      const before = told(a, b).length;
      const busy = iperfUdp(from.ns, to.ns, to.node.ip, { seconds: 10, size: 1_000, mbps: 6 });
      const pings = await ping(from.ns, to.node.ip, { count: 60, intervalMs: 200, timeoutMs: 15_000 });
      const { mbps } = await busy;
      console.log(
        `from ${from.node.name}: ${mbps.toFixed(2)} Mbit/s, ping up to ${pings.maxMs} ms, ${pings.received} of ${pings.sent}`,
      );
      // Half a second here, a quarter in the buffer of the line, and what is under way.
      expect(pings.maxMs).toBeLessThan(3_000);
      expect(mbps).toBeGreaterThan(1);
      expect(told(a, b).slice(before)).toEqual([]);
    }
  });
});

/** A relay hands everything to another process while members talk through it: nothing is lost, nothing comes twice. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { iperfTcp } from '../../src/lab/measure.js';
import { during, expectWhole, flow } from './flow.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

interface Upgraded {
  readonly gapMs: number;
  readonly pid: number;
}

interface Networks {
  readonly networks: readonly { readonly online: number }[];
}

/** Packets that the relay has forwarded, by way. */
async function forwarded(net: TestNet): Promise<Record<string, number>> {
  const { stdout } = await net.rig.relay.host.run(['curl', '-s', 'http://127.0.0.1:9478/metrics']);
  const counts = stdout.matchAll(/^evio_relay_packets_total\{way="(.*)"\} (\d+)$/gm);
  return Object.fromEntries([...counts].map(([, way = '', count]): [string, number] => [way, Number(count)]));
}

describe('upgrade of a relay', () => {
  let net: TestNet;
  let first: TestNode;
  let byUdp: TestNode;
  let blocked: TestNode;

  beforeAll(async () => {
    net = await TestNet.create(
      { nat: 'address-and-port-dependent' },
      { relay: ['--metrics', '127.0.0.1:9478'] },
    );
    byUdp = await net.add({ nat: 'address-and-port-dependent' });
    blocked = await net.add({ nat: 'udp-blocked' });
    [first] = net.nodes as [TestNode];
    await reaches(first, byUdp, 5_000);
    await reaches(first, blocked, 5_000);
    await untilPath(first, byUdp, 'relay-udp', 8_000);
    await untilPath(blocked, first, 'relay-ws', 8_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  it('loses nothing and repeats nothing, by UDP and by WebSocket, again and again, a stream beside', async () => {
    const begin = () =>
      Promise.all([
        flow(first, byUdp, 6001),
        flow(byUdp, first, 6002),
        flow(first, blocked, 6003),
        flow(blocked, first, 6004),
      ]);
    const streaming = (seconds: number) =>
      iperfTcp(byUdp.ns, first.ns, first.node.ip, { seconds, port: 5500 });
    const quiet = await during(begin, () => streaming(2));
    const before = await forwarded(net);
    const gaps: number[] = [];
    const results = await during(begin, async () => {
      const stream = streaming(6);
      for (let i = 0; i < 2; i++) {
        await sleep(300);
        gaps.push((await net.rig.relay.json<Upgraded>(['upgrade'])).gapMs);
        // Those who are connected by TCP come to the new process meanwhile.
        await sleep(1_500);
      }
      await stream;
    });
    console.log(`gaps ${gaps.join()} ms; ${JSON.stringify(results)}; without: ${JSON.stringify(quiet)}`);
    expectWhole(results, quiet);
    const after = await forwarded(net);
    for (const way of ['udp-udp', 'udp-ws', 'ws-udp'])
      expect(after[way]).toBeGreaterThan(before[way] as number);
    const { networks } = await net.rig.relay.json<Networks>(['relay', 'networks']);
    expect(networks.map(({ online }) => online)).toEqual([3]);
  });
});

/** Real nodes with several packet threads, while their keys change every three seconds. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabProcess, sleep } from '../../src/lab/exec.js';
import { iperfBothWays, iperfTcp, ping } from '../../src/lab/measure.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

const script = fileURLToPath(new URL('flows.mjs', import.meta.url));
const soakSeconds = 8;

interface Received {
  readonly received: number;
  readonly wrong: number;
  readonly disorder: number;
  readonly lost: number;
}

/** Sends known datagrams from one to the other; what arrived. */
async function soak(from: TestNode, to: TestNode): Promise<Received & { sent: number }> {
  const receiver = new LabProcess([process.execPath, script, 'receive', '7100', String(soakSeconds + 2)], {
    ns: to.ns,
  });
  await receiver.line(/listening/, 10_000);
  const sender = new LabProcess([process.execPath, script, 'send', to.node.ip, '7100', String(soakSeconds)], {
    ns: from.ns,
  });
  const { sent } = JSON.parse(await sender.line(/sent/, (soakSeconds + 10) * 1_000)) as { sent: number };
  const received = JSON.parse(await receiver.line(/received/, 10_000)) as Received;
  return { ...received, sent };
}

// One thread is what all other tests run with.
describe.each([2, 4])('%d packet threads', (threads) => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;

  beforeAll(async () => {
    process.env['EVIO_REKEY_AFTER_MS'] = '3000';
    net = await TestNet.create({ nat: 'endpoint-independent' });
    a = net.nodes[0] as TestNode;
    b = await net.add({ nat: 'endpoint-independent' });
    for (const { node } of [a, b]) {
      await node.stop();
      node.launch(['node', '--threads', String(threads)]);
      await node.up();
    }
    await reaches(a, b, 10_000);
    await untilPath(a, b, 'direct', 15_000);
  });
  afterAll(async () => {
    delete process.env['EVIO_REKEY_AFTER_MS'];
    await net?.destroy();
  });

  it('carries eight TCP streams each way, and one in both directions', async () => {
    for (const reverse of [false, true]) {
      const { mbps } = await iperfTcp(a.ns, b.ns, b.node.ip, { seconds: 3, streams: 8, reverse });
      expect(mbps).toBeGreaterThan(50);
    }
    const both = await iperfBothWays(a.ns, b.ns, b.node.ip, { seconds: 3, streams: 8 });
    expect(both.mbps).toBeGreaterThan(50);
  });

  it('brings random datagrams byte for byte and in the order of their flow, both ways, across rekeys', async () => {
    const results = await Promise.all([soak(a, b), soak(b, a)]);
    console.log(`${threads} threads: ${JSON.stringify(results)}`);
    for (const { sent, received, wrong, disorder } of results) {
      expect({ wrong, disorder }).toEqual({ wrong: 0, disorder: 0 });
      expect(sent).toBeGreaterThan(3_000);
      // A busy machine may overflow the receiver's socket buffer.
      expect(received).toBeGreaterThan(sent * 0.9);
    }
  });

  it('floods broadcasts and answers them, and pings with every size', async () => {
    const { stdout } = await a.node.host.run(
      ['ping', '-n', '-b', '-c', '10', '-i', '0.2', '-W', '2', broadcastOf(a.node.ip)],
      { allowFailure: true },
    );
    // Hosts do not answer broadcast pings by default; that each frame is counted once at the other end must do.
    expect(stdout).toMatch(/10 packets transmitted/);
    for (const size of [16, 56, 1_400, 9_000]) {
      const { received, duplicates } = await ping(a.ns, b.node.ip, { count: 5, intervalMs: 100, size });
      expect({ received, duplicates }).toEqual({ received: 5, duplicates: 0 });
    }
    await sleep(100);
  });
});

function broadcastOf(ip: string): string {
  return `${ip.split('.').slice(0, 2).join('.')}.255.255`;
}

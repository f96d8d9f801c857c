/**
 * The provider gives a member's NAT another address, and tells nobody. What others send to it comes again within 3 s, whether it sends
 * anything itself or not.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep, type LabProcess } from '../../src/lab/exec.js';
import { table, TestNet, untilPath, type TestNode } from './support.js';

const flow = fileURLToPath(new URL('../support/flow.mjs', import.meta.url));
const paceMs = 20;
const rounds = Number(process.env['EVIO_TEST_MOVES'] ?? 1);
const limitMs = process.env['CI'] ? 4_500 : 3_000;

/** Datagrams from one to the other, fifty a second. */
class Stream {
  readonly #sender: LabProcess;
  readonly #receiver: LabProcess;

  private constructor(from: TestNode, to: TestNode, port: number) {
    const node = [process.execPath, flow];
    this.#receiver = to.site.host.launch([...node, 'receive', to.node.ip, `${port}`]);
    this.#sender = from.site.host.launch([...node, 'send', to.node.ip, `${port}`, `${paceMs}`]);
  }

  static async begin(from: TestNode, to: TestNode, port: number): Promise<Stream> {
    const stream = new Stream(from, to, port);
    await stream.#receiver.line(/first/, 10_000);
    return stream;
  }

  /** Resolves to the longest time without any of them, ms. */
  async end(): Promise<number> {
    await this.#sender.stop(5_000);
    await this.#receiver.stop(5_000);
    const { longestMs, lastMs } = JSON.parse(this.#receiver.stdout.at(-1) ?? '{}') as {
      longestMs: number;
      lastMs: number;
    };
    // One that does not come again; the sender ends a little before.
    return Math.max(longestMs, lastMs - 1_000) - paceMs;
  }
}

describe('a member whose outside address changes', () => {
  let net: TestNet;
  let other: TestNode;
  let moving: TestNode;
  const report: string[][] = [['stream', 'gap ms']];

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' });
    await net.add({ nat: 'endpoint-independent' });
    [other, moving] = net.nodes as [TestNode, TestNode];
  });
  afterAll(async () => {
    console.log(`\n${table(report)}\n`);
    await net?.destroy();
  });

  it.each([
    ['to it alone', true, false],
    ['from it alone', false, true],
    ['both ways', true, true],
  ])('has streams go on within 3 s: %s', async (what, to, from) => {
    for (let i = 0; i < rounds; i++) {
      await untilPath(other, moving, 'direct', 20_000);
      await untilPath(moving, other, 'direct', 20_000);
      const streams = [
        ...(to ? [await Stream.begin(other, moving, 7_000)] : []),
        ...(from ? [await Stream.begin(moving, other, 7_001)] : []),
      ];
      await sleep(1_000);
      await moving.site.changeAddress();
      await sleep(4_500);
      for (const stream of streams) {
        const gapMs = await stream.end();
        report.push([what, `${gapMs}`]);
        expect(gapMs).toBeLessThan(limitMs);
      }
    }
  });
});

/** A node hands everything to another process while traffic runs: nothing is lost, nothing comes twice. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { iperfTcp } from '../../src/lab/measure.js';
import { during, expectWhole, flow } from './flow.js';
import { reaches, TestNet, udpPortOf, untilPath, type TestNode } from './support.js';

interface Upgraded {
  readonly from: string;
  readonly to: string;
  readonly gapMs: number;
  readonly pid: number;
}

/** Processes that this one has started, once there are so many. */
async function childrenOf(pid: number, count: number): Promise<number[]> {
  for (;;) {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const children = text.split(' ').filter(Boolean).map(Number);
    if (children.length >= count) return children;
    await sleep(10);
  }
}

describe('upgrade of a node', () => {
  let net: TestNet;
  let first: TestNode;
  let second: TestNode;
  let subnets = 0;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    second = await net.add({ nat: 'endpoint-independent' });
    [first] = net.nodes as [TestNode];
    await reaches(first, second, 5_000);
    await untilPath(first, second, 'direct', 8_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  it('loses nothing and repeats nothing, one datagram a millisecond each way, broadcasts and a stream beside', async () => {
    const begin = () =>
      Promise.all([
        flow(first, second, 6001),
        flow(second, first, 6002),
        flow(first, second, 6003, '10.144.255.255'),
        flow(second, first, 6004, '10.144.255.255'),
      ]);
    const streaming = () => iperfTcp(second.ns, first.ns, first.node.ip, { seconds: 4, port: 5500 });
    const quiet = await during(begin, streaming);
    const gaps: number[] = [];
    const results = await during(begin, async () => {
      const stream = streaming();
      for (let i = 0; i < 3; i++) {
        await sleep(300);
        gaps.push((await first.node.json<Upgraded>(['upgrade'])).gapMs);
      }
      await stream;
    });
    console.log(`gaps ${gaps.join()} ms; ${JSON.stringify(results)}; without: ${JSON.stringify(quiet)}`);
    expectWhole(results, quiet);
  });

  it('leaves nothing of the network with the process that somebody waits for', async () => {
    const { pid } = (await first.node.json<{ node: { pid: number } }>(['status'])).node;
    /** What would keep an interface up that is put down in the other process, and its port taken. */
    const held = (): number => {
      const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      return files.filter((file) => file === '/dev/net/tun').length;
    };
    expect(held()).toBeGreaterThan(0);
    const { pid: now } = await first.node.json<Upgraded>(['upgrade']);
    await expect.poll(held, { timeout: 30_000 }).toBe(0);
    const { stdout } = await first.site.host.run(['ss', '-Huanp', `sport = :${udpPortOf(first)}`]);
    expect(stdout.match(/pid=(\d+)/g)).toEqual([`pid=${now}`]);
    await reaches(second, first, 5_000);
  });

  it('loses nothing to and from a member that is reached by the relay only', async () => {
    const relayed = await net.add({ nat: 'address-and-port-dependent' });
    await reaches(first, relayed, 5_000);
    await untilPath(first, relayed, 'relay-udp', 8_000);
    const begin = () => Promise.all([flow(first, relayed, 6011), flow(relayed, first, 6012)]);
    const quiet = await during(begin, () => sleep(1_500));
    const results = await during(begin, async () => {
      await first.node.json<Upgraded>(['upgrade']);
      // The new process registers at the relay, which knows two associations of it for a while.
      await sleep(1_500);
    });
    await untilPath(first, relayed, 'relay-udp', 8_000);
    console.log(`by the relay: ${JSON.stringify(results)}; without: ${JSON.stringify(quiet)}`);
    expectWhole(results, quiet);
  });

  it('loses nothing that comes from a subnet, also from one that was announced just before', async () => {
    const { token } = await first.node.json<{ token: string }>(['token', 'create', '--right', 'route']);
    const router = await net.place({ nat: 'endpoint-independent' });
    router.node.launch(['join', token, '--name', router.node.name]);
    await router.node.up();
    await reaches(second, router, 5_000);
    await second.node.cli(['route', 'accept', '10.60.0.0/16']);
    const guarded = async (): Promise<number> =>
      (await second.node.json<{ device: { drops: Record<string, number> } }>(['status'])).device.drops[
        'guard-ip'
      ] ?? 0;
    for (let n = 0; n < 3; n++) {
      // Ranges of this attempt alone: the router of one before announces its own on.
      const part = (subnets += 1);
      const inside = `10.60.${part}.1`;
      await router.site.host.run(['ip', 'addr', 'add', `${inside}/32`, 'dev', 'lo']);
      await router.node.cli(['route', 'announce', `10.60.${part}.0/24`]);
      const ping = ['ping', '-n', '-i', '0.01', '-I', inside, second.node.ip];
      const pings = router.site.host.launch(ping);
      await pings.line(/bytes from/, 5_000);
      // The first of them may have come before the word that the subnet is there.
      const before = await guarded();
      await second.node.json<Upgraded>(['upgrade']);
      await sleep(300);
      await pings.stop(500);
      expect((await guarded()) - before).toBe(0);
    }
  });

  it('loses nothing with four packet threads', async () => {
    const threaded = await net.place({ nat: 'endpoint-independent' });
    net.join(threaded, ['--threads', '4']);
    await threaded.node.up();
    await reaches(first, threaded, 5_000);
    await untilPath(first, threaded, 'direct', 8_000);
    const begin = () =>
      Promise.all([
        flow(first, threaded, 6021),
        flow(threaded, first, 6022),
        flow(threaded, first, 6023, '10.144.255.255'),
      ]);
    const quiet = await during(begin, () => sleep(1_500));
    const results = await during(begin, async () => {
      for (let i = 0; i < 2; i++) await threaded.node.json<Upgraded>(['upgrade']);
    });
    console.log(`four threads: ${JSON.stringify(results)}; without: ${JSON.stringify(quiet)}`);
    expectWhole(results, quiet);
  });

  it('goes on where its successor is killed, whenever that is', async () => {
    const stop = await flow(first, second, 6005);
    const { pid } = (await first.node.json<{ node: { pid: number } }>(['status'])).node;
    const codes: string[] = [];
    for (const afterMs of [50, 200, 350]) {
      let over = false;
      const asked = first.node.cli(['upgrade', '--json'], { allowFailure: true }).finally(() => {
        over = true;
      });
      const [successor] = await childrenOf(pid, 1);
      await sleep(afterMs);
      // A machine that is so quick that all is over has nothing to show here.
      if (over) break;
      process.kill(successor as number, 'SIGKILL');
      const { stdout } = await asked;
      codes.push((JSON.parse(stdout) as { error?: { code: string } }).error?.code ?? 'none');
      expect((await first.node.json<{ node: { pid: number } }>(['status'])).node.pid).toBe(pid);
    }
    expect(codes).toEqual(codes.map(() => 'EVIO_UPGRADE'));
    expect(await stop()).toMatchObject({ twice: 0 });
    await reaches(second, first, 5_000);
  });
});

/** Machines that move: another way out, another address, both ends at once, sleep. Times are printed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { insideDevice } from '../../src/lab/rules.js';
import { outage, reaches, table, TestNet, untilPath, type TestNode } from './support.js';

/** Seconds on a quiet machine are two at most; here they may be some more. */
const limitMs = 3_000;

describe('roaming', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let otherRouter: string;
  const report: string[][] = [['event', 'longest outage ms', 'pings lost']];

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    [a, b] = net.nodes as [TestNode, TestNode];
    // A second uplink of a: a cable to the LAN of another site.
    const other = await net.rig.lab.site('other', { nat: 'endpoint-independent', hosts: 2 });
    const gateway = other.routers[0] as string;
    const lan = (other.host.v4 as string).replace(/\.\d+$/, '');
    otherRouter = `${lan}.1`;
    const { host } = a.site;
    await host.run(['ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'port9', 'netns', gateway]);
    await host.run(['ip', 'addr', 'add', `${lan}.9/24`, 'dev', 'eth1']);
    await host.run(['ip', 'link', 'set', 'eth1', 'up']);
    await run(['ip', 'link', 'set', 'port9', 'master', insideDevice, 'up'], { ns: gateway });
    await settled();
  });
  afterAll(async () => {
    console.log(`\n${table(report)}\n`);
    await net?.destroy();
  });

  async function settled(): Promise<void> {
    await reaches(a, b, 10_000);
    await untilPath(a, b, 'direct', 15_000);
    await untilPath(b, a, 'direct', 15_000);
  }

  async function within(event: string, disturb: () => Promise<void>, bound = limitMs): Promise<void> {
    const { longestMs, lost } = await outage(a, b, disturb, bound + 500);
    report.push([event, `${longestMs}`, `${lost}`]);
    expect(longestMs).toBeLessThan(bound);
    await settled();
  }

  const ip = async (node: TestNode, line: string): Promise<void> => {
    await node.site.host.run(['ip', ...line.split(' ')]);
  };

  /** Another address on the same LAN, as by DHCP. */
  async function readdress(node: TestNode, last: number): Promise<void> {
    const { v4 } = node.site.host;
    const lan = (v4 as string).replace(/\.\d+$/, '');
    await ip(node, `addr flush dev eth0`);
    await ip(node, `addr add ${lan}.${last}/24 dev eth0`);
    await ip(node, `route replace default via ${lan}.1`);
  }

  it('follows the default route from one uplink to the other, and back', async () => {
    const home = (a.site.host.v4 as string).replace(/\d+$/, '1');
    await within('default route to the second uplink', () =>
      ip(a, `route replace default via ${otherRouter}`),
    );
    await within('default route back', () => ip(a, `route replace default via ${home}`));
  });

  it('goes on under another address of the machine, also when both ends move at once', async () => {
    await within('address of one end', () => readdress(a, 77));
    await within(
      'addresses of both ends',
      async () => {
        await Promise.all([readdress(a, 78), readdress(b, 79)]);
      },
      5_000,
    );
  });

  it('is back soon after it slept, and the NAT forgot it', async () => {
    const pid = b.node.process?.pid as number;
    process.kill(pid, 'SIGSTOP');
    await sleep(12_000);
    await b.site.flushNat();
    process.kill(pid, 'SIGCONT');
    const ms = await reaches(a, b, 10_000);
    report.push(['slept for 12 s, NAT flushed', `${Math.round(ms)}`, '']);
    expect(ms).toBeLessThan(limitMs);
  });
});

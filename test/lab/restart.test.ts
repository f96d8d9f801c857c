/** A service manager starts node and relay again while packets flow: they wait, and none is lost or comes twice. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep, type LabProcess } from '../../src/lab/exec.js';
import { iperfTcp } from '../../src/lab/measure.js';
import { during, expectWhole, flow } from './flow.js';
import { managed, nodeBegun, restart, rests, type Ended } from './managed.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

interface Networks {
  readonly networks: readonly { readonly online: number }[];
}

describe('a service that is started again', () => {
  let net: TestNet;
  let first: TestNode;
  let second: TestNode;
  let relayed: TestNode;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await managed(net.rig.relay, () => net.rig.startRelay());
    second = await net.add({ nat: 'endpoint-independent' });
    relayed = await net.add({ nat: 'address-and-port-dependent' });
    [first] = net.nodes as [TestNode];
    await managed(first.node, () => first.node.launch(['node']));
    await first.node.up();
    for (const other of [second, relayed]) await reaches(first, other, 5_000);
    await untilPath(first, second, 'direct', 8_000);
    await untilPath(first, relayed, 'relay-udp', 8_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  /** Members that the relay takes to be there. */
  const online = async (): Promise<number[]> => {
    const options = { allowFailure: true };
    const { stdout, status } = await net.rig.relay.cli(['relay', 'networks', '--json'], options);
    const { networks } = status === 0 ? (JSON.parse(stdout) as Networks) : { networks: [] };
    return networks.map((network) => network.online);
  };

  it('loses nothing as a relay', async () => {
    const begin = () => Promise.all([flow(first, relayed, 6011), flow(relayed, first, 6012)]);
    const quiet = await during(begin, () => sleep(1_500));
    const results = await during(begin, async () => {
      const { status, store } = await restart(net.rig.relay, /"manager"/);
      expect(status).toBe(7);
      expect(store.filter((name) => name === 'evio-kept')).toHaveLength(3);
      await expect.poll(online, { timeout: 20_000, interval: 200 }).toEqual([3]);
      await sleep(3_000);
    });
    console.log(`by the relay: ${JSON.stringify(results)}; without: ${JSON.stringify(quiet)}`);
    expectWhole(results, quiet);
  });

  it.each([
    ['directly', 6001],
    ['by the relay', 6003],
  ])('loses nothing and repeats nothing %s, one datagram a millisecond each way', async (way, port) => {
    const other = way === 'directly' ? second : relayed;
    const begin = () => Promise.all([flow(first, other, port), flow(other, first, port + 1)]);
    const quiet = await during(begin, () => sleep(1_500));
    const ended: Ended[] = [];
    const results = await during(begin, async () => {
      // A stream, and a second restart soon after the first.
      const stream = iperfTcp(second.ns, first.ns, first.node.ip, { seconds: 4, port: 5500 });
      for (let i = 0; i < 2; i++) {
        ended.push(await restart(first.node, nodeBegun));
        await sleep(500);
      }
      await stream;
    });
    console.log(`${way}: ${JSON.stringify(results)}; without: ${JSON.stringify(quiet)}`);
    // The interface, the socket, the connection to the relay, and the rest in memory.
    const store = ['evio-0', 'evio-1', 'evio-kept', 'evio-state'];
    console.log(JSON.stringify(ended));
    for (const one of ended)
      expect({ ...one, store: [...new Set(one.store)] }).toMatchObject({ ...rests, store });
    expectWhole(results, quiet);
  });

  it('has all members back as a relay', async () => {
    // Who does not come back is forgotten after 10 s, which have passed.
    expect(await online()).toEqual([3]);
    await untilPath(first, relayed, 'relay-udp', 8_000);
  });

  it('begins anew where it cannot read what was left, and when it is killed', async () => {
    const running = first.node.process as LabProcess;
    process.kill(running.pid, 'SIGUSR1');
    expect(await restart(first.node, nodeBegun)).toMatchObject(rests);
    expect(running.stderr.join('\n')).toContain('what the process before left cannot be read');
    await reaches(second, first, 10_000);
    const { pid } = (await first.node.json<{ node: { pid: number } }>(['status'])).node;
    const seen = running.stdout.length;
    process.kill(pid, 'SIGKILL');
    const again = (): boolean => running.stdout.slice(seen).some((line) => nodeBegun.test(line));
    await expect.poll(again, { timeout: 20_000 }).toBe(true);
    const ended = running.stdout.slice(seen).find((line) => line.includes('"manager"')) ?? '{}';
    // Whoever takes what was left has taken it out: nobody uses those keys again.
    expect(JSON.parse(ended)).toMatchObject({ signal: 'SIGKILL', store: [] });
    await reaches(second, first, 10_000);
  });
});

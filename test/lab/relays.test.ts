/** Two relays: the nearer one is home, the other one takes over; and a resolver that is dead keeps no node off. */
import { afterEach, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { relayName } from '../../src/lab/rig.js';
import { outage, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

interface Relay {
  readonly url: string;
  readonly home: boolean;
  readonly state: string;
}

const secondName = 'second.evio.example';

it('goes by the nearer of two, by the other within seconds when its machine dies, which a direct pair does not notice; and comes up without a resolver', async () => {
  // Pairs of which both ports are random stay on relays.
  net = await TestNet.create({ nat: 'address-and-port-dependent' });
  const { rig } = net;
  const site = await rig.lab.site('second', { nat: 'public' });
  rig.lab.names({ [secondName]: site.host });
  await site.setDelay(15);
  const second = rig.node(site.host, 'second');
  const [a] = net.nodes as [TestNode];
  const running = second.launch(['relay', '--open', '--listen', '[::]:443', '--public', `${secondName}:443`]);
  const line = await running.line(/"event":\s*"listening"/, 20_000);
  const { url } = JSON.parse(line) as { url: string };
  await a.node.cli(['network', 'relay', 'add', url]);
  const b = await net.add({ nat: 'address-and-port-dependent' });
  const direct = await net.add({ nat: 'public' });
  await reaches(b, a, 10_000);
  await reaches(a, direct, 10_000);
  const relaysOf = async (node: TestNode): Promise<readonly Relay[]> =>
    (await node.node.json<{ relays: readonly Relay[] }>(['status'])).relays;
  const until = async (holds: () => Promise<boolean>, what: string): Promise<void> => {
    for (const end = performance.now() + 15_000; performance.now() < end; await sleep(200))
      if (await holds()) return;
    throw new Error(what);
  };
  for (const node of [a, b, direct])
    await until(
      async () => (await relaysOf(node)).filter(({ state }) => state === 'connected').length === 2,
      `${node.node.name} has not both relays: ${JSON.stringify(await relaysOf(node))}`,
    );
  for (const node of [a, b])
    await until(
      async () => (await relaysOf(node)).some(({ url: at, home }) => home && at.includes(relayName)),
      'home',
    );
  await until(
    async () => (await peerOf(a, b))?.path?.endpoint === `udp://${rig.relay.host.v4}:443`,
    'path by home',
  );

  for (const [one, other] of [
    [a, direct],
    [direct, a],
  ] as const)
    await untilPath(one, other, 'direct', 15_000);
  const moves = (from: TestNode, to: TestNode): string[] =>
    (from.node.process?.stdout ?? []).filter(
      (line) => line.includes('"event":"peer-path"') && line.includes(`"name":"${to.node.name}"`),
    );
  const before = [...moves(a, direct), ...moves(direct, a)];

  // The machine is gone: nothing resets a connection, nothing says that a port is closed.
  let cut: Promise<void> | undefined;
  const die = (): Promise<void> => (cut ??= rig.relay.host.site.unplug(true));
  const [relayed, straight] = await Promise.all([outage(a, b, die, 7_000), outage(direct, a, die, 7_000)]);
  expect(relayed.longestMs).toBeLessThan(3_000);
  await untilPath(a, b, 'relay-udp', 5_000);
  expect((await peerOf(a, b))?.path?.endpoint).toBe(`udp://${site.host.v4}:443`);
  for (const node of [a, b, direct])
    await until(
      async () =>
        (await relaysOf(node)).some(({ url: at, state }) => at.includes(relayName) && state !== 'connected'),
      `${node.node.name} has not noticed that the relay is gone`,
    );
  expect([...moves(a, direct), ...moves(direct, a)]).toEqual(before);
  console.log(
    `relay cut silently: longest gap ${relayed.longestMs} ms; of a direct pair ${straight.longestMs} ms, ${straight.lost} pings lost`,
  );

  await b.node.stop();
  rig.lab.names({ [secondName]: {}, [relayName]: {} });
  b.node.launch(['node']);
  await b.node.up();
  await reaches(a, b, 15_000);
});

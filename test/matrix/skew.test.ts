/**
 * This version and the one before, as nodes, relays and commands: each way that packets go, what the ledger says, messages that
 * only one of the two knows, and the one in the place of the other. What came of it is written into docs/protocol.md.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shell, sleep } from '../../src/lab/exec.js';
import { iperfTcp, ping } from '../../src/lab/measure.js';
import { during, expectWhole, flow, type Outcome } from '../lab/flow.js';
import { pathWord, peerOf, reaches, untilPath, type TestNode } from '../lab/support.js';
import { circumstances, markdownTable, writeSection } from './report.js';
import {
  baseCommit,
  codeOf,
  programs,
  refusalsOf,
  SkewNet,
  until,
  type Version,
  type World,
} from './skew-net.js';

/** Where those that join are, and how packets between them and the first node go. */
const ways = [
  { name: 'direct', nat: 'endpoint-independent', path: 'direct' },
  { name: 'relay, UDP', nat: 'address-and-port-dependent', path: 'relay-udp' },
  { name: 'relay, WebSocket', nat: 'udp-blocked', path: 'relay-ws' },
] as const;

const worlds: World[] = [
  { relay: 'before', maker: 'before', joiners: 'now' },
  { relay: 'before', maker: 'now', joiners: 'before' },
  { relay: 'now', maker: 'before', joiners: 'now' },
  { relay: 'now', maker: 'now', joiners: 'before' },
];

const pairs: string[][] = [];
const others: string[][] = [];
/** Rows of `others`, when all went well. */
const findings = 7;
const lostOf = (outcomes: readonly Outcome[]): string =>
  outcomes.map(({ lost, sent }) => `${lost} of ${sent}`).join(', ');

afterAll(async () => {
  console.log([...pairs, ...others].map((row) => row.join(' | ')).join('\n'));
  // Not of a run of which something failed, or was left out.
  if (pairs.length < worlds.length || others.length < findings) return;
  const text = [
    `The version before is ${baseCommit}; ${circumstances()}. Round trip: the median of 20 pings; Mbit/s: one TCP stream for a second, there and back.`,
    markdownTable([['relay', 'made the network', 'joined', ...ways.map(({ name }) => name)], ...pairs]),
    markdownTable([['what', 'what came of it'], ...others]),
  ];
  await writeSection('skew', text.join('\n\n'), 'protocol.md');
});

describe.each(worlds)('a relay of $relay, a network of $maker, who joined of $joiners', (world) => {
  let net: SkewNet;
  let maker: TestNode;
  let joined: TestNode[];

  beforeAll(async () => {
    net = await SkewNet.create(world, { nat: 'endpoint-independent' });
    [maker] = net.nodes as [TestNode];
    for (const { nat } of ways) await net.add({ nat });
    joined = net.nodes.slice(1);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  it('carries by every way', async () => {
    const cells: string[] = [];
    for (const [i, { path }] of ways.entries()) {
      const other = joined[i] as TestNode;
      await reaches(maker, other, 10_000);
      await untilPath(other, maker, path, 15_000);
      const pings = await ping(other.ns, maker.node.ip, { count: 20, intervalMs: 50 });
      expect(pings.received).toBe(20);
      const options = { seconds: 1, port: 5500 + i };
      const there = await iperfTcp(other.ns, maker.ns, maker.node.ip, options);
      const back = await iperfTcp(other.ns, maker.ns, maker.node.ip, { ...options, reverse: true });
      expect(Math.min(there.mbps, back.mbps)).toBeGreaterThan(1);
      cells.push(
        `${pings.medianMs.toFixed(1)} ms, ${there.mbps.toFixed(0)} and ${back.mbps.toFixed(0)} Mbit/s`,
      );
    }
    pairs.push([world.relay, world.maker, world.joiners, ...cells]);
  });

  it('spreads what is said of the network and of subnets, both ways', async () => {
    const [admin] = joined as [TestNode];
    const agreed = async (by: TestNode, text: string): Promise<void> => {
      const file = join(by.node.home, 'test.policy');
      writeFileSync(file, text);
      await by.node.cli(['policy', 'set', file]);
      for (const one of net.nodes)
        await until(`the policy at ${one.node.name}`, 10_000, async () => {
          return (await one.node.json<{ text: string | null }>(['policy', 'show'])).text === text;
        });
    };
    await agreed(maker, 'default allow\nallow * -> * icmp\n');
    await maker.node.cli(['admin', 'add', admin.node.name]);
    await until('it is an admin', 10_000, async () => {
      const { admins } = await admin.node.json<{ admins: readonly unknown[] }>(['admin', 'list']);
      return admins.length > 0;
    });
    await agreed(admin, 'default allow\nallow * -> * tcp\n');
    for (const [from, to, cidr] of [
      [maker, admin, '10.61.0.0/24'],
      [admin, maker, '10.62.0.0/24'],
    ] as const) {
      await from.node.cli(['route', 'announce', cidr]);
      await until(`${to.node.name} knows ${cidr}`, 10_000, async () => {
        const { routes } = await to.node.json<{ routes: readonly { cidr: string }[] }>(['route', 'list']);
        return routes.some((route) => route.cidr === cidr);
      });
    }
  });

  it('drops what only one of the two versions knows, counts it, and accuses nobody', async () => {
    const [old, now] = ((): [TestNode[], TestNode[]] =>
      world.maker === 'before' ? [[maker], joined] : [joined, [maker]])();
    for (const one of now) await one.node.cli(['announce', 'http', '8080']);
    const [teller, asker] = [old[0] as TestNode, now[0] as TestNode];
    expect(await codeOf(asker.node, ['why', teller.node.name, '--from', teller.node.name])).toBe(
      'EVIO_TIMEOUT',
    );
    const counts: number[] = [];
    for (const one of old) {
      const refused = await refusalsOf(one);
      for (const { node } of now) {
        const { unreadable = 0, ...rest } = refused.find(({ name }) => name === node.name)?.count ?? {};
        expect(unreadable).toBeGreaterThan(0);
        expect(rest).toEqual({});
        counts.push(unreadable);
      }
    }
    for (const one of now)
      for (const { count } of await refusalsOf(one)) expect(count).not.toHaveProperty('unreadable');
    expect(net.accusations).toEqual([]);
    for (const [i, { path }] of ways.entries()) {
      const other = joined[i] as TestNode;
      expect(pathWord(await peerOf(other, maker))).toBe(path);
      expect((await ping(other.ns, maker.node.ip, { count: 5 })).received).toBe(5);
    }
    if (world !== worlds[0]) return;
    others.push([
      'services, questions and birthdays, told to a member of before',
      `dropped, ${Math.min(...counts)} to ${Math.max(...counts)} \`unreadable\` of each; nobody accused, no session lost`,
    ]);
  });

  it('answers commands of the other version, or says what to do', async () => {
    const other = (version: Version): Version => (version === 'now' ? 'before' : 'now');
    const [first] = joined as [TestNode];
    for (const [one, version] of [
      [maker, world.maker],
      [first, world.joiners],
    ] as const) {
      one.node.program = programs[other(version)];
      try {
        const peer = one === maker ? first.node.name : maker.node.name;
        for (const words of [
          ['status'],
          ['peers'],
          ['why', peer],
          ['ping', peer, '-c', '1'],
          ['route', 'list'],
          ['policy', 'show'],
        ])
          expect(await codeOf(one.node, words)).toBe('none');
        if (version === 'before') expect(await codeOf(one.node, ['services'])).toBe('EVIO_BAD_VALUE');
      } finally {
        one.node.program = programs[version];
      }
    }
  });

  it.runIf(world.relay === 'before')(
    'refuses to go on in the place of a relay that cannot be handed over',
    async () => {
      const [, byUdp] = joined as [TestNode, TestNode];
      const begin = () => Promise.all([flow(maker, byUdp, 6001), flow(byUdp, maker, 6002)]);
      const quiet = await during(begin, () => sleep(1_500));
      const results = await during(begin, async () => {
        net.relay.program = programs.now;
        expect(await codeOf(net.relay, ['upgrade'])).toBe('EVIO_UPGRADE');
        await sleep(1_000);
      });
      expectWhole(results, quiet);
      expect(net.relay.process?.running).toBe(true);
      if (world === worlds[0])
        others.push([
          '`evio upgrade` to a relay of before',
          `\`EVIO_UPGRADE\`; it goes on, ${lostOf(results)} datagrams lost`,
        ]);
    },
  );

  it.runIf(world.relay !== world.maker)('goes on in the place of a node of the other version', async () => {
    const [direct, byUdp] = joined as [TestNode, TestNode];
    const to = world.joiners;
    const begin = () =>
      Promise.all([
        flow(maker, direct, 6011),
        flow(direct, maker, 6012),
        flow(maker, byUdp, 6013),
        flow(byUdp, maker, 6014),
      ]);
    const quiet = await during(begin, () => sleep(1_500));
    let gapMs = 0;
    const results = await during(begin, async () => {
      maker.node.program = programs[to];
      ({ gapMs } = await maker.node.json<{ gapMs: number }>(['upgrade']));
      await sleep(1_500);
    });
    expectWhole(results, quiet);
    for (const other of joined) await reaches(other, maker, 10_000);
    others.push([
      `a node of ${world.maker} by \`evio upgrade\` of ${to}, a datagram a millisecond each way, direct and by a relay`,
      `${lostOf(results)} lost, ${results.reduce((sum, { twice }) => sum + twice, 0)} twice; ${gapMs} ms`,
    ]);
  });

  it.runIf(world.relay === 'now' && world.joiners === 'before')(
    'sends no copies to a member that takes them for an attack',
    async () => {
      const [direct] = joined as [TestNode];
      const stop = await flow(maker, direct, 6021);
      await sleep(1_000);
      const router = direct.site.routers.at(-1) ?? '';
      const back = maker.site.outside.v4 as string;
      const rules = `table inet cut { chain forward { type filter hook forward priority 10; ip daddr ${back} meta l4proto udp drop; }; }`;
      await shell(router, `nft '${rules}'\n`);
      await untilPath(maker, direct, 'relay-udp', 15_000);
      await shell(router, 'nft delete table inet cut\n');
      const { lost, sent } = await stop();
      const { log } = await maker.node.json<{ log: readonly { event: string }[] }>(['why', direct.node.name]);
      expect(log.map(({ event }) => event)).toContain('doubt');
      const count = (await refusalsOf(direct)).find(({ name }) => name === maker.node.name)?.count ?? {};
      expect(count).not.toHaveProperty('replayed');
      expect(net.accusations).toEqual([]);
      others.push([
        'a direct path that breaks in one direction, from now to before',
        `no copies go (each was \`replayed\` there); ${lost} of ${sent} datagrams lost`,
      ]);
    },
  );

  it.runIf(world.relay === 'now' && world.joiners === 'before')(
    'goes on in the place of a relay whose members know nothing of that',
    async () => {
      const [, byUdp, blocked] = joined as [TestNode, TestNode, TestNode];
      const begin = () =>
        Promise.all([
          flow(maker, byUdp, 6031),
          flow(byUdp, maker, 6032),
          flow(maker, blocked, 6033),
          flow(blocked, maker, 6034),
        ]);
      const quiet = await during(begin, () => sleep(1_500));
      const results = await during(begin, async () => {
        await net.relay.json(['upgrade']);
        await sleep(3_000);
      });
      expectWhole(results.slice(0, 2), quiet);
      // After a minute the process before closes the connections that are left, and they connect again.
      const later = await during(begin, () => sleep(64_000));
      for (const other of [byUdp, blocked]) await reaches(maker, other, 10_000);
      for (const { lost, sent, twice } of later) expect([lost < 0.1 * sent, twice]).toEqual([true, 0]);
      others.push([
        'a relay of now by `evio upgrade` of now, its members of before',
        `by UDP ${lostOf(results.slice(0, 2))} lost, by WebSocket ${lostOf(results.slice(2))}; when the process before closes what is left, a minute later, of a minute's ${lostOf(later)}`,
      ]);
    },
  );

  it('bars a member, whoever says so', async () => {
    const [admin, second, third] = joined as [TestNode, TestNode, TestNode];
    const gone = async (who: TestNode, at: readonly TestNode[]): Promise<void> => {
      for (const one of at)
        await until(`${one.node.name} does not list ${who.node.name}`, 10_000, async () => {
          return !(await one.node.peers()).some(({ name }) => name === who.node.name);
        });
    };
    await maker.node.cli(['revoke', third.node.name]);
    await gone(third, [maker, admin, second]);
    await admin.node.cli(['revoke', second.node.name]);
    await gone(second, [admin, maker]);
    expect(net.accusations).toEqual([]);
    if (world === worlds.at(-1))
      others.push(['policy, admins, subnets, revocations, said by either', 'known to all within 10 s']);
  });
});

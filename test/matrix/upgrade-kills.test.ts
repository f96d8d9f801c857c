/**
 * `evio upgrade` with kill -9 of either process at a random instant, again and again: one of the two serves afterwards, never both,
 * whoever was reached is reached again, and the next upgrade works. EVIO_KILLS says how often.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import type { RigNode } from '../../src/lab/rig.js';
import { flow, type Flow, type Outcome } from '../lab/flow.js';
import { reaches, TestNet, udpPortOf, untilPath, type TestNode } from '../lab/support.js';
import { SeededRandom } from '../support/virtual.js';

const kills = Number(process.env['EVIO_KILLS'] ?? 30);
const random = new SeededRandom(Number(process.env['EVIO_KILL_SEED'] ?? 12));

/** Processes that hold the UDP port of a relay or a node on its machine. */
async function servers({ host }: RigNode, port: number): Promise<number[]> {
  const { stdout } = await host.run(['ss', '-Huanp', `sport = :${port}`]);
  return [...new Set([...stdout.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid)))];
}

/** The one that serves, once there is one only. */
async function server(of: RigNode, port: number): Promise<number> {
  let found: number[] = [];
  await expect
    .poll(async () => (found = await servers(of, port)), { timeout: 30_000, interval: 50 })
    .toHaveLength(1);
  return found[0] as number;
}

/** Processes that this one has started. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

interface Round {
  readonly victim: 'leaver' | 'successor';
  /** Who served before is who serves now. */
  readonly stayed: boolean;
  /** What the command said: an error's code, or that it went well. */
  readonly said: string;
  /** From the kill until everybody was reached again, ms. */
  readonly backMs: number;
}

/** An upgrade that nobody disturbs: ms from the birth of the successor until the command ends. */
async function undisturbed(of: RigNode): Promise<number> {
  const begun = performance.now();
  await of.json(['upgrade']);
  return performance.now() - begun;
}

interface Means {
  /** Resolves once everybody is reached again. */
  readonly back: () => Promise<void>;
  /** Starts it once more. */
  readonly anew: () => Promise<unknown>;
}

/** An upgrade in which one is killed; undefined when all was over before it came to that. */
async function killed(
  of: RigNode,
  port: number,
  victim: Round['victim'],
  withinMs: number,
  { back, anew }: Means,
): Promise<Round | undefined> {
  const leaver = await server(of, port);
  const before = new Set(childrenOf(leaver));
  let over = false;
  const asked = of.cli(['upgrade', '--json'], { allowFailure: true }).finally(() => (over = true));
  let successor: number | undefined;
  while (!over && successor === undefined) {
    await sleep(2);
    successor = childrenOf(leaver).find((pid) => !before.has(pid));
  }
  await sleep(random.unit() * withinMs);
  // The leaver of a relay still passes on what comes by TCP; a successor that has taken everything is all there is.
  if (successor === undefined || (over && victim === 'successor')) {
    await asked;
    return undefined;
  }
  process.kill(victim === 'leaver' ? leaver : successor, 'SIGKILL');
  const at = performance.now();
  const { stdout } = await asked;
  const said = (JSON.parse(stdout || '{}') as { error?: { code: string } }).error?.code ?? 'well';
  if (victim === 'successor' && said === 'well') {
    // It had taken everything before the command could end: nobody is left, as after any kill.
    await anew();
    await back();
    return undefined;
  }
  const serves = await server(of, port);
  expect([leaver, successor]).toContain(serves);
  if (victim === 'leaver') expect(serves).toBe(successor);
  await back();
  return { victim, stayed: serves === leaver, said, backMs: Math.round(performance.now() - at) };
}

async function campaign(of: RigNode, port: number, means: Means): Promise<void> {
  const span = await undisturbed(of);
  const rounds: Round[] = [];
  for (let tries = 0; rounds.length < kills && tries < 3 * kills; tries++) {
    const victim = tries % 2 === 0 ? 'leaver' : 'successor';
    const round = await killed(of, port, victim, victim === 'leaver' ? 1.5 * span : span, means);
    if (round) rounds.push(round);
  }
  const words = rounds.map(
    ({ victim, said, stayed }) =>
      `${victim} killed, ${stayed ? 'it' : 'the other'} serves on, the command says ${said}`,
  );
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const times = rounds.map(({ backMs }) => backMs).sort((a, b) => a - b);
  console.log([...counts].map(([word, count]) => `${count}: ${word}`).join('\n'));
  console.log(
    `everybody reached again after ${times[times.length >> 1]} ms (median), ${times.at(-1)} ms (longest)`,
  );
  expect(rounds).toHaveLength(kills);
}

describe('upgrade with kills', { timeout: 120_000 + kills * 60_000 }, () => {
  let net: TestNet;
  let first: TestNode;
  let second: TestNode;
  let blocked: TestNode;
  beforeAll(async () => {
    net = await TestNet.create({ nat: 'address-and-port-dependent' });
    second = await net.add({ nat: 'address-and-port-dependent' });
    blocked = await net.add({ nat: 'udp-blocked' });
    [first] = net.nodes as [TestNode];
    await untilPath(first, second, 'relay-udp', 20_000);
    await untilPath(blocked, first, 'relay-ws', 20_000);
  });
  const relayPort = 443;
  afterAll(async () => {
    // Who went on in the place of one that was killed is nobody's child.
    for (const [of, port] of [
      [net.rig.relay, relayPort],
      [first.node, udpPortOf(first)],
    ] as const)
      for (const pid of await servers(of, port)) process.kill(pid, 'SIGTERM');
    await net.destroy();
  });
  const back = async (): Promise<void> => {
    await reaches(first, second, 40_000);
    await reaches(blocked, first, 40_000);
  };
  /** Nothing comes twice, whoever is killed. */
  const beside = async (work: () => Promise<void>): Promise<void> => {
    const flows: Flow[] = [await flow(first, second, 6001), await flow(second, first, 6002)];
    let outcomes: Outcome[];
    try {
      await work();
    } finally {
      outcomes = await Promise.all(flows.map((stop) => stop()));
    }
    for (const { twice } of outcomes) expect(twice).toBe(0);
  };

  it('of a relay', async () => {
    const online = async (): Promise<number[]> =>
      (await net.rig.relay.json<{ networks: { online: number }[] }>(['relay', 'networks'])).networks.map(
        (each) => each.online,
      );
    const means: Means = {
      back: async () => {
        await back();
        await expect.poll(online, { timeout: 40_000, interval: 200 }).toEqual([3]);
      },
      anew: () => net.rig.startRelay(),
    };
    await beside(() => campaign(net.rig.relay, relayPort, means));
    await net.rig.relay.json(['upgrade']);
    await back();
  });

  it('of a node', async () => {
    const anew = async (): Promise<void> => {
      first.node.launch(['node']);
      await first.node.up();
    };
    await beside(() => campaign(first.node, udpPortOf(first), { back, anew }));
    await first.node.json(['upgrade']);
    await back();
  });
});

/**
 * Every kind of site against every kind, its own too: is every pair connected, who becomes direct, and how soon? One network, all of
 * its nodes at once. The tables go to docs/connectivity.md.
 *
 * MATRIX_RUNS: how often, each time a new network; default once. MATRIX_NODES: nodes of each kind, default two; of one there are no
 * pairs of the same kind, a run takes a third of the time, and its table stands by itself.
 */
import { afterEach, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { pathWord, TestNet, type TestNode } from '../lab/support.js';
import { kinds, technique, type Kind } from './kinds.js';
import { directWithinMs, inTime, Pairs, type Pair } from './pairs.js';
import { Places } from './places.js';
import { circumstances, markdownTable, writeSection } from './report.js';

const runs = Number(process.env['MATRIX_RUNS'] ?? '1');
const each = Number(process.env['MATRIX_NODES'] ?? '2');
/** What is waited for a pair that can be direct, ms. */
const patienceMs = 12_000;

/** What each node told of each other one: when it was connected first, and direct. */
class Times {
  readonly #connected = new Map<string, number>();
  readonly #direct = new Map<string, number>();

  hear(source: string, line: string): void {
    if (!line.includes('"event":"peer-')) return;
    const { event, name, to } = JSON.parse(line) as { event: string; name: string; to?: string | null };
    const key = `${source} ${name}`;
    const now = performance.now();
    if (event === 'peer-connected' && !this.#connected.has(key)) this.#connected.set(key, now);
    if (event === 'peer-path' && to === 'direct' && !this.#direct.has(key)) this.#direct.set(key, now);
  }

  directMs(a: string, b: string): number | undefined {
    const of = (map: Map<string, number>): (number | undefined)[] => [
      map.get(`${a} ${b}`),
      map.get(`${b} ${a}`),
    ];
    const began = of(this.#connected).filter((at) => at !== undefined);
    const direct = of(this.#direct);
    if (began.length === 0 || direct.includes(undefined)) return undefined;
    return Math.max(0, Math.max(...(direct as number[])) - Math.min(...began));
  }
}

let net: TestNet | undefined;
let places: Places | undefined;
afterEach(clear);

async function clear(): Promise<void> {
  await places?.stop();
  await net?.destroy();
  net = places = undefined;
}

interface Measured extends Omit<Pair, 'paths'> {
  readonly a: number;
  readonly b: number;
}

async function measure(nodes: readonly TestNode[], a: number, b: number, times: Times): Promise<Measured> {
  const [one, other] = [nodes[a] as TestNode, nodes[b] as TestNode];
  const pingMs = await firstPing(one.ns, other.node.ip, 15_000);
  const direct = (): number | undefined => times.directMs(one.node.name, other.node.name);
  const wanted = technique(kindOf(a).name, kindOf(b).name) !== undefined;
  for (const end = performance.now() + patienceMs; wanted && performance.now() < end; await sleep(250))
    if (direct() !== undefined) break;
  return { a, b, pingMs, directMs: direct() };
}

/** Of the node of this number. */
const kindOf = (number: number): Kind => kinds[number % kinds.length] as Kind;

/** One network, every node of it with every other. */
async function runOnce(run: number, pairs: Pairs): Promise<void> {
  const times = new Times();
  const onLine = (source: string, line: string): void => {
    times.hear(source, line);
  };
  const made = (net = await TestNet.create({ nat: kindOf(0).nat }, { onLine, birthday: true }));
  const { nodes } = made;
  places = new Places(made);
  const measured: Measured[] = [];
  for (let j = 1; j < each * kinds.length; j++) {
    const joiner = await places.place(kindOf(j));
    made.join(joiner, places.joinWords(kindOf(j)));
    await joiner.node.up();
    measured.push(...(await Promise.all(nodes.slice(0, j).map((_, i) => measure(nodes, i, j, times)))));
  }
  const known = await Promise.all(nodes.map(async ({ node }) => node.peers()));
  const path = (from: number, to: number): string =>
    pathWord(known[from]?.find(({ name }) => name === nodes[to]?.node.name));
  for (const { a, b, ...times } of measured) {
    const pair = { ...times, paths: [path(a, b), path(b, a)] };
    pairs.add(kindOf(a), kindOf(b), pair);
    const late = technique(kindOf(a).name, kindOf(b).name) !== undefined && !inTime(pair);
    if (pair.pingMs !== undefined && !late) continue;
    const why = await nodes[b]?.node.cli(['why', `n${a}`], { allowFailure: true });
    console.log(
      `run ${run}: ${kindOf(a).name} and ${kindOf(b).name}: ${JSON.stringify(pair)}\n${why?.stdout ?? ''}`,
    );
  }
  await clear();
}

async function write(pairs: Pairs, done: number, begun: number): Promise<void> {
  const { all, able, connected } = pairs;
  const direct = able.filter(inTime);
  const minutes = Math.max(1, Math.round((performance.now() - begun) / 60_000));
  const count = each === 1 ? 'One node' : `${each} nodes`;
  const text = [
    `${count} of each kind, all in one network, ${done} run${done === 1 ? '' : 's'}, each a new network.`,
    `Connected: ${connected.length} of ${all.length} pairs. Of the ${able.length} that a technique of evio can make direct,`,
    `${direct.length} were direct within ${directWithinMs / 1_000} s at their first try (${(100 * pairs.share).toFixed(1)} %), counted from`,
    `the moment at which the two were connected, which is by the relay, until both ends were direct.`,
    `${circumstances()}; it took ${minutes} minute${minutes === 1 ? '' : 's'}.`,
  ].join(' ');
  const parts = [
    ...(each === 1 ? [] : [markdownTable([['site', 'is'], ...kinds.map((k) => [`\`${k.name}\``, k.what])])]),
    pairs.matrix(),
    pairs.techniques(),
    text,
  ];
  await writeSection(each === 1 ? 'matrix-again' : 'matrix', parts.join('\n\n'));
  console.log(`\n${pairs.techniques()}\n\n${text}\n`);
}

it(
  'connects every pair, and makes direct what can be',
  async () => {
    const begun = performance.now();
    const pairs = new Pairs();
    for (let run = 1; run <= runs; run++) {
      await runOnce(run, pairs);
      // After each, so that a run that is stopped leaves what it found.
      await write(pairs, run, begun);
    }
    expect(pairs.connected.length).toBe(pairs.all.length);
    expect(pairs.share).toBeGreaterThanOrEqual(runs < 30 ? 0.9 : 0.97);
  },
  runs * 600_000,
);

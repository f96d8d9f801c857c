/**
 * Every kind of site against every kind, its own too: is every pair connected, who becomes direct, and how soon? One network, two
 * nodes of each kind, all of them at once. MATRIX_RUNS says how often, default once; the tables go to docs/connectivity.md.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { findProgram, LabProcess, shell, sleep } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { insideDevice, outsideDevice } from '../../src/lab/rules.js';
import type { Site, SiteOptions } from '../../src/lab/site.js';
import { pathWord, peerOf, TestNet, type TestNode } from '../lab/support.js';
import { circumstances, markdownTable, writeSection } from './report.js';

const runs = Number(process.env['MATRIX_RUNS'] ?? '1');
/** How long a pair that can be direct may take, ms, from when it is connected; and what is waited for it. */
const directWithinMs = 5_000;
const patienceMs = 12_000;

interface Kind {
  readonly name: string;
  readonly nat: SiteOptions['nat'];
  readonly what: string;
}
const mapping: Kind = {
  name: 'mapped',
  nat: 'address-and-port-dependent',
  what: 'as `random`, and its router opens ports when asked (miniupnpd, PCP)',
};
const kinds: Kind[] = [
  { name: 'public', nat: 'public', what: 'a public address of both families' },
  { name: 'EIF', nat: 'endpoint-independent-filtering', what: 'endpoint-independent mapping and filtering' },
  {
    name: 'ADF',
    nat: 'address-dependent-filtering',
    what: 'endpoint-independent mapping, address-dependent filtering',
  },
  {
    name: 'APDF',
    nat: 'endpoint-independent',
    what: 'endpoint-independent mapping, address-and-port-dependent filtering',
  },
  { name: 'double', nat: 'double-nat', what: 'two routers as `APDF` in a row' },
  {
    name: 'sequential',
    nat: 'sequential-ports',
    what: 'address-and-port-dependent mapping and filtering, ports in a row',
  },
  {
    name: 'random',
    nat: 'address-and-port-dependent',
    what: 'address-and-port-dependent mapping and filtering, random ports',
  },
  ...(findProgram('miniupnpd') === undefined ? [] : [mapping]),
  { name: 'v6', nat: 'ipv6-only', what: 'IPv6 only, behind a stateful firewall' },
  { name: 'no-udp', nat: 'udp-blocked', what: 'as `APDF`, UDP is dropped' },
  { name: 'tcp-443', nat: 'tcp-443-only', what: 'nothing but TCP to port 443 gets out' },
];

const easy = ['public', 'EIF', 'ADF', 'APDF', 'double', 'mapped'];
/** Let in what comes from ports that were not sent to. */
const open = ['public', 'EIF', 'ADF', 'mapped'];

/** Some technique that evio has makes this pair direct. */
function canBeDirect(a: string, b: string): boolean {
  const both = (one: readonly string[], other: readonly string[]): boolean =>
    (one.includes(a) && other.includes(b)) || (one.includes(b) && other.includes(a));
  return (
    both(easy, easy) || both(['random'], open) || both(['sequential'], easy) || both(['v6'], ['v6', 'public'])
  );
}

interface Pair {
  readonly pingMs: number | undefined;
  readonly path: string;
  /** From when it was connected until both ends were direct. */
  readonly directMs: number | undefined;
}

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

const daemons: LabProcess[] = [];
let net: TestNet | undefined;
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop(1_000);
  await net?.destroy();
  net = undefined;
});

/** The site's router opens ports when it is asked. */
async function openRouter(site: Site, folder: string): Promise<void> {
  const ns = site.routers[0] as string;
  const chain = (name: string, hook: string): string => `chain ${name} { type ${hook}; jump UPNP_${name}; }`;
  await shell(
    ns,
    [
      "nft -f - <<'END'",
      'table inet upnp {',
      'chain UPNP_forward { }',
      'chain UPNP_pre { }',
      'chain UPNP_post { }',
      chain('forward', 'filter hook forward priority -10'),
      chain('pre', 'nat hook prerouting priority -110'),
      chain('post', 'nat hook postrouting priority 90'),
      '}',
      'END',
      '',
    ].join('\n'),
  );
  const config = join(folder, `miniupnpd-${site.name}.conf`);
  writeFileSync(
    config,
    [
      `ext_ifname=${outsideDevice}`,
      `listening_ip=${insideDevice}`,
      'enable_natpmp=yes',
      'enable_upnp=no',
      'uuid=428a723d-d202-4e0c-811b-64ec5baee76c',
      'upnp_table_name=upnp',
      'upnp_nat_table_name=upnp',
      'upnp_forward_chain=UPNP_forward',
      'upnp_nat_chain=UPNP_pre',
      'upnp_nat_postrouting_chain=UPNP_post',
      'min_lifetime=120',
      'allow 1024-65535 192.168.0.0/16 1024-65535',
      'deny 0-65535 0.0.0.0/0 0-65535',
      '',
    ].join('\n'),
  );
  const daemon = new LabProcess(['miniupnpd', '-d', '-f', config, '-P', `${config}.pid`], { ns });
  daemons.push(daemon);
  await daemon.line(/Listening for NAT-PMP/, 5_000);
}

async function measure(a: TestNode, b: TestNode, times: Times, wanted: boolean): Promise<Pair> {
  const [nameA, nameB] = [a.node.name, b.node.name];
  const pingMs = await firstPing(a.ns, b.node.ip, 15_000);
  for (const end = performance.now() + (wanted ? patienceMs : 0); performance.now() < end; await sleep(250)) {
    if (times.directMs(nameA, nameB) !== undefined) break;
  }
  return { pingMs, path: pathWord(await peerOf(a, b)), directMs: times.directMs(nameA, nameB) };
}

/** By the names of the two kinds, in the order of `kinds`. */
type Results = Map<string, Pair[]>;

const keyOf = (a: Kind, b: Kind): string =>
  kinds.indexOf(a) <= kinds.indexOf(b) ? `${a.name} ${b.name}` : `${b.name} ${a.name}`;

/** One network, every node of it with every other. */
async function runOnce(results: Results): Promise<void> {
  const times = new Times();
  const all = [...kinds, ...kinds];
  const made = (net = await TestNet.create(
    { nat: (all[0] as Kind).nat },
    {
      onLine: (source, line) => {
        times.hear(source, line);
      },
    },
  ));
  for (const [j, kind] of all.entries()) {
    if (j === 0) continue;
    // The daemon works with an address that the internet has only. No packet leaves the lab.
    const options = kind === mapping ? { nat: kind.nat, v4: `11.22.33.${j + 1}` } : { nat: kind.nat };
    const joiner = await made.place(options);
    if (kind === mapping) await openRouter(joiner.site, made.rig.folder);
    made.join(joiner);
    await joiner.node.up();
    await Promise.all(
      all.slice(0, j).map(async (other, i) => {
        const able = canBeDirect(other.name, kind.name);
        const pair = await measure(made.nodes[i] as TestNode, joiner, times, able);
        const key = keyOf(other, kind);
        results.set(key, [...(results.get(key) ?? []), pair]);
      }),
    );
  }
  await made.destroy();
  net = undefined;
  for (const daemon of daemons.splice(0)) await daemon.stop(1_000);
}

const inTime = ({ directMs }: Pair): boolean => directMs !== undefined && directMs <= directWithinMs;
const seconds = (ms: number): string => (ms / 1_000).toFixed(1);

/** The slowest of the pairs of two kinds, and how many were not direct in time where they can be. */
function cellOf(a: Kind, b: Kind, results: Results): string {
  const pairs = results.get(keyOf(a, b)) ?? [];
  const lost = pairs.filter(({ pingMs }) => pingMs === undefined).length;
  if (lost > 0) return `**${lost} of ${pairs.length} not connected**`;
  const direct = pairs.filter(({ directMs }) => directMs !== undefined);
  if (direct.length === 0 && !canBeDirect(a.name, b.name))
    return [...new Set(pairs.map(({ path }) => path))].join(', ');
  const slowest = seconds(Math.max(...direct.map(({ directMs = 0 }) => directMs)));
  const late = pairs.filter((pair) => !inTime(pair)).length;
  return late === 0 ? `direct ${slowest} s` : `**direct ${pairs.length - late} of ${pairs.length}**`;
}

it('connects every pair, and makes direct what can be', async () => {
  const begun = performance.now();
  const results: Results = new Map();
  for (let run = 0; run < runs; run++) await runOnce(results);
  const minutes = Math.max(1, Math.round((performance.now() - begun) / 60_000));
  const pairs = [...results.values()].flat();
  const able = kinds.flatMap((a, i) =>
    kinds.slice(i).flatMap((b) => (canBeDirect(a.name, b.name) ? (results.get(keyOf(a, b)) ?? []) : [])),
  );
  const direct = able.filter(inTime);
  const connected = pairs.filter(({ pingMs }) => pingMs !== undefined);
  const sorted = direct.map(({ directMs = 0 }) => directMs).sort((a, b) => a - b);
  const at = (share: number): string =>
    seconds(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  const share = (100 * direct.length) / able.length;
  const rows = kinds.map((a, i) => [
    `**${a.name}**`,
    ...kinds.map((b, j) => (j < i ? '' : cellOf(a, b, results))),
  ]);
  const text = [
    markdownTable([['site', 'is'], ...kinds.map(({ name, what }) => [`\`${name}\``, what])]),
    markdownTable([['', ...kinds.map(({ name }) => name)], ...rows]),
    [
      `Two nodes of each kind, all in one network, ${runs} run${runs === 1 ? '' : 's'}. A cell has the slowest of its pairs, from the`,
      'moment at which the two were connected, which is by the relay, until both ends were direct.',
      `Connected: ${connected.length} of ${pairs.length} pairs. Of the ${able.length} that a technique of evio can make direct,`,
      `${direct.length} were direct within ${directWithinMs / 1_000} s (${share.toFixed(1)} %): half of them within ${at(0.5)} s, 95 % within`,
      `${at(0.95)} s. ${circumstances()}; it took ${minutes} minute${minutes === 1 ? '' : 's'}.`,
    ].join(' '),
  ].join('\n\n');
  await writeSection('matrix', text);
  console.log(`\n${text}\n`);
  expect(connected.length).toBe(pairs.length);
  expect(share).toBeGreaterThanOrEqual(90);
});

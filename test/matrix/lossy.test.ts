/**
 * TCP over a long and lossy link, bare and through evio by turns: `npm run lossy`, LOSSY_SECONDS each. The table goes to
 * docs/connectivity.md. The lab's wire loses packets singly and keeps their order (lab/uplink.ts).
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { iperfTcp, ping } from '../../src/lab/measure.js';
import { reaches, TestNet, untilPath, type TestNode } from '../lab/support.js';
import { circumstances, markdownTable, writeSection } from './report.js';

const seconds = Number(process.env['LOSSY_SECONDS'] ?? '8');
const loss = 0.05;
const roundTripMs = 80;
/** IP and TCP headers with timestamps; what is left of an MTU is payload. */
const headers = 52;
/** Of the link between the two, and so of bare TCP. */
const linkMtu = 1_500;

interface Row {
  readonly congestion: 'cubic' | 'bbr';
  readonly streams: number;
  readonly linkMbps: number;
  readonly mtu: number;
  readonly turns: number;
}

/**
 * A stream that losses hold back differs from itself by a factor of two, so many go at once on a link that has room for all. One that
 * fills the line goes alone, on a line that no processor limits: there headers count as they do in the field. It goes more often.
 */
const rows: readonly Row[] = [
  { congestion: 'cubic', streams: 40, linkMbps: 100, mtu: 1_400, turns: 3 },
  { congestion: 'bbr', streams: 1, linkMbps: 20, mtu: 1_400, turns: 8 },
  { congestion: 'cubic', streams: 40, linkMbps: 100, mtu: 1_350, turns: 3 },
];
const known = readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').split(/\s+/);

let net: TestNet;
let a: TestNode, b: TestNode;

beforeAll(async () => {
  // The narrow line is the router's, as in the field: where it is the machine's own, the kernel sends bare TCP no faster than that
  // takes it (TSQ), and nothing of a burst is lost.
  net = await TestNet.create({ nat: 'endpoint-independent' });
  b = await net.add({ nat: 'public' });
  [a] = net.nodes as [TestNode];
  await bothDirect();
  await a.site.setLoss(loss);
  await a.site.setDelay(roundTripMs / 2);
});
afterAll(async () => {
  await net?.destroy();
});

async function bothDirect(): Promise<void> {
  await reaches(a, b, 15_000);
  await untilPath(a, b, 'direct', 15_000);
  await untilPath(b, a, 'direct', 15_000);
}

async function mtuOf({ node }: TestNode): Promise<number> {
  return (await node.json<{ device: { mtu: number } }>(['status'])).device.mtu;
}

/** Members make their interfaces anew. */
async function setMtu(mtu: number): Promise<void> {
  if ((await mtuOf(a)) === mtu) return;
  await a.node.cli(['network', 'set', `mtu=${mtu}`]);
  const soon = { timeout: 30_000, interval: 300 };
  await expect
    .poll(() => Promise.all([a, b].map((node) => mtuOf(node).catch(() => 0))), soon)
    .toEqual([mtu, mtu]);
}

const mean = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0) / list.length;

it('TCP through evio loses what its headers take, and no more', async () => {
  const trip = await ping(a.ns, b.site.host.v4 as string, { count: 100, intervalMs: 20 });
  const inside = await ping(a.ns, b.node.ip, { count: 100, intervalMs: 20 });
  const cells: string[][] = [];
  const shares: { what: string; share: number; alike: number }[] = [];
  for (const { congestion, streams, linkMbps, mtu, turns } of rows.filter((row) =>
    known.includes(row.congestion),
  )) {
    await setMtu(mtu);
    await a.site.setRate(linkMbps);
    await bothDirect();
    const outside = b.site.host.v4 as string;
    const ways = { bare: [] as number[], same: [] as number[], evio: [] as number[] };
    const options = { seconds, congestion, streams };
    const one = async (to: string, segment?: number): Promise<number> =>
      (await iperfTcp(a.ns, b.ns, to, { ...options, ...(segment !== undefined && { segment }) })).mbps /
      streams;
    for (let turn = 0; turn < turns; turn++) {
      ways.bare.push(await one(outside));
      ways.same.push(await one(outside, mtu - headers));
      ways.evio.push(await one(b.node.ip));
    }
    expect(await untilPath(a, b, 'direct', 1_000)).toBeLessThan(1_000);
    const list = (mbps: readonly number[]): string => mbps.map((m) => m.toFixed(3)).join(' ');
    const what = `${congestion}, MTU ${mtu}`;
    console.log(`${what}: bare ${list(ways.bare)}, same ${list(ways.same)}, evio ${list(ways.evio)}`);
    const [bare, same, evio] = [mean(ways.bare), mean(ways.same), mean(ways.evio)];
    shares.push({ what, share: evio / bare, alike: evio / same });
    cells.push([
      what,
      `${streams}, ${linkMbps} Mbit/s`,
      `${turns}`,
      ...[bare, same, evio].map((mbps) => mbps.toFixed(3)),
      (evio / bare).toFixed(2),
      ((mtu - headers) / (linkMtu - headers)).toFixed(2),
      (evio / same).toFixed(2),
    ]);
  }
  const ways = ['bare', 'bare, segments as through evio', 'through evio'];
  const ratios = ['share of bare', 'payload of a segment, of bare’s', 'share of the same segments'];
  const table = markdownTable([
    ['congestion control', 'streams, link', 'turns', ...ways, ...ratios],
    ...cells,
  ]);
  const text = `${table}

Mbit/s of one stream. The streams of a row go at once, for ${seconds} s, each way by turns, over a link that loses ${loss * 100} % of the
packets each way, one by one, and has a round trip of ${roundTripMs} ms (${trip.medianMs.toFixed(1)} ms measured, ${inside.medianMs.toFixed(1)} ms through evio; ${trip.sent - trip.received} and ${inside.sent - inside.received} of ${trip.sent}
pings lost). ${circumstances()}.`;
  console.log(`\n${text}\n`);
  await writeSection('lossy', text);
  for (const { what, share, alike } of shares) {
    expect(share, what).toBeGreaterThanOrEqual(0.83);
    // Of BBR, which fills the line, 0.95 is what headers leave.
    expect(alike, what).toBeGreaterThanOrEqual(0.88);
  }
});

/** `evio sim` as plain text. */
import type { SimPicture, SimProgress, SimReport } from '../../sim/report.js';
import { facts, formatBytes, table } from '../format.js';
import { drawRing, type RingPoint } from '../ring.js';

/** Virtual times: seconds say enough. */
function seconds(ms: number | null | undefined): string {
  if (ms === undefined) return 'left out';
  return ms === null ? 'not within a minute' : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function percent(share: number): string {
  const text = (share * 100).toFixed(2);
  return share < 1 && text === '100.00' ? '< 100 %' : `${text.replace(/\.?0+$/, '')} %`;
}

/** `  12.5 s  200 members join`: virtual time and what happens. */
export function simLine({ nowMs, text }: SimProgress): string {
  return `${(nowMs / 1000).toFixed(1).padStart(7)} s  ${text}`;
}

/** @param wallMs how long the simulation took */
export function simText(report: SimReport, wallMs: number): string {
  const { joinMs, hops, degree, flood, traffic, healMs, churn } = report;
  const whole =
    report.misplaced === 0 ? 'whole' : `${report.misplaced} members without their true neighbours`;
  const parts = [
    facts([
      ['members', `${report.nodes}, seed ${report.seed}`],
      [
        'joined in',
        `${seconds(joinMs.p50)} median, ${seconds(joinMs.p99)} p99; first link ${seconds(joinMs.firstLink.p50)} median`,
      ],
      ['ring', whole],
      [
        'hops',
        `${hops.mean.toFixed(2)} mean, ${hops.p99} p99, ${hops.max} max; ${percent(report.delivered)} delivered`,
      ],
      ['links', `${degree.mean.toFixed(1)} mean, ${degree.max} max`],
      [
        'broadcasts',
        `${flood.copies} copies each, ${flood.missed} missed, ${flood.duplicates} duplicates, of ${flood.broadcasts}`,
      ],
      [
        'idle traffic',
        `${formatBytes(traffic.meanBytesPerS)}/s mean, ${formatBytes(traffic.p99BytesPerS)}/s p99, ${formatBytes(traffic.maxBytesPerS)}/s max per member`,
      ],
    ]),
  ];
  const heals: readonly (readonly [string, number | null | undefined])[] = [
    ['5 % leave: all whole', healMs.leave],
    ['10 % crash: ring whole', healMs.ring],
    ['10 % crash: broadcasts complete', healMs.floods],
    ['cut in two: both halves whole', healMs.split],
    ['joined again: all whole', healMs.merge],
  ];
  const played = heals.filter(([, ms]) => ms !== undefined);
  if (played.length > 0)
    parts.push(
      table(
        ['EVENT', 'HEALED AFTER'],
        played.map(([what, ms]) => [what, seconds(ms)]),
      ),
    );
  if (churn) {
    parts.push(
      facts([
        [
          'churn',
          `${churn.replaced} members replaced in ${seconds(churn.forMs)}, ${percent(churn.crashShare)} of them crashed`,
        ],
        [
          'delivered',
          `${percent(churn.firstTry)} at the first try, ${percent(churn.delivered)} within three, of ${churn.packets} packets`,
        ],
        ['traffic', `${formatBytes(churn.meanBytesPerS)}/s per member`],
      ]),
    );
  }
  parts.push(`Simulated in ${(wallMs / 1000).toFixed(1)} s.\n`);
  return parts.join('\n');
}

/** The circle with the links of one member; empty where there is no room. */
export function simRing(
  { members, focus, links }: SimPicture,
  size: { readonly columns: number; readonly rows: number },
  ascii = false,
): string {
  if (members.length === 0) return '';
  const [self, ring, long] = ascii ? ['@', '+', 'o'] : ['●', '◆', '○'];
  // Turned so that the member shown stands at the top.
  const angle = (at: number): number => (((at - focus.at) % 1) + 1) % 1;
  const points: RingPoint[] = [
    { angle: 0, mark: self, label: focus.id.slice(0, 8) },
    ...links.map(({ at, kind }) => ({ angle: angle(at), mark: kind === 'ring' ? ring : long })),
  ];
  const chords = links.map((_, i) => [0, i + 1] as const);
  const lines = drawRing({ size, points, chords, ascii });
  if (lines.length === 0) return '';
  return `${lines.join('\n')}\n\n${self} one member  ${ring} its neighbours on the ring  ${long} its long links\n`;
}

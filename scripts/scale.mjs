// The table of docs/scale.md: node scripts/scale.mjs [FIRST] [LAST] [flags of evio sim...]   (after npm run build)
// One row of Markdown for each seed as it comes, then the means; some minutes a seed at --nodes 1000.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const [first = '1', last = '20', ...flags] = process.argv.slice(2);
const binary = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const seconds = (ms) => (ms === undefined ? '' : ms === null ? '> 60' : (ms / 1000).toFixed(2));

const columns = [
  ['seed', (r) => r.seed],
  ['join p50/p99 s', (r) => `${seconds(r.joinMs.p50)} / ${seconds(r.joinMs.p99)}`],
  ['links p50/p99 s', (r) => `${seconds(r.joinMs.links.p50)} / ${seconds(r.joinMs.links.p99)}`],
  ['hops mean', (r) => r.hops.mean.toFixed(2), (r) => r.hops.mean],
  ['p99', (r) => r.hops.p99],
  ['max', (r) => r.hops.max],
  ['links mean', (r) => r.degree.mean.toFixed(1), (r) => r.degree.mean],
  ['max', (r) => r.degree.max],
  ['copies', (r) => r.flood.copies],
  ['missed', (r) => r.flood.missed],
  ['duplicates', (r) => r.flood.duplicates],
  ['idle B/s', (r) => r.traffic.meanBytesPerS, (r) => r.traffic.meanBytesPerS],
  ['leave s', (r) => seconds(r.healMs.leave)],
  ['crash: ring s', (r) => seconds(r.healMs.ring), (r) => r.healMs.ring / 1000],
  ['crash: floods s', (r) => seconds(r.healMs.floods), (r) => r.healMs.floods / 1000],
  ['cut s', (r) => seconds(r.healMs.split)],
  ['merge s', (r) => seconds(r.healMs.merge)],
];
const row = (cells) => console.log(`| ${cells.join(' | ')} |`);
row(columns.map(([name]) => name));
row(columns.map(() => '---'));
const reports = [];
for (let seed = Number(first); seed <= Number(last); seed++) {
  const { stdout } = await promisify(execFile)(process.execPath, [
    binary,
    'sim',
    '--json',
    '--seed',
    String(seed),
    ...flags,
  ]);
  const report = JSON.parse(stdout);
  reports.push(report);
  row(columns.map(([, cell]) => cell(report)));
}
const mean = (of) => (reports.reduce((sum, report) => sum + of(report), 0) / reports.length).toFixed(2);
row(columns.map(([, , value], i) => (i === 0 ? 'mean' : value ? mean(value) : '')));

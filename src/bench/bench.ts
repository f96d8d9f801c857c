/**
 * `npm run bench`: evio and its peers through the same two NATs, in interleaved rounds.
 *
 *     node dist/bench/bench.js [--quick] [--brief] [--rounds 3] [--seconds 5] [--only evio,nebula]
 *                             [--json FILE] [--write | --no-write]
 *
 * As root it installs the peers that are missing from Debian's packages. Prints the tables and writes
 * docs/benchmarks.md and docs/benchmarks.json, unless --quick, --brief or --only. `--only` names contenders by a part of their
 * name, `=evio` by all of it. `--brief` leaves out eight streams, both directions, the lossy link, and the search for
 * the UDP rate (a flood is counted instead), and warms up for less long.
 *
 * `--quick` is for continuous integration: evio and its two fastest peers, one round, about a minute; ends with
 * status 1 on a gross regression (bench-limits.ts).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { quickPeers, regressions } from './bench-limits.js';
import { costTable, document, subject, table } from './bench-report.js';
import type { BenchReport, ContenderInfo, Sample, ScalePoint } from './bench-report.js';
import { sample } from './bench-sample.js';
import type { Effort } from './bench-sample.js';
import { memoryByPeers } from './many-peers.js';
import { openPorts } from './contender.js';
import type { Contender, Stage } from './contender.js';
import { contenders } from './contenders.js';
import { findProgram, requirePrograms, run } from '../lab/exec.js';
import { Rig } from '../lab/rig.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Installs what is missing by apt-get, without letting Debian start any of it. Returns why one is absent, or null. */
async function ensure(contender: Contender): Promise<string | null> {
  const missing = Object.entries(contender.programs).filter(
    ([program]) => findProgram(program) === undefined,
  );
  if (missing.length === 0) return null;
  const packages = [...new Set(missing.map(([, name]) => name))];
  if (findProgram('apt-get') === undefined) return `needs ${packages.join(', ')}`;
  say(`installing ${packages.join(', ')}`);
  const policy = '/usr/sbin/policy-rc.d';
  let ours = false;
  try {
    try {
      writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
      ours = true;
    } catch {
      // There is one already.
    }
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run(['apt-get', 'update', '-qq'], { env, timeoutMs: 300_000, allowFailure: true });
    const argv = ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages];
    await run(argv, { env, timeoutMs: 300_000 });
    return null;
  } catch (thrown) {
    return `could not install ${packages.join(', ')}: ${messageOf(thrown)}`;
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

async function versionOf(contender: Contender): Promise<string> {
  if (contender.name.startsWith(subject)) {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return `this checkout (${version})`;
  }
  const name = Object.values(contender.programs)[0];
  if (name === undefined) return '';
  const asked = await run(['dpkg-query', '-W', '-f', '${Version}', name], { allowFailure: true });
  return asked.status === 0 ? `Debian ${name} ${asked.stdout}` : '';
}

/** The contenders that `--only` names; all of them without it. */
function choose(only: string | undefined): readonly Contender[] {
  const words = only?.split(',').map((word) => word.trim().toLowerCase());
  const holds = (name: string, word: string): boolean =>
    word.startsWith('=') ? name === word.slice(1) : name.includes(word);
  return contenders.filter((c) => words?.some((word) => holds(c.name.toLowerCase(), word)) ?? true);
}

/** Memory by number of peers: of evio, whose peers can be made by the hundred here. None when it cannot be measured. */
async function scaleOf(rig: Rig): Promise<ScalePoint[]> {
  try {
    const points = await memoryByPeers(rig);
    say(points.map(({ peers, residentMiB }) => `${peers} peers: ${residentMiB.toFixed(1)} MiB`).join(', '));
    return points;
  } catch (thrown) {
    say(`memory by number of peers: ${messageOf(thrown)}`);
    return [];
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      brief: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean' },
      'no-write': { type: 'boolean' },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  const seconds = Number(values.seconds ?? (values.quick ? 2 : 5));
  if (!(rounds >= 1) || !(seconds >= 1))
    throw new EvioError('EVIO_BAD_VALUE', '--rounds and --seconds are numbers from 1');
  const only =
    values.only ?? (values.quick ? [subject, ...quickPeers].map((name) => `=${name}`).join() : undefined);
  const chosen = choose(only);
  const effort: Effort =
    values.quick || values.brief
      ? { seconds, searchSteps: values.quick ? 4 : 0, whole: false }
      : { seconds, searchSteps: 6, whole: true };

  requirePrograms('iperf3');
  const rig = await Rig.create({ prefix: `evbench${process.pid}` });
  const folder = mkdtempSync(join(tmpdir(), 'evio-bench-'));
  const infos: ContenderInfo[] = [];
  const samples: Sample[] = [];
  let scale: readonly ScalePoint[] = [];
  try {
    const [server, a, b] = await Promise.all([
      rig.lab.publicHost('server'),
      rig.lab.site('a', { nat: 'endpoint-independent' }),
      rig.lab.site('b', { nat: 'endpoint-independent' }),
    ]);
    const stage: Stage = { rig, server, a: a.host, b: b.host, folder };
    await openPorts(stage);
    const absent = new Map<string, string>();
    for (const contender of chosen) {
      const why = await ensure(contender);
      if (why !== null) absent.set(contender.name, why);
    }
    for (let round = 1; round <= rounds; round++) {
      for (const contender of chosen) {
        if (absent.has(contender.name)) continue;
        try {
          const found = await sample(stage, contender, round, effort);
          samples.push(found);
          const facts = `${found.tcpMbps.toFixed(0)} Mbit/s, ${found.retransmits} retransmits, ping ${found.pingMs.toFixed(2)} ms, ${(found.udpPps / 1000).toFixed(1)} kpps, ${found.cpuSecondsPerGbit?.toFixed(2) ?? '–'} CPU s/Gbit`;
          say(
            `round ${round}/${rounds}  ${contender.name}: ${facts}${found.path === null ? '' : `, ${found.path}`}`,
          );
        } catch (thrown) {
          say(`round ${round}/${rounds}  ${contender.name}: ${messageOf(thrown)}`);
          if (!samples.some((s) => s.contender === contender.name))
            absent.set(contender.name, messageOf(thrown));
        }
      }
    }
    if (effort.whole && chosen.some((contender) => contender.name === subject)) scale = await scaleOf(rig);
    for (const contender of chosen) {
      const { name, layer, encryption } = contender;
      const measured = samples.some((s) => s.contender === name);
      const why = measured ? null : (absent.get(name) ?? 'it failed');
      infos.push({ name, layer, encryption, version: await versionOf(contender), absent: why });
    }
  } finally {
    await rig.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
  const report: BenchReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cpus: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.versions.node,
      congestion: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    },
    rounds,
    seconds,
    contenders: infos,
    samples,
    ...(scale.length === 0 ? {} : { scale }),
  };
  process.stdout.write(`${table(report)}\n\n${costTable(report)}\n`);
  const json = `${JSON.stringify(report, undefined, 2)}\n`;
  if (values.json !== undefined) writeFileSync(values.json, json);
  if (values.quick) {
    const broken = regressions(report);
    for (const sentence of broken) say(`regression: ${sentence}`);
    if (broken.length > 0) process.exitCode = 1;
  }
  const partial = values.quick || values.brief || values.only !== undefined;
  if (values['no-write'] === true || (partial && values.write !== true)) return;
  mkdirSync(join(root, 'docs'), { recursive: true });
  writeFileSync(join(root, 'docs/benchmarks.json'), json);
  writeFileSync(join(root, 'docs/benchmarks.md'), document(report));
  say('wrote docs/benchmarks.md and docs/benchmarks.json');
}

try {
  await main();
} catch (thrown) {
  say(messageOf(thrown));
  if (thrown instanceof EvioError) for (const next of thrown.suggestions) say(`  ${next}`);
  process.exitCode = thrown instanceof EvioError ? thrown.exitStatus : 1;
}

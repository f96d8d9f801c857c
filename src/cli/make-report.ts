/** Gathers what a bug report needs (`evio report`): what commands tell, and what the kernel does, without secrets. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Home } from '../core/config/home.js';
import { ControlClient } from '../core/control/client.js';
import { examine } from '../core/doctor/doctor.js';
import { netcheck } from '../core/doctor/netcheck.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { Scrubber } from '../core/lib/scrub.js';
import { tarOf, type TarFile } from '../core/lib/tar.js';
import { readLogs } from './read-logs.js';
import { homeSecrets } from './report-secrets.js';

/** The decision log is asked of so many peers: those that are connected without a direct path first. */
const whyPeers = 20;
/** What a program may say and take. */
const programBytes = 1024 * 1024;
const programMs = 5_000;

/** What the kernel has: addresses, routes, rules, counters. No rules of a firewall, which are none of our business. */
const programs: readonly (readonly string[])[] = [
  ['ip', '-d', 'address'],
  ['ip', '-s', 'link'],
  ['ip', 'route', 'show', 'table', 'all'],
  ['ip', '-6', 'route', 'show', 'table', 'all'],
  ['ip', 'rule'],
  ['ip', '-6', 'rule'],
  ['nft', 'list', 'counters'],
];

export interface Bundle {
  /** A tar archive, compressed by gzip. */
  readonly bytes: Buffer;
  /** Names of the files in it. */
  readonly files: readonly string[];
}

export async function makeReport(home: Home, version: string, now: Date): Promise<Bundle> {
  const files: TarFile[] = [];
  const { secrets, profiles } = homeSecrets(home);
  const scrubber = new Scrubber(secrets);
  const add = (name: string, content: unknown): void => {
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`;
    files.push({ name: `evio-report/${name}`, text: scrubber.scrub(text) });
  };
  /** A part that fails says why, in its own place. */
  const part = async (name: string, make: () => unknown): Promise<void> => {
    try {
      add(name, await make());
    } catch (thrown) {
      add(name, thrown instanceof EvioError ? thrown.toJSON() : { error: { message: messageOf(thrown) } });
    }
  };
  add('version.json', {
    evio: version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    kernel: release(),
    at: now.toISOString(),
  });
  await part('doctor.json', () => examine({ home, relays: [] }));
  await part('netcheck.json', () => netcheck(home, []));
  for (const [id, profile] of Object.entries(profiles)) add(`networks/${id}/profile.json`, profile);
  await part('node.json', () => askNode(home, part));
  await part('log.jsonl', async () => (await readLogs(home, undefined)).lines.join('\n'));
  await part('system/os-release', () => readFileSync('/etc/os-release', 'utf8'));
  for (const argv of programs)
    await part(`system/${argv.join('-').replaceAll(/-+/g, '-')}.txt`, () => outputOf(argv));
  return {
    bytes: gzipSync(tarOf(files, now.getTime() / 1000)),
    files: files.map(({ name }) => name),
  };
}

/** Everything that the running node tells. Resolves to the list of its networks. */
async function askNode(
  home: Home,
  part: (name: string, make: () => unknown) => Promise<void>,
): Promise<unknown> {
  const client = await ControlClient.connect(home.controlSocket);
  try {
    const { networks } = await client.request('networks', {});
    for (const { id } of networks) {
      const at = (name: string): string => `networks/${id}/${name}.json`;
      const network = { network: id };
      await part(at('status'), () => client.request('status', network));
      await part(at('routes'), () => client.request('routes', network));
      await part(at('policy'), () => client.request('policy', network));
      await part(at('peers'), async () => {
        const answer = await client.request('peers', network);
        const asked = answer.peers
          .filter(({ state }) => state === 'connected' || state === 'connecting' || state === 'unreachable')
          .sort((a, b) => Number(a.path?.kind === 'direct') - Number(b.path?.kind === 'direct'))
          .slice(0, whyPeers);
        for (const { id: peer } of asked)
          await part(`networks/${id}/why/${peer}.json`, () => client.request('why', { ...network, peer }));
        return answer;
      });
    }
    return { networks };
  } finally {
    client.close();
  }
}

async function outputOf([program = '', ...args]: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, {
    maxBuffer: programBytes,
    timeout: programMs,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return stdout;
}

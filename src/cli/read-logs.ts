/** Where the log of a node is read: from the node while it runs, else from its file, else from systemd's journal. */
import { execFile } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Home } from '../core/config/home.js';
import { selectNetwork } from '../core/config/select.js';
import { Store } from '../core/config/store.js';
import { ControlClient } from '../core/control/client.js';
import { EvioError } from '../core/lib/errors.js';
import { concerns } from '../core/lib/log-ring.js';
import { unitName } from '../service/units.js';

/** Of a file or a journal, the last so many bytes are read. */
const tailBytes = 512 * 1024;
/** How long one question of `follow` waits for a line, ms. */
const waitMs = 25_000;

export const logSources = ['node', 'file', 'journal'] as const;

export interface LogRead {
  readonly source: (typeof logSources)[number];
  readonly lines: readonly string[];
}

function isAway(thrown: unknown): boolean {
  return thrown instanceof EvioError && thrown.code === 'EVIO_NOT_RUNNING';
}

/**
 * What is kept of the log, oldest first: JSON, a line each.
 *
 * @throws EvioError EVIO_NOT_RUNNING when there is no log anywhere; as the node answers
 */
export async function readLogs(home: Home, network: string | undefined): Promise<LogRead> {
  try {
    const lines: string[] = [];
    await withNode(home, async (client) => {
      for (let after = 0; ;) {
        const answer = await client.request('logs', { network, after });
        lines.push(...answer.lines);
        if (answer.last === after) return;
        after = answer.last;
      }
    });
    return { source: 'node', lines };
  } catch (thrown) {
    if (!isAway(thrown)) throw thrown;
    const kept = existsSync(home.log)
      ? { source: 'file' as const, text: tailOf(home.log) }
      : { source: 'journal' as const, text: await journal() };
    const one = network === undefined ? undefined : selectNetwork(new Store(home).list(), network);
    const lines = kept.text
      .split('\n')
      .filter((line) => isLogLine(line) && (!one || concerns(line, [one.id, one.name])));
    if (lines.length === 0) throw thrown;
    return { source: kept.source, lines };
  }
}

/** Calls `each` with every line from now on, until the node ends or the signal aborts. Throws EVIO_NOT_RUNNING when it ends. */
export async function followLogs(
  home: Home,
  network: string | undefined,
  signal: AbortSignal,
  each: (line: string) => void,
  lost: (count: number) => void,
): Promise<void> {
  await withNode(home, async (client) => {
    signal.addEventListener('abort', () => {
      client.close();
    });
    for (let after = 0; !signal.aborted;) {
      const answer = await client.request('logs', { network, after, waitMs }, waitMs + 10_000);
      if (answer.lost > 0) lost(answer.lost);
      answer.lines.forEach(each);
      after = answer.last;
    }
  }).catch((thrown: unknown) => {
    if (!signal.aborted) throw thrown;
  });
}

async function withNode(home: Home, use: (client: ControlClient) => Promise<void>): Promise<void> {
  const client = await ControlClient.connect(home.controlSocket);
  try {
    await use(client);
  } finally {
    client.close();
  }
}

/** The date of a line, ms; NaN when it has none. */
export function dateOf(line: string): number {
  const { time } = JSON.parse(line) as { time?: string };
  return Date.parse(time ?? '');
}

/** True for a line of the log: not an event, an error, or half a line. */
function isLogLine(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    const { level, msg } = JSON.parse(line) as Record<string, unknown>;
    return typeof level === 'string' && typeof msg === 'string';
  } catch {
    return false;
  }
}

function tailOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, tailBytes));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, read);
  } finally {
    closeSync(file);
  }
}

/** What the service of the node wrote; empty without systemd. */
async function journal(): Promise<string> {
  if (!existsSync('/run/systemd/system')) return '';
  const args = ['-u', unitName.node, '-o', 'cat', '-n', '2000', '--no-pager'];
  return promisify(execFile)('journalctl', args, { maxBuffer: 16 * tailBytes }).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

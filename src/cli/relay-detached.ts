/** A relay in the background: `evio relay --detach`, and `evio relay down`, which ends one wherever it was started. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../core/config/home.js';
import { EvioError } from '../core/lib/errors.js';
import { parseJson } from '../core/lib/json.js';
import { spawnDetached } from '../core/process/detach.js';
import { askRelay } from '../core/process/relay-lock.js';

const lookEveryMs = 50;
const goneTimeoutMs = 10_000;

/** What the relay said when it listened, as its first line has it. */
export interface Listening {
  readonly url: string;
  readonly listen: string;
  readonly key: string;
  readonly serves: string;
  readonly metrics?: string;
}

/**
 * Starts it and waits until it listens.
 *
 * @param args after `evio relay`
 * @throws EvioError what the relay ended with; EVIO_TIMEOUT when it does not listen in time, and it runs on then
 */
export async function detachRelay(
  home: Home,
  args: readonly string[],
  waitMs: number,
): Promise<Listening & { readonly pid: number }> {
  const child = spawnDetached(home, home.relayLog, ['relay', ...args, '--json']);
  const end = performance.now() + waitMs;
  try {
    while (performance.now() < end) {
      const line = child
        .printed()
        .split('\n')
        .find((text) => text.startsWith('{"event":"listening"'));
      const listening = parseJson(line ?? '') as Listening | undefined;
      if (listening) {
        const { url, listen, key, serves, metrics } = listening;
        return { url, listen, key, serves, ...(metrics === undefined ? {} : { metrics }), pid: child.pid };
      }
      child.check('The relay');
      await sleep(lookEveryMs);
    }
    throw new EvioError('EVIO_TIMEOUT', `The relay does not listen after ${waitMs / 1000} s.`, [
      `Look at its log: ${home.relayLog}`,
    ]);
  } finally {
    child.release();
  }
}

/** Ends the relay of this home, and resolves to its process id once it has gone. Throws EvioError EVIO_NOT_RUNNING, EVIO_TIMEOUT. */
export async function stopRelay(home: Home): Promise<number> {
  const answer = (await askRelay(home, { do: 'stop' })) as { pid: number } | undefined;
  if (!answer) {
    throw new EvioError('EVIO_NOT_RUNNING', 'No relay runs here.', [
      'For a relay with another state folder set EVIO_HOME.',
    ]);
  }
  const end = performance.now() + goneTimeoutMs;
  while (performance.now() < end) {
    if (!(await askRelay(home, { do: 'networks' }).catch(() => true))) return answer.pid;
    await sleep(lookEveryMs);
  }
  throw new EvioError('EVIO_TIMEOUT', `The relay (process ${answer.pid}) does not end.`);
}

/** `evio status --watch` where there is no terminal. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../core/config/home.js';
import { ControlClient } from '../core/control/client.js';
import type { StatusReport } from '../core/node/reports.js';
import { interruptible } from '../core/process/signals.js';

/** Reports until SIGINT or SIGTERM. Throws EvioError EVIO_NOT_RUNNING when the node ends. */
export async function followStatus(
  home: Home,
  network: string | undefined,
  intervalMs: number,
  report: (status: StatusReport) => void,
): Promise<void> {
  const { signal, release } = interruptible();
  const client = await ControlClient.connect(home.controlSocket);
  try {
    while (!signal.aborted) {
      report(await client.request('status', { network }));
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    client.close();
    release();
  }
}

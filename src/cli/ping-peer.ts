/** `evio ping`: one request a ping, so that replies are shown as they come. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../core/config/home.js';
import { ControlClient } from '../core/control/client.js';
import { pingReport, type PingReply, type PingReport } from '../core/node/ping-report.js';
import { interruptible } from '../core/process/signals.js';

export interface PingOptions {
  readonly network: string | undefined;
  readonly peer: string;
  readonly count: number;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly onReply: (reply: PingReply) => void;
  readonly onLoss: (seq: number) => void;
}

/** Ends early on SIGINT or SIGTERM with what came so far. Throws EvioError EVIO_NOT_RUNNING, EVIO_UNKNOWN_PEER. */
export async function pingPeer(home: Home, options: PingOptions): Promise<PingReport> {
  const { network, peer, count, timeoutMs, intervalMs, onReply, onLoss } = options;
  const { signal, release } = interruptible();
  const client = await ControlClient.connect(home.controlSocket);
  const replies: PingReply[] = [];
  let sent = 0;
  let name = peer;
  try {
    while (sent < count && !signal.aborted) {
      const startedAt = performance.now();
      const seq = ++sent;
      const answer = client.request(
        'ping',
        { network, peer, count: 1, timeoutMs, intervalMs },
        timeoutMs + 5000,
      );
      const report = await Promise.race([answer, aborted(signal)]);
      if (!report) break;
      name = report.peer;
      const [first] = report.replies;
      if (first) {
        const reply = { ...first, seq };
        replies.push(reply);
        onReply(reply);
      } else onLoss(seq);
      const rest = startedAt + intervalMs - performance.now();
      if (sent < count && rest > 0) await sleep(rest, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    client.close();
    release();
  }
  return pingReport(name, sent, replies);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener(
      'abort',
      () => {
        resolve(undefined);
      },
      { once: true },
    );
  });
}

/** Pings that a person asked for: by the path that data takes, connecting first where needed. */
import type { Env } from '../lib/env.js';
import type { PathKind } from '../path/path.js';
import type { Peer } from '../peer/peer.js';
import { pingReport, roundedMs, type PingReply, type PingReport } from './ping-report.js';

/** How often a peer without a path is looked at again. */
const connectPollMs = 100;

export class Pinger {
  readonly #env: Env;
  readonly #connect: (peer: Peer) => void;
  readonly #waiting = new Map<
    number,
    { readonly slot: number; readonly resolve: (path: PathKind) => void }
  >();

  #stopped = new AbortController();

  /** @param connect asks for a session with a peer that has none. */
  constructor(env: Env, connect: (peer: Peer) => void) {
    this.#env = env;
    this.#connect = connect;
  }

  async run(
    peer: Peer,
    plan: { readonly count: number; readonly timeoutMs: number; readonly intervalMs: number },
    asked?: AbortSignal,
  ): Promise<PingReport> {
    const { clock } = this.#env;
    const signal = AbortSignal.any([this.#stopped.signal, ...(asked ? [asked] : [])]);
    const replies: PingReply[] = [];
    let sent = 0;
    for (let seq = 1; seq <= plan.count && !signal.aborted; seq++) {
      if (seq > 1) await this.#sleep(plan.intervalMs, signal);
      if (signal.aborted) break;
      sent++;
      const begun = clock.now();
      const path = await this.#once(peer, plan.timeoutMs, signal);
      if (path) replies.push({ seq, rttMs: roundedMs(clock.now() - begun), path });
    }
    return pingReport(peer.member.idText, sent, replies);
  }

  /** A pong that the peer sent; ones that nobody waits for are the prober's. */
  pong(peer: Peer, transaction: number): void {
    const waiting = this.#waiting.get(transaction);
    if (waiting?.slot === peer.slot) waiting.resolve(peer.prober.active?.kind ?? 'relay');
  }

  /** Ends what is under way: pings that wait for an answer have none, and no more are sent. */
  stop(): void {
    this.#stopped.abort();
    this.#stopped = new AbortController();
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#env.clock.after(ms, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** One ping; undefined when nothing came back in time. */
  #once(peer: Peer, timeoutMs: number, signal: AbortSignal): Promise<PathKind | undefined> {
    const { clock, random } = this.#env;
    const transaction = Math.floor(random.unit() * Number.MAX_SAFE_INTEGER);
    return new Promise((resolve) => {
      let cancelPoll = (): void => undefined;
      const finish = (path: PathKind | undefined): void => {
        cancelTimeout();
        cancelPoll();
        signal.removeEventListener('abort', abort);
        this.#waiting.delete(transaction);
        resolve(path);
      };
      const abort = (): void => {
        finish(undefined);
      };
      const cancelTimeout = clock.after(timeoutMs, abort);
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.set(transaction, { slot: peer.slot, resolve: finish });
      const send = (): void => {
        if (peer.session.established && peer.prober.path) {
          peer.ping(transaction);
          return;
        }
        this.#connect(peer);
        cancelPoll = clock.after(connectPollMs, send);
      };
      send();
    });
  }
}

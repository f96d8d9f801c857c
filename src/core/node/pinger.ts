/** Pings that a person asked for: by the path that data takes, connecting first where needed. */
import type { Env } from '../lib/env.js';
import type { PathKind } from '../path/path.js';
import type { Peer } from '../peer/peer.js';
import { pingReport, roundedMs, type PingReply, type PingReport } from './ping-report.js';

interface Waiting {
  readonly slot: number;
  /** Sends the ping, if it is not sent yet. */
  readonly send: () => void;
  readonly resolve: (path: PathKind) => void;
}

export class Pinger {
  readonly #env: Env;
  readonly #connect: (peer: Peer) => void;
  /** Pings without an answer, by transaction. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #stopped = new AbortController();

  /** @param connect asks for a session with a peer that has none; `reached` is told when there is one */
  constructor(env: Env, connect: (peer: Peer) => void) {
    this.#env = env;
    this.#connect = connect;
  }

  /** @param asked ends it early, with what came so far */
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

  /** The peer has a path now, so what waits for one is sent. */
  reached(peer: Peer): void {
    for (const { slot, send } of this.#waiting.values()) if (slot === peer.slot) send();
  }

  /** A pong that the peer sent; ones that nobody waits for are the prober's. */
  pong(peer: Peer, transaction: number): void {
    const waiting = this.#waiting.get(transaction);
    if (waiting?.slot === peer.slot) waiting.resolve(peer.prober.active?.kind ?? 'relay');
  }

  /** Ends for good what is under way: pings that wait for an answer have none, and no more are sent. */
  stop(): void {
    this.#stopped.abort();
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
      const finish = (path: PathKind | undefined): void => {
        cancel();
        signal.removeEventListener('abort', abort);
        this.#waiting.delete(transaction);
        resolve(path);
      };
      const abort = (): void => {
        finish(undefined);
      };
      const cancel = clock.after(timeoutMs, abort);
      signal.addEventListener('abort', abort, { once: true });
      let sent = false;
      const send = (): void => {
        if (sent || !peer.session.established || !peer.prober.path) return;
        sent = true;
        peer.ping(transaction);
      };
      this.#waiting.set(transaction, { slot: peer.slot, send, resolve: finish });
      send();
      if (!sent) this.#connect(peer);
    });
  }
}

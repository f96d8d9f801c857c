/**
 * The side of the process that leaves. It starts its successor, which inherits the descriptors, and gives it one thing after
 * the other (the network of a node, a relay), each in two phases:
 *
 *   leaver                                   successor
 *     ── heritage ─────────────────────────▶   loads everything, opens nothing
 *     ◀───────────────────────────── ready ──
 *     comes to rest (nothing is sent or read)
 *     ── state ────────────────────────────▶   takes it over, sends nothing
 *     ◀─────────────────────────── adopted ──
 *     lets go, for good; what became of it since
 *     ── commit ───────────────────────────▶   goes on
 *     ◀────────────────────────────── took ──
 *     ◀────────────────────────────── done ──   all of it
 *
 * Before `commit` the successor has sent nothing: if it dies or fails, it is killed, and once nobody holds the other end of the
 * talk any more the leaver goes on as if nothing had been. Where somebody still does (a program that was only wrapped, one of
 * another user), and after `commit`, the leaver never uses the keys again, and begins anew, with new keys.
 */
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import type { Snapshot } from './blobs.js';
import { hurry } from './hurry.js';
import { startSuccessor, type StartOptions, type Successor } from './start.js';

/** A program may take long to load on a busy machine; what follows is quick. */
const readyMs = 30_000;
const stepMs = 10_000;
/** A process that was killed is gone by then. */
const goneMs = 3_000;
/** Version of this talk. */
export const talkVersion = 1;

/** Something that goes to the successor by itself. */
export interface Given {
  readonly id: string;
  /** Descriptors that the successor inherits, and what it has to know of them: indexes into the descriptors stand for them. */
  describe(): { readonly fds: readonly number[]; readonly facts: object };
  /** Its packets flow until `letGo`. */
  readonly flows?: boolean;
  freeze(): Promise<Snapshot>;
  thaw(): void;
  /** What has changed since `freeze`, if anything may have. */
  letGo(): Promise<Snapshot> | undefined;
  recover(): Promise<void>;
}

export interface GiveOptions extends Omit<StartOptions, 'fds'> {
  readonly given: readonly Given[];
  readonly version: string;
  readonly log: Logger;
  /** This process is to stop: whatever is not given yet stays. */
  readonly signal?: AbortSignal;
}

export interface Gave extends Pick<Successor, 'pid' | 'signal' | 'ended'> {
  /** Version of the successor. */
  readonly to: string;
  /** The longest time in which nothing was read or sent, ms. */
  readonly gapMs: number;
  /** Resolves when the successor needs this process no more, or after a while. */
  readonly settled: Promise<void>;
}

/** Throws EvioError EVIO_UPGRADE, and this process goes on. */
export async function giveOver(options: GiveOptions): Promise<Gave> {
  const { given, log, version, signal, ...how } = options;
  const described = given.map((one) => ({ one, ...one.describe() }));
  const fds = described.flatMap((each) => each.fds);
  const successor = await startSuccessor({ ...how, fds });
  const { channel, pid, ended } = successor;
  const abandon = (): void => {
    channel.fail('it is not wanted any more');
  };
  if (signal?.aborted) abandon();
  signal?.addEventListener('abort', abandon, { once: true });
  let resting: Given | undefined;
  const gone: Given[] = [];
  let gapMs = 0;
  let calm = (): void => undefined;
  try {
    let next = successor.firstFd;
    const things = described.map(({ one, fds: own, facts }) => {
      const first = next;
      next += own.length;
      return { id: one.id, first, facts };
    });
    void channel.send('heritage', { talk: talkVersion, from: version, things });
    const hello = await channel.expect(['hello'], readyMs);
    for (const one of given) {
      await channel.expect(['ready'], readyMs);
      let began = performance.now();
      calm = hurry();
      resting = one;
      const { head, blob } = await one.freeze();
      await channel.send('state', { id: one.id, snapshot: head }, blob);
      blob.fill(0);
      const adopted = await channel.expect(['adopted'], stepMs);
      // From here on there is no way back for this one.
      gone.push(one);
      resting = undefined;
      if (one.flows === true) began = performance.now();
      const tail = await one.letGo();
      await channel.send('commit', { id: one.id, ...(tail && { tail: tail.head }) }, tail?.blob);
      tail?.blob.fill(0);
      await channel.expect(['took'], stepMs);
      calm();
      gapMs = Math.max(gapMs, performance.now() - began);
      const { leftOut } = adopted.message;
      if (Array.isArray(leftOut) && leftOut.length > 0)
        log.warn('the successor begins parts anew', { leftOut });
    }
    await channel.expect(['done'], readyMs);
    const { version: to } = hello.message;
    return {
      to: typeof to === 'string' ? to : '',
      gapMs,
      pid,
      ended,
      signal: (name) => {
        successor.signal(name);
      },
      settled: channel.expect(['settled'], stepMs).then(
        () => undefined,
        () => undefined,
      ),
    };
  } catch (thrown) {
    calm();
    // Only who is gone can be relied on to send nothing; what was killed may have been a wrapper of it.
    void channel.send('abandoned');
    successor.signal('SIGKILL');
    if (!how.supervised) await ended;
    const alone = await channel.over(goneMs);
    channel.close();
    log.error('the successor did not take over', { reason: messageOf(thrown) });
    if (resting && alone) resting.thaw();
    else if (resting) {
      void resting.letGo()?.catch(() => undefined);
      gone.push(resting);
    }
    for (const one of gone) await one.recover();
    throw thrown;
  } finally {
    signal?.removeEventListener('abort', abandon);
  }
}

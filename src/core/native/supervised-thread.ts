/**
 * A worker thread that sleeps in poll() and never turns its event loop, as its owner sees it: started, told and woken by
 * an eventfd, started again after a crash, and ended. The packet threads of a node and the forwarding thread of a relay
 * are such threads.
 *
 *   owner                                        thread, between two rounds
 *   post: message into the port, posted = 1,     posted was 1: posted = 0, takes messages until there is none
 *         eventfd written if posted was 0        poll(…, eventfd) reads it
 *   stop: stop = 1, eventfd written              ends when stop is 1
 *
 * What the thread works on (descriptors, mapped memory) belongs to the owner and outlives it, so that a crash loses
 * nothing but what was under way.
 */
import { basename } from 'node:path';
import { MessageChannel, Worker, type MessagePort, type TransferListItem } from 'node:worker_threads';
import { EvioError, messageOf } from '../lib/errors.js';
import type { Clock } from '../lib/env.js';
import { Arena } from './arena.js';
import { errnoName, EventfdFlag, libc } from './libc.js';
import { assetText, packed } from './packed.js';
import { keepHeapSmall } from './v8.js';

/** Words that owner and thread share; what lies behind them is the owner's. */
export const ThreadWord = { stop: 0, posted: 1, length: 2 } as const;

/** How long `stop` waits for the thread to end by itself. */
const endMs = 2_000;

/** What becomes of a thread that crashes. */
export interface RestartPolicy {
  /** Pause before the first restart; twice as long before each that follows, up to `limitMs`. */
  readonly firstMs: number;
  readonly limitMs: number;
  /** A thread that lived this long was well: its crash is the first again. */
  readonly calmMs: number;
  /** Restarts in a row before it is given up. */
  readonly restarts: number;
}

export interface ThreadOwner<Message> {
  /** What a thread begins with, asked anew for each; `port` is its end of the channel. */
  setup(port: MessagePort): unknown;
  /** What the thread posted, in order. */
  heard(message: Message): void;
  /** The thread ended without being asked. Another begins after a pause, or none when it is given up. */
  crashed(reason: string, givenUp: boolean): void;
  /** Another thread begins in place of the one that crashed: what is posted now it hears first. */
  restarted(): void;
}

export interface ThreadOptions {
  /** The thread's program, compiled: its file, or its text. */
  readonly program: URL | string;
  /** `ThreadWord.length` words of shared memory, or more. */
  readonly control: Int32Array;
  readonly policy: RestartPolicy;
  readonly clock: Clock;
}

/**
 * The compiled form of a program beside `from` (`import.meta.url`): threads run from dist, also when tests run from src.
 * The program of one file carries their texts.
 */
export function compiledProgram(name: string, from: string): URL | string {
  if (packed) return assetText(basename(name));
  if (!from.endsWith('.ts')) return new URL(name, from);
  const at = from.lastIndexOf('/src/');
  return new URL(name, `${from.slice(0, at)}/dist/${from.slice(at + 5)}`);
}

const live = new Set<{ tellEnd(): void }>();

/** A thread that sleeps in poll() would hold up the end of the process. */
function wakeAllAtExit(): void {
  for (const thread of live) thread.tellEnd();
}

export class SupervisedThread<Message> {
  readonly #options: ThreadOptions;
  readonly #owner: ThreadOwner<Message>;
  /** The number 1, which is written to the eventfd. */
  readonly #one = new Arena(64);
  #wakeFd = -1;
  #name = '';
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #exited: Promise<void> = Promise.resolve();
  #held = true;
  #beganAt = 0;
  #crashes = 0;
  #cancelRestart: () => void = () => undefined;
  #stopping: Promise<void> | undefined;

  /** Throws EVIO_NO_NATIVE where there are no system calls. */
  constructor(options: ThreadOptions, owner: ThreadOwner<Message>) {
    this.#options = options;
    this.#owner = owner;
    libc();
    this.#one.view.setUint32(0, 1, true);
  }

  /** Eventfd that makes the thread look up, from `start` to `stop`. */
  get wakeFd(): number {
    return this.#wakeFd;
  }

  /** Starts the thread. It holds the process alive until `letGo`. Throws EVIO_INTERNAL when there is no eventfd to be had. */
  start(name: string): void {
    if (this.#stopping) return;
    const c = libc();
    this.#wakeFd = c.eventfd(0, EventfdFlag.cloexec | EventfdFlag.nonblock);
    if (this.#wakeFd < 0) throw new EvioError('EVIO_INTERNAL', `no eventfd: ${errnoName(c.errno())}`);
    if (live.size === 0) process.on('exit', wakeAllAtExit);
    live.add(this);
    this.#name = name;
    this.#begin();
  }

  #begin(): void {
    const { program, control, clock } = this.#options;
    const { port1, port2 } = new MessageChannel();
    Atomics.store(control, ThreadWord.posted, 0);
    this.#beganAt = clock.now();
    const worker = new Worker(program, {
      eval: typeof program === 'string',
      workerData: this.#owner.setup(port2),
      transferList: [port2],
      name: this.#name,
      // Options of the main program (--input-type, --inspect) are none of the thread's.
      execArgv: [],
    });
    worker.on('online', keepHeapSmall);
    this.#worker = worker;
    this.#port = port1;
    port1.on('message', (message: Message) => {
      if (!this.#stopping) this.#owner.heard(message);
    });
    if (!this.#held) this.letGo();
    let reason = 'the thread ended';
    worker.on('error', (error) => {
      reason = messageOf(error);
    });
    this.#exited = new Promise((resolve) => {
      worker.on('exit', () => {
        port1.close();
        this.#worker = undefined;
        this.#port = undefined;
        if (!this.#stopping) this.#crashed(reason);
        resolve();
      });
    });
  }

  #crashed(reason: string): void {
    const { policy, clock } = this.#options;
    this.#crashes = clock.now() - this.#beganAt > policy.calmMs ? 1 : this.#crashes + 1;
    const givenUp = this.#crashes > policy.restarts;
    if (!givenUp) {
      const pause = Math.min(policy.limitMs, policy.firstMs * 2 ** (this.#crashes - 1));
      this.#cancelRestart = clock.after(pause, () => {
        this.#restart();
      });
    }
    this.#owner.crashed(reason, givenUp);
  }

  #restart(): void {
    try {
      this.#begin();
    } catch (thrown) {
      this.#crashed(messageOf(thrown));
      return;
    }
    this.#owner.restarted();
  }

  /** From here on the thread keeps no process alive. */
  letGo(): void {
    this.#held = false;
    this.#port?.unref();
    this.#worker?.unref();
  }

  /** Lost when there is no thread at the moment: `restarted` is when its successor is told. */
  post(message: unknown, transfer: TransferListItem[] = []): void {
    if (!this.#port || this.#stopping) return;
    this.#port.postMessage(message, transfer);
    if (Atomics.exchange(this.#options.control, ThreadWord.posted, 1) === 0) this.wake();
  }

  /** Makes the thread look at its descriptors and messages. */
  wake(): void {
    if (!this.#stopping) this.#write();
  }

  #write(): void {
    libc().write(this.#wakeFd, this.#one.base, 8);
  }

  /** Only the words and the eventfd: also for a process that ends. */
  tellEnd(): void {
    Atomics.store(this.#options.control, ThreadWord.stop, 1);
    this.#write();
  }

  /** Ends the thread. When it resolves, nothing uses the descriptors and the memory any more. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#cancelRestart();
    live.delete(this);
    if (live.size === 0) process.off('exit', wakeAllAtExit);
    const worker = this.#worker;
    if (worker) {
      this.tellEnd();
      worker.ref();
      const timer = setTimeout(() => void worker.terminate(), endMs);
      await this.#exited;
      clearTimeout(timer);
    }
    if (this.#wakeFd >= 0) libc().close(this.#wakeFd);
    this.#wakeFd = -1;
  }
}

/**
 * The worker thread as the control thread sees it: begin, post, end. It sleeps in poll() and never turns its event
 * loop, so an eventfd wakes it. What becomes of a thread that fell is for the owner to decide.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { EvioError, messageOf } from '../../lib/errors.js';
import { keepHeapSmall } from '../../native/v8.js';
import { Arena } from '../../native/arena.js';
import { errnoName, EventfdFlag, libc } from '../../native/libc.js';
import type { Command, Event, WorkerSetup } from './messages.js';
import { ControlWord, type SharedMemory } from './shared.js';

/** How long `end` waits for the thread to end by itself. */
const endMs = 2_000;

export interface PacketThreadOwner {
  /** What the thread posted, in order. */
  events(events: readonly Event[]): void;
  /** The thread ended without being asked. */
  fell(reason: string): void;
}

export class PacketThread {
  readonly #shared: SharedMemory;
  readonly #owner: PacketThreadOwner;
  /** Eventfd that makes the thread look up. */
  readonly wakeFd: number;
  /** The number 1, which is written to the eventfd. */
  readonly #one = new Arena(64);
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #ended: Promise<void> = Promise.resolve();
  #ending = false;
  readonly #wakeAtExit = (): void => {
    this.#tellEnd();
  };

  /** Opens the eventfd; `end` closes it. */
  constructor(shared: SharedMemory, owner: PacketThreadOwner) {
    this.#shared = shared;
    this.#owner = owner;
    this.#one.view.setUint32(0, 1, true);
    const c = libc();
    this.wakeFd = c.eventfd(0, EventfdFlag.cloexec | EventfdFlag.nonblock);
    if (this.wakeFd < 0) throw new EvioError('EVIO_INTERNAL', `no eventfd: ${errnoName(c.errno())}`);
    // A thread that sleeps in poll() would hold up the end of the process.
    process.on('exit', this.#wakeAtExit);
  }

  /** Starts a thread, again after one fell. It holds the process alive until `letGo`. */
  begin(setup: Omit<WorkerSetup, 'port' | 'shared' | 'wakeFd'>, name: string): void {
    const { port1, port2 } = new MessageChannel();
    const workerData: WorkerSetup = {
      ...setup,
      shared: this.#shared.buffer,
      port: port2,
      wakeFd: this.wakeFd,
    };
    this.#shared.flow.fill(0);
    Atomics.store(this.#shared.control, ControlWord.posted, 0);
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData,
      transferList: [port2],
      name,
      // Options of the main program (--input-type, --inspect) are none of the worker's.
      execArgv: [],
    });
    worker.on('online', keepHeapSmall);
    this.#worker = worker;
    this.#port = port1;
    port1.on('message', (events: Event[]) => {
      if (!this.#ending) this.#owner.events(events);
    });
    let reason = 'the thread ended';
    worker.on('error', (error) => {
      reason = messageOf(error);
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        resolve();
        port1.close();
        if (this.#worker !== worker) return;
        this.#worker = undefined;
        this.#port = undefined;
        if (!this.#ending) this.#owner.fell(reason);
      });
    });
  }

  /** From here on the thread keeps no process alive. */
  letGo(): void {
    this.#port?.unref();
    this.#worker?.unref();
  }

  /** Lost when there is no thread at the moment. */
  post(command: Command, transfer: ArrayBuffer[] = []): void {
    if (!this.#port) return;
    this.#port.postMessage(command, transfer);
    Atomics.add(this.#shared.control, ControlWord.posted, 1);
    this.wake();
  }

  /** Makes the thread look at its descriptors and commands. */
  wake(): void {
    if (!this.#ending) libc().write(this.wakeFd, this.#one.base, 8);
  }

  #tellEnd(): void {
    Atomics.store(this.#shared.control, ControlWord.stop, 1);
    libc().write(this.wakeFd, this.#one.base, 8);
  }

  /** Ends the thread; call it once. When it resolves, nothing uses the descriptors and the arena any more. */
  async end(): Promise<void> {
    this.#ending = true;
    process.off('exit', this.#wakeAtExit);
    const worker = this.#worker;
    if (worker) {
      this.#tellEnd();
      worker.ref();
      const timer = setTimeout(() => void worker.terminate(), endMs);
      await this.#ended;
      clearTimeout(timer);
    }
    this.#port?.close();
    this.#port = undefined;
    libc().close(this.wakeFd);
  }
}

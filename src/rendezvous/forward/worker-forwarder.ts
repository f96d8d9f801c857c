/**
 * The UDP side in a thread of its own, over koffi: the main thread's part. It owns the sockets and the memory, so that a
 * thread that fell is replaced without a lost binding.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { Env } from '../../core/lib/env.js';
import { Arena, mapLow, unmap } from '../../core/native/arena.js';
import { EventfdFlag, libc } from '../../core/native/libc.js';
import type { UdpSocket } from '../../core/native/udp-socket.js';
import { CounterBlock } from '../counters.js';
import {
  ControlWord,
  queueLimit,
  type ForwardCommand,
  type ForwardEvent,
  type ForwardSetup,
} from './forward-messages.js';
import { openForwardSocket } from './forward-socket.js';
import { tableBytes, type Association } from './forward-table.js';
import type { Forwarder, ForwarderListener } from './forwarder.js';
import type { RelayLimits } from '../limits.js';
import { countPackets } from '../../core/wire/relay.js';

const arenaLength = 512 * 1024;
/** A thread that falls again and again is started with growing pauses, ms. */
const restart = { firstMs: 20, limitMs: 5_000, calmMs: 60_000 };

/** The compiled thread: threads run from dist, also when this file runs from src (tests). */
function workerFile(): URL {
  const here = import.meta.url;
  const compiled = here.endsWith('.ts') ? here.replace(/\/src\/rendezvous\//, '/dist/rendezvous/') : here;
  return new URL('./forward-worker.js', compiled);
}

export class WorkerForwarder implements Forwarder {
  readonly counters = new CounterBlock();
  readonly #limits: RelayLimits;
  readonly #env: Env;
  readonly #seed: number;
  readonly #listener: ForwarderListener;
  readonly #associations = new Map<number, Association>();
  readonly #table = new SharedArrayBuffer(tableBytes);
  readonly #controlBuffer = new SharedArrayBuffer(ControlWord.length * 4);
  readonly #control = new Int32Array(this.#controlBuffer);
  readonly #one = new Arena(8);
  #arenaAddress = 0;
  #wakeFd = -1;
  #socket: UdpSocket | undefined;
  #alternate: UdpSocket | undefined;
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #cancelRestart: (() => void) | undefined;
  #falls = 0;
  #startedAt = 0;
  #stopping = false;

  /** Throws EVIO_NO_NATIVE, or Error, where this machine cannot do it: use `DgramForwarder` there. */
  constructor(options: { limits: RelayLimits; env: Env; seed: number }, listener: ForwarderListener) {
    this.#limits = options.limits;
    this.#env = options.env;
    this.#seed = options.seed;
    this.#listener = listener;
    if (process.platform !== 'linux') throw new Error('forwarding by system calls is for Linux');
    if (!existsSync(fileURLToPath(workerFile()))) throw new Error('the forwarding thread is not compiled');
    libc();
    this.#one.view.setUint32(0, 1, true);
  }

  async open(host: string, port: number): Promise<number> {
    const socket = openForwardSocket(host, port);
    this.#socket = socket;
    this.#wakeFd = libc().eventfd(0, EventfdFlag.cloexec | EventfdFlag.nonblock);
    this.#arenaAddress = mapLow(arenaLength);
    this.#start();
    return socket.port;
  }

  async openAlternate(host: string, port: number): Promise<number> {
    const socket = openForwardSocket(host, port);
    this.#alternate = socket;
    this.#command({ type: 'alternate', socket });
    return socket.port;
  }

  add(association: Association): void {
    this.#associations.set(association.index, association);
    this.#command({ type: 'add', association });
  }

  remove(association: number): void {
    this.#associations.delete(association);
    this.#command({ type: 'remove', index: association });
  }

  release(association: number): void {
    this.#command({ type: 'release', index: association });
  }

  deliver(destination: number, sourceId: Uint8Array, batch: Uint8Array): void {
    if (Atomics.load(this.#control, ControlWord.downBytes) > queueLimit) {
      // The block belongs to the other thread, but a lost count is better than an unbounded queue.
      this.counters.drop('queue-full', countPackets(batch));
      return;
    }
    Atomics.add(this.#control, ControlWord.downBytes, batch.length);
    const copy = new Uint8Array(batch);
    this.#command({ type: 'deliver', destination, sourceId, batch: copy }, [copy.buffer]);
  }

  async stop(): Promise<void> {
    if (this.#stopping) return this.#exited.then(() => undefined);
    this.#stopping = true;
    this.#cancelRestart?.();
    Atomics.store(this.#control, ControlWord.stop, 1);
    this.#wake();
    await this.#exited;
    const c = libc();
    for (const socket of [this.#socket, this.#alternate]) if (socket) c.close(socket.fd);
    if (this.#wakeFd >= 0) c.close(this.#wakeFd);
    if (this.#arenaAddress !== 0) unmap(this.#arenaAddress, arenaLength);
    this.#socket = this.#alternate = undefined;
    this.#wakeFd = -1;
    this.#arenaAddress = 0;
  }

  /** Lets the thread fall, for tests. */
  crash(): void {
    this.#command({ type: 'crash' });
  }

  #start(): void {
    const { socket, wakeFd } = { socket: this.#socket, wakeFd: this.#wakeFd };
    if (!socket || this.#stopping) return;
    Atomics.store(this.#control, ControlWord.upBytes, 0);
    Atomics.store(this.#control, ControlWord.downBytes, 0);
    this.#startedAt = this.#env.clock.now();
    const { port1, port2 } = new MessageChannel();
    const setup: ForwardSetup = {
      port: port2,
      socket,
      wakeFd,
      arenaAddress: this.#arenaAddress,
      arenaLength,
      table: this.#table,
      counters: this.counters.buffer,
      control: this.#controlBuffer,
      associations: [...this.#associations.values()],
      alternate: this.#alternate,
      limits: this.#limits,
      seed: this.#seed,
    };
    const worker = new Worker(workerFile(), { workerData: setup, transferList: [port2] });
    this.#worker = worker;
    this.#port = port1;
    port1.on('message', (event: ForwardEvent) => this.#event(event));
    let reason = 'it ended';
    worker.on('error', (error: Error) => (reason = error.message));
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        port1.close();
        if (this.#worker === worker) this.#fell(reason);
        resolve(undefined);
      });
    });
  }

  #fell(reason: string): void {
    this.#worker = this.#port = undefined;
    if (this.#stopping) return;
    const { clock } = this.#env;
    this.#falls = clock.now() - this.#startedAt > restart.calmMs ? 1 : this.#falls + 1;
    const pause = Math.min(restart.limitMs, restart.firstMs * 2 ** (this.#falls - 1));
    this.#cancelRestart = clock.after(pause, () => this.#start());
    this.#listener.restarted(reason);
  }

  #event(event: ForwardEvent): void {
    if (event.type === 'bound') {
      this.#listener.bound(event.association, event.endpoint);
      return;
    }
    Atomics.sub(this.#control, ControlWord.upBytes, event.batch.length);
    this.#listener.hand(event.source, event.destination, event.batch);
  }

  /** Without a thread the command is not needed: its successor gets the whole list. Data is lost, as on a bad path. */
  #command(command: ForwardCommand, transfer: ArrayBuffer[] = []): void {
    if (!this.#port) return;
    this.#port.postMessage(command, transfer);
    this.#wake();
  }

  #wake(): void {
    if (this.#wakeFd < 0 || Atomics.exchange(this.#control, ControlWord.posted, 1) === 1) return;
    libc().write(this.#wakeFd, this.#one.base, 8);
  }
}

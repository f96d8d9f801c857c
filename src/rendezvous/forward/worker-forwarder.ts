/**
 * The UDP side in a thread of its own, over koffi: the main thread's part. It owns the sockets and the memory, so that a
 * thread that crashed is replaced without a lost binding.
 */
import { existsSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import type { Env } from '../../core/lib/env.js';
import { mapLow, unmap } from '../../core/native/arena.js';
import { libc } from '../../core/native/libc.js';
import {
  compiledProgram,
  SupervisedThread,
  type RestartPolicy,
} from '../../core/native/supervised-thread.js';
import type { UdpSocket } from '../../core/native/udp-socket.js';
import { CounterBlock, totalsOf } from '../counters.js';
import type { HeldForwarding } from '../move/held.js';
import {
  ControlWord,
  queueLimit,
  type ForwardCommand,
  type ForwardEvent,
  type ForwardSetup,
} from './forward-messages.js';
import { openForwardSocket } from './forward-socket.js';
import { passedBy, tableBytes, tableViews, type Association, type Passed } from './forward-table.js';
import { rowsOf, takeRows, type RowFacts } from './table-rows.js';
import type { ForwardSockets, Forwarder, ForwarderListener, MovableForwarder } from './forwarder.js';
import type { RelayLimits } from '../limits.js';
import { countPackets } from '../../core/wire/relay.js';

const arenaLength = 512 * 1024;
/** Never given up: whoever has no other relay is better served by one that comes back in seconds. */
const restartPolicy: RestartPolicy = { firstMs: 20, limitMs: 5_000, calmMs: 60_000, restarts: Infinity };
const program = compiledProgram('./forward-worker.js', import.meta.url);

export class WorkerForwarder implements Forwarder, MovableForwarder {
  readonly counters = new CounterBlock();
  readonly #limits: RelayLimits;
  readonly #seed: number;
  readonly #listener: ForwarderListener;
  readonly #associations = new Map<number, Association>();
  readonly #table = new SharedArrayBuffer(tableBytes);
  readonly #columns = tableViews(this.#table);
  readonly #controlBuffer = new SharedArrayBuffer(ControlWord.length * 4);
  readonly #control = new Int32Array(this.#controlBuffer);
  readonly #thread: SupervisedThread<ForwardEvent>;
  #arenaAddress = 0;
  #socket: UdpSocket | undefined;
  #alternate: UdpSocket | undefined;
  #stopping: Promise<void> | undefined;
  #rests = false;
  #atRest: () => void = () => undefined;

  /** Throws EVIO_NO_NATIVE, or Error, where this machine cannot do it: use `DgramForwarder` there. */
  constructor(options: { limits: RelayLimits; env: Env; seed: number }, listener: ForwarderListener) {
    this.#limits = options.limits;
    this.#seed = options.seed;
    this.#listener = listener;
    if (process.platform !== 'linux') throw new Error('forwarding by system calls is for Linux');
    if (typeof program !== 'string' && !existsSync(program))
      throw new Error('the forwarding thread is not compiled');
    const { clock } = options.env;
    this.#thread = new SupervisedThread<ForwardEvent>(
      { program, control: this.#control, policy: restartPolicy, clock },
      {
        setup: (port) => this.#setup(port),
        heard: (event) => {
          this.#event(event);
        },
        crashed: (reason) => {
          this.#listener.restarted(reason);
        },
        // It begins with the whole list.
        restarted: () => undefined,
      },
    );
  }

  async open(host: string, port: number): Promise<number> {
    const socket = openForwardSocket(host, port);
    this.#socket = socket;
    this.#arenaAddress = mapLow(arenaLength);
    this.#thread.start('evio-forward');
    return socket.port;
  }

  async openAlternate(host: string, port: number): Promise<number> {
    const socket = openForwardSocket(host, port);
    this.#alternate = socket;
    this.#command({ type: 'alternate', socket });
    return socket.port;
  }

  get movable(): MovableForwarder {
    return this;
  }

  get sockets(): ForwardSockets {
    const socket = this.#socket;
    if (!socket) throw new Error('no socket');
    return { socket, alternate: this.#alternate };
  }

  adopt({ socket, alternate }: ForwardSockets): Promise<void> {
    this.#socket = socket;
    this.#alternate = alternate;
    this.#rests = true;
    this.#arenaAddress = mapLow(arenaLength);
    const rested = new Promise<void>((resolve) => (this.#atRest = resolve));
    this.#thread.start('evio-forward');
    return rested;
  }

  rest(): Promise<void> {
    this.#rests = true;
    const rested = new Promise<void>((resolve) => (this.#atRest = resolve));
    this.#command({ type: 'rest' });
    return rested;
  }

  held(): HeldForwarding {
    return { rows: rowsOf(this.#table), totals: totalsOf([this.counters]) };
  }

  fill({ rows, totals }: HeldForwarding, networkOf: (association: number) => number | undefined): RowFacts[] {
    const taken = takeRows(this.#table, rows, networkOf);
    this.counters.add(totals);
    for (const { association } of taken) this.#associations.set(association.index, association);
    return taken;
  }

  begin(anew: boolean): void {
    this.#rests = false;
    this.#command({ type: 'begin', anew });
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

  passed(association: number): Passed {
    return passedBy(this.#columns, association);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#thread.stop();
    for (const socket of [this.#socket, this.#alternate]) if (socket) libc().close(socket.fd);
    if (this.#arenaAddress !== 0) unmap(this.#arenaAddress, arenaLength);
    this.#socket = this.#alternate = undefined;
    this.#arenaAddress = 0;
  }

  /** Lets the thread crash, for tests. */
  crash(): void {
    this.#command({ type: 'crash' });
  }

  #setup(port: MessagePort): ForwardSetup {
    const socket = this.#socket;
    if (!socket) throw new Error('no socket');
    Atomics.store(this.#control, ControlWord.upBytes, 0);
    Atomics.store(this.#control, ControlWord.downBytes, 0);
    return {
      port,
      socket,
      wakeFd: this.#thread.wakeFd,
      arenaAddress: this.#arenaAddress,
      arenaLength,
      table: this.#table,
      counters: this.counters.buffer,
      control: this.#controlBuffer,
      associations: [...this.#associations.values()],
      alternate: this.#alternate,
      limits: this.#limits,
      seed: this.#seed,
      rests: this.#rests,
    };
  }

  #event(event: ForwardEvent): void {
    if (event.type === 'rests') {
      this.#atRest();
      return;
    }
    if (event.type === 'bound') {
      this.#listener.bound(event.association, event.endpoint);
      return;
    }
    Atomics.sub(this.#control, ControlWord.upBytes, event.batch.length);
    this.#listener.hand(event.source, event.destination, event.batch);
  }

  /** Without a thread the command is not needed: its successor gets the whole list. Data is lost, as on a bad path. */
  #command(command: ForwardCommand, transfer: ArrayBuffer[] = []): void {
    this.#thread.post(command, transfer);
  }
}

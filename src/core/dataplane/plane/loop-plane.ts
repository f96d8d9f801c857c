/**
 * A plane whose packet loop runs in its owner's thread, over any packet port: many members in one process, or a node
 * under a virtual clock. The thread's work (worker.ts) is left to who extends it: calling `round` when there is
 * something to move, and when `restMs` is over.
 */
import { EvioError } from '../../lib/errors.js';
import type { Arena } from '../../native/arena.js';
import { loopOptions, PacketLoop, type Round } from '../loop/loop.js';
import type { PacketIo } from '../loop/packet-io.js';
import { CommandPlane } from './command-plane.js';
import { deliver } from './deliver.js';
import type { Command, Event } from './messages.js';
import type { PlaneListener, PlaneOptions } from './plane.js';
import { sharedMemory } from './shared.js';

export interface LoopPlaneParts {
  readonly options: PlaneOptions;
  /** Memory of the loop, `arenaLength` of it (loop.ts), and of the packet port. */
  readonly arena: Arena;
  readonly io: PacketIo;
  /** Milliseconds. */
  readonly now: () => number;
  /** Calls back soon, but not before the caller is done: when events reach the listener. */
  readonly later: (fire: () => void) => void;
  /** See LoopOptions. */
  readonly snooping: boolean;
}

export abstract class LoopPlane extends CommandPlane {
  readonly now: () => number;
  readonly #loop: PacketLoop;
  readonly #shared = sharedMemory();
  readonly #later: (fire: () => void) => void;
  #events: Event[] = [];
  #listener: PlaneListener | undefined;
  #stopped = false;

  constructor({ options, arena, io, now, later, snooping }: LoopPlaneParts) {
    super();
    this.now = now;
    this.#later = later;
    this.memories.push(this.#shared);
    const own = { ...options, leaf: options.leaf ?? false, snooping };
    this.#loop = new PacketLoop(arena, io, this.#shared, loopOptions(own), now, (events) => {
      if (this.#events.length === 0) this.#later(this.#deliverAll);
      this.#events.push(...events);
    });
  }

  /** Started, and not stopped yet. Commands are lost at other times. */
  protected get running(): boolean {
    return this.#listener !== undefined;
  }

  start(listener: PlaneListener): Promise<void> {
    if (this.#listener || this.#stopped) throw new EvioError('EVIO_INTERNAL', 'a data plane starts once');
    this.#listener = listener;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    if (!this.#stopped) this.#loop.close();
    this.#stopped = true;
    this.#listener = undefined;
    return Promise.resolve();
  }

  /** Moves what waits at the packet port, a bounded amount of it. */
  protected moveOnce(): Round {
    return this.#loop.round();
  }

  /** Milliseconds after which there is something to do, whatever comes; Infinity: never. */
  protected get restMs(): number {
    return this.#loop.restMs;
  }

  readonly #deliverAll = (): void => {
    const events = this.#events;
    this.#events = [];
    for (const event of events) if (this.#listener) deliver(this.#listener, this.#shared, event);
  };

  protected command(command: Command): void {
    if (!this.#listener) return;
    this.#loop.commandsBegin();
    this.#loop.command(command);
    this.#loop.commandsDone();
  }

  protected commandSender(command: Command): void {
    this.command(command);
  }

  protected commandReceiver(command: Command): void {
    this.command(command);
  }
}

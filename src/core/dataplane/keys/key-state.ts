/**
 * What must be true of a key whatever becomes of the threads that use it: no counter seals twice, and no counter is
 * accepted twice.
 *
 * One thread writes both down in shared memory for the thread that may come after it (`OwnKeyState`). Several threads
 * lease blocks of counters from a number that only grows, and share a window (`SharedKeyState`): a thread that crashes
 * leaves the rest of its block unused.
 */
import type { HeldCounters } from '../plane/held.js';
import { ReplayWindow } from './replay.js';
import { SharedWindow, windowWords } from './shared-window.js';
import type { SharedMemory } from '../plane/shared.js';

/** Messages under one key; RFC 9001 and Noise allow more, Number does not (2^53). */
export const messageLimit = 2 ** 52;
/** A restarted worker goes on this far beyond the last counter it finds, though each is noted before its use. */
const restartJump = 65_536;

/** Counters that a thread leases at a time. */
const blockLength = 64;
const blockLimit = 2 ** 31;
/** A place of which more is used up is given to no other key: its counters must begin where a window's laps can tell. */
const reusableBlocks = 2 ** 28;
/**
 * A thread that has not sent for so many blocks of the others leaves the rest of its own: its counters would be older
 * than the receiver remembers. 1,024 counters, of a window of 8,160.
 */
const blocksBehind = 16;

export interface KeyState {
  /** Counters from here on must not be used. */
  readonly limit: number;
  /** A counter that nobody got before, and nobody will. */
  take(): number;
  /** False when the counter was accepted before, or is too old. Changes nothing. */
  check(counter: number): boolean;
  /** Marks the counter of an authentic packet; false when it was accepted before. */
  accept(counter: number): boolean;
}

/** The key of a plane with one thread. */
export class OwnKeyState implements KeyState {
  readonly limit = messageLimit;
  readonly #shared: SharedMemory;
  readonly #slot: number;
  readonly #window = new ReplayWindow();

  /** `replayed`: a thread before this one may have used the key. `held`: another process did. */
  constructor(shared: SharedMemory, localIndex: number, replayed: boolean, held?: HeldCounters) {
    const slot = localIndex & 0xffff;
    const { keyNext, keySeen, keyIndex } = shared;
    this.#shared = shared;
    this.#slot = slot;
    if (replayed && keyIndex[slot] === (localIndex | 0)) {
      keyNext[slot] = (keyNext[slot] as number) + restartJump;
      this.#window.startAfter(keySeen[slot] as number);
    } else {
      keyNext[slot] = held?.sent ?? 0;
      keySeen[slot] = held?.window.next ?? 0;
      keyIndex[slot] = localIndex | 0;
      if (held) this.#window.restore(held.window);
    }
  }

  /** For who goes on with the key; this state takes no more. */
  held(): HeldCounters {
    return { sent: this.#shared.keyNext[this.#slot] as number, window: this.#window.held() };
  }

  /** The number is noted before it is used: no restart can use it again. */
  take(): number {
    const { keyNext } = this.#shared;
    const counter = keyNext[this.#slot] as number;
    keyNext[this.#slot] = counter + 1;
    return counter;
  }

  check(counter: number): boolean {
    return this.#window.check(counter);
  }

  accept(counter: number): boolean {
    const accepted = this.#window.accept(counter);
    this.#shared.keySeen[this.#slot] = this.#window.next;
    return accepted;
  }
}

/** Keys that a plane with several threads can hold: three for each of its peers, and more. */
export const sharedKeyLimit = 16_384;

/** Counters and windows of the keys of several threads, by the place that the control thread gave each. */
export class KeyMemory {
  readonly buffer: SharedArrayBuffer;
  /** The next block of counters that nobody has. It is never set back, whatever key has the place. */
  readonly blocks: Int32Array;
  readonly windows: Int32Array;

  /** Over a buffer, or a new one, of which the system gives only what is used. */
  constructor(buffer = new SharedArrayBuffer(4 * sharedKeyLimit * (1 + windowWords))) {
    this.buffer = buffer;
    this.blocks = new Int32Array(buffer, 0, sharedKeyLimit);
    this.windows = new Int32Array(buffer, 4 * sharedKeyLimit, sharedKeyLimit * windowWords);
  }

  /** Empties a window. Only for a key that no thread has yet. */
  clearWindow(place: number): void {
    this.windows.fill(0, place * windowWords, (place + 1) * windowWords);
  }

  /** Blocks that were leased count as used up. */
  held(place: number): HeldCounters {
    return {
      sent: (Atomics.load(this.blocks, place) >>> 0) * blockLength,
      window: new SharedWindow(this.windows, place * windowWords).held(),
    };
  }

  /** Only for an empty place that no thread has yet. */
  restore(place: number, held: HeldCounters): void {
    const block = Math.min(blockLimit - 1, Math.ceil(held.sent / blockLength));
    Atomics.store(this.blocks, place, Math.max(block, Atomics.load(this.blocks, place) >>> 0) | 0);
    new SharedWindow(this.windows, place * windowWords).restore(held.window);
  }
}

/** The key of a plane with several threads. */
export class SharedKeyState implements KeyState {
  readonly limit = blockLimit * blockLength;
  readonly #blocks: Int32Array;
  readonly #place: number;
  readonly #window: SharedWindow;
  /** The block that was leased, and the counters that are left of it. */
  #block = 0;
  #next = 0;
  #end = 0;
  #usedUp = false;

  constructor(memory: KeyMemory, place: number) {
    this.#blocks = memory.blocks;
    this.#place = place;
    this.#window = new SharedWindow(memory.windows, place * windowWords);
  }

  take(): number {
    if (
      this.#next === this.#end ||
      ((Atomics.load(this.#blocks, this.#place) - this.#block) | 0) > blocksBehind
    )
      this.#lease();
    return this.#usedUp ? this.limit : this.#next++;
  }

  #lease(): void {
    // Not one more, or after 2^31 of them the number would begin again.
    if (this.#usedUp) return;
    const block = Atomics.add(this.#blocks, this.#place, 1) >>> 0;
    this.#usedUp = block >= blockLimit - 1;
    this.#block = block | 0;
    this.#next = block * blockLength;
    this.#end = this.#next + blockLength;
  }

  check(counter: number): boolean {
    return this.#window.check(counter);
  }

  accept(counter: number): boolean {
    return this.#window.accept(counter);
  }
}

/** The control thread's side: which key has which place. Places that became free are used again as late as can be. */
export class KeyPlaces {
  readonly #memory: KeyMemory;
  readonly #free = Array.from({ length: sharedKeyLimit }, (_, i) => i);
  /** By local index: the place, and the slot of the peer. */
  readonly #taken = new Map<number, { readonly place: number; readonly slot: number }>();

  constructor(memory: KeyMemory) {
    this.#memory = memory;
  }

  /**
   * A place for a new key of the peer in `slot`, with an empty window; undefined when all are taken. `held`: another process
   * used the key until now.
   */
  take(slot: number, localIndex: number, held?: HeldCounters): number | undefined {
    this.release(localIndex);
    const place = this.#free.shift();
    if (place === undefined) return undefined;
    this.#memory.clearWindow(place);
    if (held) this.#memory.restore(place, held);
    this.#taken.set(localIndex, { place, slot });
    return place;
  }

  /** For who goes on with the key. Only while no thread uses it; undefined when it has no place. */
  held(localIndex: number): HeldCounters | undefined {
    const taken = this.#taken.get(localIndex);
    return taken && this.#memory.held(taken.place);
  }

  release(localIndex: number): void {
    const taken = this.#taken.get(localIndex);
    if (!taken) return;
    this.#taken.delete(localIndex);
    if (Atomics.load(this.#memory.blocks, taken.place) >>> 0 < reusableBlocks) this.#free.push(taken.place);
  }

  /** The peer goes, with all its keys. */
  releasePeer(slot: number): void {
    for (const [localIndex, taken] of this.#taken) if (taken.slot === slot) this.release(localIndex);
  }
}

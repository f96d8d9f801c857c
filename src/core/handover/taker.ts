/** What a process that comes is given by the one before it: by one that lives (take.ts), or that has left and ended (rested.ts). */
import type { Received } from './channel.js';

/** What the process before left of one thing. */
export interface Thing {
  readonly id: string;
  /** The number that its descriptor of this place has here. */
  readonly descriptor: (place: number) => number;
  readonly facts: unknown;
  /** It cannot be gone on with: where the process before has ended, its names and ports are free then. */
  close(): void;
}

/** What is left still: each thing is claimed once. */
export class Left {
  readonly #things: Map<string, Thing>;

  constructor(things: readonly Thing[]) {
    this.#things = new Map(things.map((thing) => [thing.id, thing]));
  }

  /** Whether the process before left this, and it was not claimed yet. */
  has(id: string): boolean {
    return this.#things.has(id);
  }

  claim(id: string): Thing | undefined {
    const thing = this.#things.get(id);
    this.#things.delete(id);
    return thing;
  }

  /** Nobody claims what is left now. */
  close(): void {
    for (const thing of this.#things.values()) thing.close();
    this.#things.clear();
  }
}

export interface Taker {
  /** The process before lives until this one is done, and is who is asked until then; else nobody is. */
  readonly beforeLives: boolean;
  /** Descriptors of connections that the process before had, until `settled`. */
  readonly kept: readonly number[];
  readonly left: Left;
  /** All is loaded: the process before comes to rest, and leaves what it knows. Ends this process where it does not. */
  take(id: string): Promise<Received>;
  /**
   * Resolves when the process before has let go, for good, to what it said then; undefined: it is gone without a word. Ends this
   * process where it has not.
   */
  commit(id: string, leftOut: readonly string[]): Promise<Received | undefined>;
  /** Packets flow. */
  took(id: string): void;
  /** Everything is taken. */
  done(): void;
  /** Nothing of the process before is needed any more. */
  settled(): Promise<void>;
  /** It cannot go on with what was left: the process before does, or this one begins anew. Does not return. */
  fail(reason: string): Promise<never>;
}

/**
 * One thing at a time: an input runs to its end, then everything that the machines said meanwhile, in the order in
 * which they said it.
 *
 *   packet, timer, relay, person ──input──▶ machine ──output──▶ outbox ──one by one──▶ other machines ──output──▶ outbox
 *
 * So no machine is called while it is in the midst of something, by what it said itself. Machines that need each other
 * are made one after the other: the first speaks into the outbox, and who listens is named when all are there.
 */

/** What a machine tells: methods without results. */
type Told<T> = { readonly [K in keyof T]: (...facts: never[]) => void };

/** What a machine tells through the outbox. */
export interface Outputs<T> {
  readonly listener: T;
  /** Says who hears it. */
  deliver(target: T): void;
}

/** The names of the methods, all of them. */
type Names<T> = { readonly [K in keyof T]: true };

export class Turn {
  readonly #ended: () => void;
  readonly #outbox = new Queue();
  readonly #inputs = new Queue();
  #running = false;
  #closed = false;
  #held = false;
  #soon = false;

  /** @param ended called when a turn is over and all is quiet. What it says itself makes the turn longer. */
  constructor(ended: () => void) {
    this.#ended = ended;
  }

  /**
   * Runs an input and what comes of it before it returns; within a turn, once that is through.
   *
   * Throws what one of them threw, after the others were done all the same. Does nothing once closed.
   */
  input(deed: () => void): void {
    if (this.#closed) return;
    this.#inputs.put(deed);
    this.#run();
  }

  /** Puts into the outbox. Outside a turn (a socket speaks, a promise is kept) it is done when the running code has ended. */
  output(deed: () => void): void {
    if (this.#closed) return;
    this.#outbox.put(deed);
    if (this.#running || this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#run();
    });
  }

  /** `target`, each call of which is an input. */
  inputs<T extends Told<T>>(names: Names<T>, target: T): T {
    return forwarded(names, target, (deed) => {
      this.input(deed);
    });
  }

  /** A listener for a machine that is to be made, each call of which goes into the outbox, and a way to say who hears it. */
  outputs<T extends Told<T>>(names: Names<T>): Outputs<T> {
    let target: T | undefined;
    const late = {} as Record<keyof T, (...facts: never[]) => void>;
    for (const name in names) late[name] = (...facts) => target?.[name](...facts);
    return {
      listener: forwarded(names, late as T, (deed) => {
        this.output(deed);
      }),
      deliver: (to) => {
        target = to;
      },
    };
  }

  /** Inputs wait from now on, until `release`. Not within a turn. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#run();
  }

  /** From here on nothing is taken and nothing is done any more. */
  close(): void {
    this.#closed = true;
    this.#outbox.clear();
    this.#inputs.clear();
  }

  #run(): void {
    if (this.#running || this.#closed || this.#held) return;
    this.#running = true;
    let failed: { readonly thrown: unknown } | undefined;
    let quiet = false;
    for (;;) {
      const deed = this.#outbox.take() ?? this.#inputs.take();
      if (!deed && (quiet || this.#closed)) break;
      quiet = !deed;
      try {
        (deed ?? this.#ended)();
      } catch (thrown) {
        failed ??= { thrown };
      }
    }
    this.#running = false;
    if (failed) throw failed.thrown;
  }
}

/** First in, first out. An array that is shifted again and again would be moved as often. */
class Queue {
  #deeds: (() => void)[] = [];
  #at = 0;

  put(deed: () => void): void {
    this.#deeds.push(deed);
  }

  take(): (() => void) | undefined {
    const deed = this.#deeds[this.#at++];
    if (!deed) this.clear();
    return deed;
  }

  clear(): void {
    this.#deeds = [];
    this.#at = 0;
  }
}

function forwarded<T extends Told<T>>(names: Names<T>, target: T, by: (deed: () => void) => void): T {
  const out = {} as Record<keyof T, (...facts: never[]) => void>;
  for (const name in names) {
    out[name] = (...facts) => {
      by(() => {
        target[name](...facts);
      });
    };
  }
  return out as T;
}

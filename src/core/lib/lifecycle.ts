/** Start in order, stop in reverse; both at any time, and twice without harm. */
import { EvioError } from './errors.js';

/** What was started and must be undone. Steps run in reverse; one that throws does not keep others from running. */
export class Teardown {
  #steps: { name: string; undo: () => void | Promise<void> }[] = [];
  #running: Promise<void> | undefined;
  #report: (name: string, thrown: unknown) => void = () => undefined;

  /** A step added once `run` was called, by a start that was still under way, is undone too. */
  add(name: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ name, undo });
    if (this.#running) this.#running = this.#running.then(() => this.#drain());
  }

  /** Runs every step once, last added first. Later calls wait for the first. `report` hears of failures. */
  run(report: (name: string, thrown: unknown) => void = () => undefined): Promise<void> {
    if (!this.#running) {
      this.#report = report;
      this.#running = this.#drain();
    }
    return this.#running;
  }

  async #drain(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (thrown) {
        this.#report(step.name, thrown);
      }
    }
  }
}

/** What a `Lifecycle` starts and stops. */
export interface LifecyclePorts {
  /**
   * Brings everything up. What it started it adds to `teardown` at once, so that it is undone when a later step throws.
   *
   * @param wanted false as soon as somebody asked to stop: what was begun is undone then, whatever else is done here.
   */
  begin(teardown: Teardown, wanted: () => boolean): Promise<void>;
  /** A start has succeeded; not told of restarts. */
  began(): void;
  /** All is down after a stop that somebody asked for. Told once for each `began`. */
  ended(): void;
  /** A step of the way down threw. */
  failed(step: string, thrown: unknown): void;
}

/**
 * One thing that is started and stopped by several who do not know of each other: its owner, a signal, its own restart.
 *
 * Whatever is asked for is done one after the other, so nothing is ever half up when the next begins. A stop overtakes
 * the start and the restarts that wait: they find that they are not wanted any more.
 */
export class Lifecycle {
  readonly #ports: LifecyclePorts;
  #work: Promise<void> = Promise.resolve();
  /** Undefined unless it is to run. */
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** Counts starts and stops that were asked for: a start whose number has passed is not wanted any more. */
  #wish = 0;
  #teardown: Teardown | undefined;
  #begun = false;

  constructor(ports: LifecyclePorts) {
    this.#ports = ports;
  }

  /** True from `start` on until `stop` or a start that failed: it runs, or is coming up. */
  get wanted(): boolean {
    return this.#starting !== undefined;
  }

  /** True from `began` to `ended`. */
  get began(): boolean {
    return this.#begun;
  }

  /** Resolves when all is up. Throws what `begin` threw, with nothing left behind, and EVIO_INTERRUPTED when it was stopped. */
  start(): Promise<void> {
    if (this.#starting) return this.#starting;
    const wish = ++this.#wish;
    const starting = this.#next(async () => {
      try {
        await this.#up(wish);
        this.#begun = true;
        this.#ports.began();
      } catch (thrown) {
        if (this.#starting === starting) this.#starting = undefined;
        throw thrown;
      }
    });
    this.#starting = starting;
    return starting;
  }

  /** Resolves when all is down; a start under way comes to its end first. Throws nothing. */
  stop(): Promise<void> {
    if (!this.#starting) return this.#stopping ?? Promise.resolve();
    this.#starting = undefined;
    this.#wish++;
    this.#stopping = this.#next(async () => {
      await this.#down();
      if (!this.#begun) return;
      this.#begun = false;
      this.#ports.ended();
    });
    return this.#stopping;
  }

  /** Down and up again, unless it is stopped meanwhile or does not run. Throws what `begin` threw; it is to be stopped then. */
  restart(): Promise<void> {
    const wish = this.#wish;
    return this.#next(async () => {
      if (wish !== this.#wish || !this.#teardown) return;
      await this.#down();
      try {
        await this.#up(wish);
      } catch (thrown) {
        if (wish === this.#wish) throw thrown;
      }
    });
  }

  async #up(wish: number): Promise<void> {
    const wanted = (): boolean => wish === this.#wish;
    const teardown = new Teardown();
    try {
      if (wanted()) await this.#ports.begin(teardown, wanted);
      if (!wanted()) throw new EvioError('EVIO_INTERRUPTED', 'It was stopped while it started.');
    } catch (thrown) {
      await this.#undo(teardown);
      throw thrown;
    }
    this.#teardown = teardown;
  }

  async #down(): Promise<void> {
    const teardown = this.#teardown;
    this.#teardown = undefined;
    if (teardown) await this.#undo(teardown);
  }

  #undo(teardown: Teardown): Promise<void> {
    return teardown.run((step, thrown) => {
      this.#ports.failed(step, thrown);
    });
  }

  #next(task: () => Promise<void>): Promise<void> {
    const done = this.#work.then(task);
    this.#work = done.catch(() => undefined);
    return done;
  }
}

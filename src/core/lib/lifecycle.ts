/** Start in order, stop in reverse, stop twice without harm. */

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

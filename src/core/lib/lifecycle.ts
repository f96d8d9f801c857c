/** Start in order, stop in reverse, stop twice without harm. */

/** What was started and must be undone. Steps run in reverse; one that throws does not keep others from running. */
export class Teardown {
  #steps: { name: string; undo: () => void | Promise<void> }[] = [];
  #running: Promise<void> | undefined;

  add(name: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ name, undo });
  }

  /** Runs every step once, last added first. Later calls wait for the first. `report` hears of failures. */
  run(report: (name: string, thrown: unknown) => void = () => undefined): Promise<void> {
    this.#running ??= (async () => {
      for (const step of this.#steps.reverse()) {
        try {
          await step.undo();
        } catch (thrown) {
          report(step.name, thrown);
        }
      }
      this.#steps = [];
    })();
    return this.#running;
  }
}

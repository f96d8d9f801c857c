/** The last lines of a program's log, for those who ask it (`evio logs`, `evio report`). Bounded; no I/O. */

export interface LogLine {
  /** Grows by one with each line, from 1. */
  readonly number: number;
  /** Date, ms. */
  readonly at: number;
  /** The line as it was logged, JSON, without a line end. */
  readonly text: string;
}

/** Lines kept, and their characters in all. */
const maxLines = 2_000;
const maxCharacters = 512 * 1024;

export class LogRing {
  #lines: LogLine[] = [];
  /** Lines at the beginning of `#lines` that are given up; removed by many at once. */
  #from = 0;
  #characters = 0;
  #number = 0;
  readonly #waiting = new Set<() => void>();

  /** Number of the last line; 0 before the first. */
  get last(): number {
    return this.#number;
  }

  /** @param date ms */
  add(text: string, date: number): void {
    const line = { number: ++this.#number, at: date, text: text.trimEnd() };
    this.#lines.push(line);
    this.#characters += line.text.length;
    while (this.#lines.length - this.#from > maxLines || this.#characters > maxCharacters)
      this.#characters -= (this.#lines[this.#from++] as LogLine).text.length;
    if (this.#from > maxLines) {
      this.#lines = this.#lines.slice(this.#from);
      this.#from = 0;
    }
    for (const wake of [...this.#waiting]) wake();
  }

  /** Lines that are kept, of a higher number than `after`, oldest first. */
  since(after: number): readonly LogLine[] {
    const first = this.#number - (this.#lines.length - this.#from) + 1;
    return this.#lines.slice(this.#from + Math.max(0, after + 1 - first));
  }

  /** Resolves when there is a line after this one, or the signal aborts. */
  whenAfter(after: number, signal: AbortSignal): Promise<void> {
    if (this.#number > after || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }
}

/** True for a line about one of these networks, by ids and names; one that names no network is about all. */
export function concerns(text: string, names: readonly string[]): boolean {
  const { network } = JSON.parse(text) as { network?: unknown };
  return typeof network !== 'string' || names.includes(network);
}

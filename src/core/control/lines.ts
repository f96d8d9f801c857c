/** Cuts a stream of text into lines of bounded length. */

/** Longest line of the control protocol, UTF-16 units: far more than any request. */
export const maxLineLength = 64 * 1024;

export class LineSplitter {
  readonly #limit: number;
  #pieces: string[] = [];
  #length = 0;

  constructor(limit: number = maxLineLength) {
    this.#limit = limit;
  }

  /** The lines that end in this chunk, or undefined when a line exceeds the limit: the stream is then of no use. */
  push(chunk: string): string[] | undefined {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', from)) {
      this.#take(chunk.slice(from, at));
      if (this.#length > this.#limit) return undefined;
      lines.push(this.#pieces.join(''));
      this.#pieces = [];
      this.#length = 0;
      from = at + 1;
    }
    this.#take(chunk.slice(from));
    return this.#length > this.#limit ? undefined : lines;
  }

  #take(piece: string): void {
    if (piece === '') return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}

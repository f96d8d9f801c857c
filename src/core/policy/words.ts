/** A line of a policy cut into words, each with the column where it begins. Commas, `->` and `=` are words of their own. */

export interface Word {
  readonly text: string;
  /** Begins at 1. */
  readonly column: number;
}

const pattern = /->|[,=]|(?:(?!->)[^\s,=])+/gy;

/** The words of a line; what follows a `#` at the beginning of a word is a comment. */
export function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  for (let at = 0; ;) {
    while (at < line.length && /\s/.test(line[at] as string)) at++;
    if (at >= line.length || line[at] === '#') return words;
    pattern.lastIndex = at;
    const [text = line.slice(at)] = pattern.exec(line) ?? [];
    words.push({ text, column: at + 1 });
    at += text.length;
  }
}

/** Thrown inside the parser only, which catches it: a line that cannot be read ends there. */
export class LineFault extends Error {
  readonly column: number;

  constructor(column: number, message: string) {
    super(message);
    this.column = column;
  }
}

/** Reads one line from left to right. */
export class Words {
  readonly #words: readonly Word[];
  readonly #end: number;
  #next = 0;

  constructor(words: readonly Word[]) {
    const last = words.at(-1);
    this.#words = words;
    this.#end = last ? last.column + last.text.length : 1;
  }

  /** The next word, which stays. */
  get peek(): string | undefined {
    return this.#words[this.#next]?.text;
  }

  /** Column of the next word, or behind the last one. */
  get column(): number {
    return this.#words[this.#next]?.column ?? this.#end;
  }

  /** Takes the next word. */
  take(what: string): Word {
    const word = this.#words[this.#next];
    if (!word) throw new LineFault(this.#end, `${what} is missing here`);
    this.#next++;
    return word;
  }

  /** Takes the next word if it is this one. */
  skip(text: string): boolean {
    if (this.peek !== text) return false;
    this.#next++;
    return true;
  }

  expect(text: string): void {
    const { column } = this;
    if (!this.skip(text)) throw new LineFault(column, `"${text}" is missing here`);
  }

  /** One or more, with commas between them. */
  list(what: string): Word[] {
    const words = [this.take(what)];
    while (this.skip(',')) words.push(this.take(what));
    return words;
  }

  end(): void {
    if (this.peek !== undefined) throw new LineFault(this.column, `"${this.peek}" is one word too many`);
  }
}

/** One parser, or one machine, under fire. */
import type { Mutator } from './mutator.js';

export interface Target {
  readonly name: string;
  /** How often it has a turn among the others: cheap ones often. */
  readonly weight: number;
  /** One case. Throws where a promise is broken; what it returns tells a failure again. */
  run(mutator: Mutator): Uint8Array | string;
}

/** A parser that answers with undefined, or in order, or by one of these errors; never otherwise. */
export function parser(
  name: string,
  corpus: readonly Uint8Array[],
  parse: (bytes: Uint8Array) => unknown,
  weight = 20,
): Target {
  // The corpus is what the parser takes, or it would be random bytes to it.
  for (const [i, bytes] of corpus.entries())
    if (parse(bytes.slice()) === undefined) throw new Error(`${name}: message ${i} of the corpus is none`);
  return {
    name,
    weight,
    run(mutator) {
      const bytes = mutator.from(corpus);
      const copy = bytes.slice();
      try {
        parse(bytes);
      } catch (thrown) {
        throw new FoundError(copy, thrown);
      }
      if (!Buffer.from(copy).equals(bytes)) throw new FoundError(copy, 'the parser changed its input');
      return copy;
    },
  };
}

/** As `parser`, for text. */
export function textParser(
  name: string,
  corpus: readonly string[],
  parse: (text: string) => unknown,
  weight = 10,
): Target {
  const bytes = corpus.map((text) => new Uint8Array(Buffer.from(text)));
  return parser(name, bytes, (b) => parse(Buffer.from(b).toString('utf8')), weight);
}

export class FoundError extends Error {
  readonly input: Uint8Array;
  constructor(input: Uint8Array, reason: unknown) {
    super(`${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`);
    this.input = input;
  }
}

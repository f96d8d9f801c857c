/**
 * Byte strings of a snapshot, apart from its JSON: keys never become strings, which nobody could wipe.
 *
 *   reference   [at, length] into one array of bytes
 */
import { z } from 'zod';

const count = z.number().int().nonnegative();
/** A reference, as JSON carries it. */
export const ref = z.tuple([count, count]);
export type Ref = z.infer<typeof ref>;

/** What one process leaves to another: JSON, and the bytes that it refers to. */
export interface Snapshot {
  readonly head: object;
  /** With keys in it: to be wiped once it is sent. */
  readonly blob: Uint8Array;
}

export class BlobWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Takes a view, which must stay as it is until `bytes`. */
  put(view: Uint8Array | Int32Array | Float64Array): Ref {
    this.#parts.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    const at = this.#length;
    this.#length += view.byteLength;
    return [at, view.byteLength];
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** Reads references. What points beyond the end, or has another length than it must, is a RangeError. */
export class BlobReader {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A copy. @param length that it must have; any when left out */
  take([at, length]: Ref, wanted = length): Uint8Array {
    if (length !== wanted || at + length > this.#bytes.length)
      throw new RangeError('a reference leads nowhere');
    return this.#bytes.slice(at, at + length);
  }

  words(where: Ref, wanted?: number): Int32Array {
    if (where[1] % 4 !== 0) throw new RangeError('no whole words');
    return new Int32Array(this.take(where, wanted === undefined ? undefined : 4 * wanted).buffer);
  }

  doubles(where: Ref): Float64Array {
    if (where[1] % 8 !== 0) throw new RangeError('no whole doubles');
    return new Float64Array(this.take(where).buffer);
  }
}

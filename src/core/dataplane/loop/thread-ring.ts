/**
 * A ring of records in shared memory, from one thread that writes to one that reads, without locks (Lamport's queue):
 * how the other packet threads pass what concerns everybody to the steward, which keeps account of broadcasts and groups.
 *
 *   words 0: written so far | 16: read so far | 32…: records
 *   record: bytes in all 4 | kind 4 | three numbers 12 | length of the payload 4 | payload | padding to 8
 *
 * Both positions count on without end, modulo 2^32. A record does not wrap around: the rest of the ring is skipped.
 */

/** Kinds of records. */
export const RingRecord = {
  /** A frame of the own host for many: length, segment, kind bytes before it; the payload begins with those. */
  frame: 1,
  /** A flood from its ttl on: slot of the link, and 1 when it came by a direct path. */
  flood: 2,
  /** Half a flood, behind its kind: as a flood. */
  floodPart: 4,
  /** A message about multicast groups: slot of its sender. */
  groups: 3,
} as const;
export type RingRecord = (typeof RingRecord)[keyof typeof RingRecord];

const skip = 0;
const writtenWord = 0;
const readWord = 16;
const headWords = 32;
const recordHead = 24;

/** Bytes of records: some super-frames, or milliseconds of small broadcasts. A power of two. */
const defaultCapacity = 1 << 19;

export class ThreadRing {
  readonly buffer: SharedArrayBuffer;
  /** The records, for `take`'s payloads. */
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #records: Int32Array;
  readonly #capacity: number;
  /** Of the record that `take` found. */
  kind: RingRecord = RingRecord.frame;
  a = 0;
  b = 0;
  c = 0;
  at = 0;
  length = 0;
  /** Something was put since the writer last set it back. */
  fresh = false;
  #taken = 0;

  /** Over a buffer, or a new one for `capacity` bytes. */
  constructor(buffer?: SharedArrayBuffer, capacity = defaultCapacity) {
    this.buffer = buffer ?? new SharedArrayBuffer(headWords * 4 + capacity);
    this.#capacity = this.buffer.byteLength - headWords * 4;
    this.#words = new Int32Array(this.buffer, 0, headWords);
    this.#records = new Int32Array(this.buffer, headWords * 4);
    this.bytes = new Uint8Array(this.buffer, headWords * 4);
  }

  /** Appends a record with `length` bytes of `from` from `at` on. False when there is no room. Only the writer. */
  put(
    kind: RingRecord,
    a: number,
    b: number,
    c: number,
    from: Uint8Array,
    at: number,
    length: number,
  ): boolean {
    const size = (recordHead + length + 7) & ~7;
    let written = this.#words[writtenWord] as number;
    const used = (written - Atomics.load(this.#words, readWord)) | 0;
    let place = written & (this.#capacity - 1);
    const rest = this.#capacity - place;
    const skipped = size > rest ? rest : 0;
    if (used + skipped + size > this.#capacity) return false;
    if (skipped > 0) {
      this.#records[place >> 2] = skipped;
      this.#records[(place >> 2) + 1] = skip;
      written = (written + skipped) | 0;
      place = 0;
    }
    const word = place >> 2;
    this.#records[word] = size;
    this.#records[word + 1] = kind;
    this.#records[word + 2] = a;
    this.#records[word + 3] = b;
    this.#records[word + 4] = c;
    this.#records[word + 5] = length;
    this.bytes.set(from.subarray(at, at + length), place + recordHead);
    // What was written is there before the number says so.
    Atomics.store(this.#words, writtenWord, (written + size) | 0);
    this.fresh = true;
    return true;
  }

  /** Passes over what is there: a reader that takes the place of one that crashed. */
  skipAll(): void {
    this.#taken = 0;
    Atomics.store(this.#words, readWord, Atomics.load(this.#words, writtenWord));
  }

  /** Finds the next record; its payload lies at `at` of `bytes` until the next call. Only the reader. */
  take(): boolean {
    let read = ((this.#words[readWord] as number) + this.#taken) | 0;
    if (this.#taken > 0) Atomics.store(this.#words, readWord, read);
    this.#taken = 0;
    const written = Atomics.load(this.#words, writtenWord);
    if (read === written) return false;
    let word = (read & (this.#capacity - 1)) >> 2;
    if (this.#records[word + 1] === skip) {
      read = (read + (this.#records[word] as number)) | 0;
      Atomics.store(this.#words, readWord, read);
      if (read === written) return false;
      word = (read & (this.#capacity - 1)) >> 2;
    }
    this.#taken = this.#records[word] as number;
    this.kind = this.#records[word + 1] as RingRecord;
    this.a = this.#records[word + 2] as number;
    this.b = this.#records[word + 3] as number;
    this.c = this.#records[word + 4] as number;
    this.length = this.#records[word + 5] as number;
    this.at = (word << 2) + recordHead;
    return true;
  }
}

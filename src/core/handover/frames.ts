/**
 * Messages between a process and its successor, on a stream that nobody else has:
 *
 *   length of the head 4 | length of the blob 4 | head: JSON | blob: bytes
 *
 * both lengths little endian. What is longer than it may be, or no JSON, ends the talk.
 */

/** Bytes of a head and of a blob: thousands of sessions fit. */
export const headLimit = 64 << 20;
export const blobLimit = 256 << 20;
const prefix = 8;

export interface Frame {
  readonly head: unknown;
  readonly blob: Uint8Array;
}

const noBytes = new Uint8Array(0);

/** The parts of a message, in order. `blob` is not copied. */
export function encodeFrame(head: object, blob: Uint8Array = noBytes): Uint8Array[] {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const lengths = new Uint8Array(prefix);
  const view = new DataView(lengths.buffer);
  view.setUint32(0, text.length, true);
  view.setUint32(4, blob.length, true);
  return [lengths, text, blob];
}

/** Puts messages together as their bytes come. Keeps what is not whole yet; wipes what it took. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;

  /** The messages that these bytes complete. Throws RangeError or SyntaxError for what is none. */
  push(chunk: Uint8Array): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#length < prefix) return undefined;
    if ((this.#chunks[0] as Uint8Array).length < prefix) this.#join();
    const first = this.#chunks[0] as Uint8Array;
    const view = new DataView(first.buffer, first.byteOffset, prefix);
    const head = view.getUint32(0, true);
    const blob = view.getUint32(4, true);
    if (head > headLimit || blob > blobLimit) throw new RangeError('a message is too long');
    const end = prefix + head + blob;
    if (this.#length < end) return undefined;
    const all = this.#join();
    const frame = {
      head: JSON.parse(new TextDecoder().decode(all.subarray(prefix, prefix + head))) as unknown,
      blob: all.slice(prefix + head, end),
    };
    const rest = all.slice(end);
    all.fill(0);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    return frame;
  }

  #join(): Uint8Array {
    const [only] = this.#chunks;
    if (this.#chunks.length === 1 && only) return only;
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
      chunk.fill(0);
    }
    this.#chunks = [all];
    return all;
  }
}

/**
 * Attributes of rtnetlink(7) messages (`<linux/rtnetlink.h>`).
 *
 *   attribute  length 2 | type 2 | value, filled up to 4 bytes
 *
 * Integers are little endian; the length is that of what is before the filling.
 */
import { concatBytes } from '../lib/bytes.js';

const headBytes = 4;

/** One attribute; several values stand one after the other, as attributes within it do. */
export function attribute(type: number, ...values: readonly Uint8Array[]): Uint8Array {
  const value = concatBytes(...values);
  const out = new Uint8Array((headBytes + value.length + 3) & ~3);
  const view = new DataView(out.buffer);
  view.setUint16(0, headBytes + value.length, true);
  view.setUint16(2, type, true);
  out.set(value, headBytes);
  return out;
}

/** A text, ended by a zero. */
export function textAttribute(type: number, text: string): Uint8Array {
  return attribute(type, Buffer.from(`${text}\0`));
}

/** A number of 32 bits. */
export function numberAttribute(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return attribute(type, bytes);
}

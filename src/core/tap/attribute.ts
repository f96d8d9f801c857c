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

/** The text in a value, without the zero that ends it. */
export function textOf(message: Uint8Array, at: number, length: number): string {
  return Buffer.from(message.subarray(at, at + length - 1)).toString('utf8');
}

/** A number of 32 bits. */
export function numberAttribute(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return attribute(type, bytes);
}

/**
 * Tells of each attribute of a message, in order: where its value lies in it.
 *
 * @param at where the first is
 * @returns false where one cannot be read to its end
 */
export function eachAttribute(
  message: Uint8Array,
  at: number,
  call: (type: number, at: number, length: number) => void,
): boolean {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  while (at + headBytes <= message.length) {
    const length = view.getUint16(at, true);
    if (length < headBytes || at + length > message.length) return false;
    call(view.getUint16(at + 2, true), at + headBytes, length - headBytes);
    at += (length + 3) & ~3;
  }
  return true;
}

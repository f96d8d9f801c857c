/** Byte-string helpers and the bounded reader and writer that every codec in `wire/` and `identity/` uses. */
import { timingSafeEqual } from 'node:crypto';

/** True when both have the same bytes. Not for secrets: see `equalSecret`. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Constant-time comparison for MACs, cookies and keys. Lengths are not secret. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Lexicographic order, which is ring order for node ids: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const p of parts) length += p.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Bytes of a hexadecimal string, or undefined when it is not one. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

/** Bytes of an unpadded base64url string, or undefined when it is not canonical. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  return toBase64Url(bytes) === text ? bytes : undefined;
}

/** A copy in memory of its own. Not `slice()`, which on a Buffer, such as a received datagram, is only a view. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Overwrites a secret. Best effort: the engine may have copied it. */
export function wipe(bytes: Uint8Array): void {
  bytes.fill(0);
}

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true });

export function utf8(text: string): Uint8Array {
  return textEncoder.encode(text);
}

/** Grows as needed; network byte order. Every method returns the writer for chaining. */
export class ByteWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  #reserve(n: number): number {
    const at = this.#length;
    this.#length += n;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, at));
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** An unsigned integer up to 2^53, such as milliseconds since 1970. */
  u64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value));
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** Bytes behind a 16-bit length. */
  block(value: Uint8Array): this {
    if (value.length > 0xffff) throw new RangeError(`block of ${value.length} bytes exceeds 65535`);
    return this.u16(value.length).bytes(value);
  }

  /** UTF-8 text behind an 8-bit length. */
  text(value: string): this {
    const encoded = utf8(value);
    if (encoded.length > 0xff) throw new RangeError(`text of ${encoded.length} bytes exceeds 255`);
    return this.u8(encoded.length).bytes(encoded);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }
}

/**
 * Reads what `ByteWriter` wrote. Hostile input never throws: reading past the end, or bad UTF-8, sets
 * `failed` and yields zeros and empties, so a parser checks once, at its end, with `done` or `failed`.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #take(n: number): number {
    if (this.#failed || this.#at + n > this.#bytes.length) {
      this.#failed = true;
      return -1;
    }
    const at = this.#at;
    this.#at += n;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at);
  }

  u64(): number {
    const at = this.#take(8);
    if (at < 0) return 0;
    const value = this.#view.getBigUint64(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      this.#failed = true;
      return 0;
    }
    return Number(value);
  }

  /** A copy of the next `n` bytes. */
  bytes(n: number): Uint8Array {
    const at = this.#take(n);
    return at < 0 ? new Uint8Array(n <= 64 ? n : 0) : copyBytes(this.#bytes.subarray(at, at + n));
  }

  block(): Uint8Array {
    const n = this.u16();
    return this.#failed ? new Uint8Array(0) : this.bytes(n);
  }

  text(): string {
    const raw = this.bytes(this.u8());
    if (this.#failed) return '';
    try {
      return textDecoder.decode(raw);
    } catch {
      this.#failed = true;
      return '';
    }
  }

  /** A copy of everything not read yet; empty once failed. */
  rest(): Uint8Array {
    return this.#failed ? new Uint8Array(0) : this.bytes(this.#bytes.length - this.#at);
  }

  get offset(): number {
    return this.#at;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** True when nothing failed and every byte was read. */
  get done(): boolean {
    return !this.#failed && this.#at === this.#bytes.length;
  }
}

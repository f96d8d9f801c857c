/**
 * AEAD by OpenSSL's EVP interface, from the OpenSSL that Node itself carries: AES-256-GCM and ChaCha20-Poly1305
 * with a 96-bit nonce and a 128-bit tag, no associated data.
 *
 * A cipher context is made once a key (the key schedule is the costly part) and only its nonce is set per message.
 * Message bytes are offsets into the arena. Nothing here allocates per message.
 */
import { EvioError } from '../lib/errors.js';
import type { Arena } from './arena.js';
import { bind, type Native } from './symbols.js';

const ptr = 'uintptr_t';
/** `EVP_CTRL_AEAD_GET_TAG`, `EVP_CTRL_AEAD_SET_TAG` of `<openssl/evp.h>`. */
const getTag = 0x10;
const setTag = 0x11;
const tagBytes = 16;
const nonceBytes = 12;

/** The two ciphers, by the numbers of wire/packet.ts. */
export const Cipher = { aes256gcm: 1, chacha20poly1305: 2 } as const;
export type Cipher = (typeof Cipher)[keyof typeof Cipher];

/** A context under one key and one direction. */
export interface CipherContext {
  /**
   * The address, kept in a mixed array: there it stays one boxed number, where a field or a typed array
   * would box it anew for every call.
   */
  readonly pointer: readonly [null, number];
  /** ChaCha20-Poly1305 counts its nonce little endian, AES-GCM big endian (Noise section 12). */
  readonly littleEndian: boolean;
}

export class Evp {
  readonly #arena: Arena;
  readonly #nonce: number;
  readonly #nonceAddress: number;
  readonly #scratchAddress: number;
  readonly #new: Native;
  readonly #free: Native;
  readonly #ctrl: Native;
  readonly #encryptInit: Native;
  readonly #encryptUpdate: Native;
  readonly #encryptFinal: Native;
  readonly #decryptInit: Native;
  readonly #decryptUpdate: Native;
  readonly #decryptFinal: Native;
  readonly #ciphers: Record<Cipher, number>;
  readonly #keyAt: number;

  /** Takes a little room in the arena. Throws EVIO_NO_NATIVE when Node was built without these OpenSSL functions. */
  constructor(arena: Arena) {
    this.#arena = arena;
    this.#nonce = arena.alloc(nonceBytes);
    this.#nonceAddress = arena.base + this.#nonce;
    this.#scratchAddress = arena.base + arena.alloc(64);
    this.#keyAt = arena.alloc(32);
    this.#new = bind(`${ptr} EVP_CIPHER_CTX_new()`);
    this.#free = bind(`void EVP_CIPHER_CTX_free(${ptr} context)`);
    this.#ctrl = bind(`int EVP_CIPHER_CTX_ctrl(${ptr} context, int type, int argument, ${ptr} pointer)`);
    const init = `(${ptr} context, ${ptr} type, ${ptr} engine, ${ptr} key, ${ptr} iv)`;
    const update = `(${ptr} context, ${ptr} out, ${ptr} outLength, ${ptr} in, int inLength)`;
    const final = `(${ptr} context, ${ptr} out, ${ptr} outLength)`;
    this.#encryptInit = bind(`int EVP_EncryptInit_ex${init}`);
    this.#encryptUpdate = bind(`int EVP_EncryptUpdate${update}`);
    this.#encryptFinal = bind(`int EVP_EncryptFinal_ex${final}`);
    this.#decryptInit = bind(`int EVP_DecryptInit_ex${init}`);
    this.#decryptUpdate = bind(`int EVP_DecryptUpdate${update}`);
    this.#decryptFinal = bind(`int EVP_DecryptFinal_ex${final}`);
    this.#ciphers = {
      [Cipher.aes256gcm]: bind(`${ptr} EVP_aes_256_gcm()`)(),
      [Cipher.chacha20poly1305]: bind(`${ptr} EVP_chacha20_poly1305()`)(),
    };
  }

  /** A context that seals. The key is copied into OpenSSL; free it with `release`. */
  sealing(cipher: Cipher, key: Uint8Array): CipherContext {
    return this.#make(cipher, key, this.#encryptInit);
  }

  /** A context that opens. */
  opening(cipher: Cipher, key: Uint8Array): CipherContext {
    return this.#make(cipher, key, this.#decryptInit);
  }

  #make(cipher: Cipher, key: Uint8Array, init: Native): CipherContext {
    if (key.length !== 32) throw new RangeError(`key of ${key.length} bytes, wanted 32`);
    const { u8, base } = this.#arena;
    const pointer = this.#new();
    u8.set(key, this.#keyAt);
    const done =
      pointer === 0 ? 0 : init(pointer, this.#ciphers[cipher], 0, base + this.#keyAt, this.#nonceAddress);
    u8.fill(0, this.#keyAt, this.#keyAt + 32);
    if (done !== 1) throw new EvioError('EVIO_NO_NATIVE', 'OpenSSL cannot make a cipher context');
    return { pointer: [null, pointer], littleEndian: cipher === Cipher.chacha20poly1305 };
  }

  /** Wipes and frees a context, which must not be used again. */
  release(context: CipherContext): void {
    this.#free(context.pointer[1]);
  }

  /** The counter is `high` * 2^32 + `low`, `low` taken as unsigned. */
  #setNonce(context: CipherContext, high: number, low: number): void {
    const { view } = this.#arena;
    if (context.littleEndian) {
      view.setInt32(this.#nonce + 4, low, true);
      view.setInt32(this.#nonce + 8, high, true);
    } else {
      view.setInt32(this.#nonce + 4, high);
      view.setInt32(this.#nonce + 8, low);
    }
  }

  /** Seals `length` bytes from `from` to `to`, and writes the tag behind them. The ranges are equal or apart. */
  seal(context: CipherContext, high: number, low: number, from: number, length: number, to: number): boolean {
    const { base } = this.#arena;
    const pointer = context.pointer[1];
    this.#setNonce(context, high, low);
    let done = this.#encryptInit(pointer, 0, 0, 0, this.#nonceAddress);
    if (length > 0)
      done &= this.#encryptUpdate(pointer, base + to, this.#scratchAddress, base + from, length);
    done &= this.#encryptFinal(pointer, base + to + length, this.#scratchAddress);
    return (done & this.#ctrl(pointer, getTag, tagBytes, base + to + length)) === 1;
  }

  /** Opens `length` bytes at `at` where they are; the tag lies behind. False when it is wrong: the bytes are garbage then. */
  open(context: CipherContext, high: number, low: number, at: number, length: number): boolean {
    const pointer = context.pointer[1];
    const from = this.#arena.base + at;
    this.#setNonce(context, high, low);
    this.#decryptInit(pointer, 0, 0, 0, this.#nonceAddress);
    this.#ctrl(pointer, setTag, tagBytes, from + length);
    if (length > 0) this.#decryptUpdate(pointer, from, this.#scratchAddress, from, length);
    return this.#decryptFinal(pointer, this.#scratchAddress, this.#scratchAddress) === 1;
  }
}

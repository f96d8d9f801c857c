/**
 * Records of AES-256-GCM and ChaCha20-Poly1305 by OpenSSL's EVP interface, from the OpenSSL that Node itself carries.
 *
 * A record is what TLS 1.2 makes of a message (RFC 5246 section 6.2.3.3, RFC 5288), because OpenSSL does such a record
 * in two calls where the general interface takes four or five, and a call costs about as much as 200 bytes of AES:
 *
 *   header, 8 bytes | counter 8, big endian | ciphertext | tag 16
 *
 *   nonce             four zero bytes, then the counter as it stands
 *   associated data   counter 8 | the first three bytes of the header | length of the plaintext 2, big endian
 *
 * A cipher context is made once a key (the key schedule is the costly part). Message bytes are offsets into the arena
 * and change in place. Nothing here allocates per message.
 */
import { EvioError } from '../lib/errors.js';
import type { Arena } from './arena.js';
import { bind, type Native } from './symbols.js';

const ptr = 'uintptr_t';
/** `EVP_CTRL_AEAD_SET_IV_FIXED` of `<openssl/evp.h>`, for the whole nonce with -1. */
const setIvFixed = 0x12;
/** Bytes of the record's header, its counter included, and of its tag. */
export const recordHeaderLength = 16;
export const recordTagLength = 16;
const counterBytes = 8;
const nonceBytes = 12;
/** `EVP_AEAD_TLS1_AAD_LEN`. */
const associatedBytes = 13;
/** Longest plaintext: its length and what AES-GCM counts beside it fit 16 bits. */
export const maxPlaintext = 65_535 - counterBytes - recordTagLength;

/** `OSSL_PARAM` of `<openssl/core.h>`: key, data_type, data, data_size, return_size. */
const Param = { size: 40, key: 0, type: 8, data: 16, dataSize: 24, returnSize: 32, octetString: 5 } as const;

/** The two ciphers, by the numbers of wire/packet.ts. */
export const Cipher = { aes256gcm: 1, chacha20poly1305: 2 } as const;
export type Cipher = (typeof Cipher)[keyof typeof Cipher];

/** What is sealed to try OpenSSL, and what comes of it: key 00 01 … 1f, header 50 00 …, counter 2^32 + 2. */
const sample = Uint8Array.of(1, 2, 3, 4, 5);
const proof: Record<Cipher, string> = {
  [Cipher.aes256gcm]: '3bb820d7b9019c5d3bc36358978f001ae177ea3c10',
  [Cipher.chacha20poly1305]: '8a225e24a67f14df287b4ee14cd05b30f34b1035e8',
};
let proven = false;

/** A context under one key and one direction. */
export interface CipherContext {
  /**
   * The address, kept in a mixed array: there it stays one boxed number, where a field or a typed array
   * would box it anew for every call.
   */
  readonly pointer: readonly [null, number];
  /** Bytes of counter that the cipher takes as part of the record: AES-GCM writes and reads them itself. */
  readonly explicit: number;
  /** The counter that AES-GCM will write next: it makes its nonces itself. */
  nextHigh: number;
  nextLow: number;
}

export class Evp {
  readonly #arena: Arena;
  readonly #associated: number;
  readonly #params: number;
  readonly #nonce: number;
  readonly #key: number;
  readonly #new: Native;
  readonly #free: Native;
  readonly #ctrl: Native;
  readonly #init: Native;
  readonly #setParams: Native;
  readonly #cipher: Native;
  readonly #ciphers: Record<Cipher, number>;

  /**
   * Takes a little room in the arena. Throws EVIO_NO_NATIVE when Node was built without these OpenSSL functions, or
   * when they do not do what this file says.
   */
  constructor(arena: Arena) {
    this.#arena = arena;
    this.#nonce = arena.alloc(nonceBytes);
    this.#key = arena.alloc(32);
    this.#associated = arena.alloc(associatedBytes);
    this.#params = arena.alloc(2 * Param.size);
    this.#new = bind(`${ptr} EVP_CIPHER_CTX_new()`);
    this.#free = bind(`void EVP_CIPHER_CTX_free(${ptr} context)`);
    this.#ctrl = bind(`int EVP_CIPHER_CTX_ctrl(${ptr} context, int type, int argument, ${ptr} pointer)`);
    this.#init = bind(
      `int EVP_CipherInit_ex(${ptr} context, ${ptr} type, ${ptr} engine, ${ptr} key, ${ptr} iv, int encrypt)`,
    );
    this.#setParams = bind(`int EVP_CIPHER_CTX_set_params(${ptr} context, ${ptr} params)`);
    this.#cipher = bind(`int EVP_Cipher(${ptr} context, ${ptr} out, ${ptr} in, uint32_t length)`);
    this.#ciphers = {
      [Cipher.aes256gcm]: bind(`${ptr} EVP_aes_256_gcm()`)(),
      [Cipher.chacha20poly1305]: bind(`${ptr} EVP_chacha20_poly1305()`)(),
    };
    const name = arena.alloc(16);
    arena.setText(name, 'tlsaad');
    arena.setPointer(this.#params + Param.key, arena.base + name);
    arena.view.setUint32(this.#params + Param.type, Param.octetString, true);
    arena.setPointer(this.#params + Param.data, arena.base + this.#associated);
    arena.view.setUint32(this.#params + Param.dataSize, associatedBytes, true);
    if (!proven) this.#prove();
  }

  /**
   * OpenSSL ignores parameters that it does not know, and one without these records would neither write nor check a tag.
   * So they are tried, once a thread, against what RFC 5288 and RFC 7905 make of the same bytes.
   */
  #prove(): void {
    const { u8 } = this.#arena;
    const at = this.#arena.alloc(recordHeaderLength + sample.length + recordTagLength) + recordHeaderLength;
    const tag = at + sample.length;
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    for (const cipher of [Cipher.aes256gcm, Cipher.chacha20poly1305] as const) {
      const [sealing, opening] = [this.sealing(cipher, key), this.opening(cipher, key)];
      u8.fill(0, at - recordHeaderLength, at);
      u8[at - recordHeaderLength] = 0x50;
      u8.set(sample, at);
      const sealed = this.seal(sealing, 1, 2, at, sample.length);
      const right = Buffer.from(u8.subarray(at, tag + recordTagLength)).toString('hex') === proof[cipher];
      const opened = this.open(opening, at, sample.length) && u8[at] === sample[0];
      this.seal(sealing, 1, 3, at, sample.length);
      u8[tag] = (u8[tag] as number) ^ 1;
      const refused = !this.open(opening, at, sample.length);
      this.release(sealing);
      this.release(opening);
      if (!sealed || !right || !opened || !refused)
        throw new EvioError('EVIO_NO_NATIVE', "Node's OpenSSL does not make the records that evio sends");
    }
    proven = true;
  }

  /** A context that seals, from counter 0 on. The key is copied into OpenSSL; free it with `release`. */
  sealing(cipher: Cipher, key: Uint8Array): CipherContext {
    return this.#make(cipher, key, 1);
  }

  /** A context that opens. */
  opening(cipher: Cipher, key: Uint8Array): CipherContext {
    return this.#make(cipher, key, 0);
  }

  #make(cipher: Cipher, key: Uint8Array, encrypt: 0 | 1): CipherContext {
    if (key.length !== 32) throw new RangeError(`key of ${key.length} bytes, wanted 32`);
    const { u8, base } = this.#arena;
    const pointer = this.#new();
    const explicit = cipher === Cipher.aes256gcm ? counterBytes : 0;
    u8.set(key, this.#key);
    u8.fill(0, this.#nonce, this.#nonce + nonceBytes);
    let done = pointer === 0 ? 0 : 1;
    if (done === 1)
      done = this.#init(pointer, this.#ciphers[cipher], 0, base + this.#key, base + this.#nonce, encrypt);
    u8.fill(0, this.#key, this.#key + 32);
    const context: CipherContext = { pointer: [null, pointer], explicit, nextHigh: 0, nextLow: 0 };
    if (done === 1 && explicit > 0) done = this.#restart(context, 0, 0);
    if (done !== 1) {
      if (pointer !== 0) this.#free(pointer);
      throw new EvioError('EVIO_NO_NATIVE', 'OpenSSL cannot make a cipher context');
    }
    return context;
  }

  /** Wipes and frees a context, which must not be used again. */
  release(context: CipherContext): void {
    this.#free(context.pointer[1]);
  }

  /** Lets AES-GCM's counter go on from here. */
  #restart(context: CipherContext, high: number, low: number): number {
    const { view, base } = this.#arena;
    view.setInt32(this.#nonce + 4, high);
    view.setInt32(this.#nonce + 8, low);
    context.nextHigh = high;
    context.nextLow = low;
    return this.#ctrl(context.pointer[1], setIvFixed, -1, base + this.#nonce);
  }

  /** Tells OpenSSL the associated data of the record whose plaintext, `length` bytes, begins at `at`. */
  #associate(context: CipherContext, at: number, length: number, counted: number): number {
    const { view, base } = this.#arena;
    const to = this.#associated;
    view.setInt32(to, view.getInt32(at - 8));
    view.setInt32(to + 4, view.getInt32(at - 4));
    view.setInt32(to + 8, view.getInt32(at - recordHeaderLength));
    // OpenSSL subtracts the counter's bytes and the tag's where they are part of what it is given.
    view.setUint16(to + 11, length + counted);
    return this.#setParams(context.pointer[1], base + this.#params);
  }

  /**
   * Seals the `length` bytes at `at` where they are, at most `maxPlaintext`; counter `high` * 2^32 + `low` (`low` taken
   * as unsigned) goes in front of them and the tag behind. False when OpenSSL failed: the bytes may be plaintext still, and
   * must not leave. The eight bytes of header before the counter must be there.
   */
  seal(context: CipherContext, high: number, low: number, at: number, length: number): boolean {
    const { view, base } = this.#arena;
    view.setInt32(at - 8, high);
    view.setInt32(at - 4, low);
    const { explicit } = context;
    if (explicit > 0) {
      if ((low !== context.nextLow || high !== context.nextHigh) && this.#restart(context, high, low) !== 1)
        return false;
      context.nextLow = (low + 1) | 0;
      if (context.nextLow === 0) context.nextHigh = high + 1;
    }
    const done = this.#associate(context, at, length, explicit);
    const from = base + at - explicit;
    // The number of bytes written, which for an empty plaintext may be none; below zero it failed.
    if (
      done === 1 &&
      this.#cipher(context.pointer[1], from, from, explicit + length + recordTagLength) >= 0 &&
      view.getInt32(at - 4) === low
    )
      return true;
    // Where AES-GCM's own counter stands is not known now: the next record tells it anew.
    context.nextHigh = -1;
    return false;
  }

  /**
   * Opens the record whose ciphertext, `length` bytes, begins at `at`, where it is; header and counter lie before it, the
   * tag behind. False when the tag is wrong: the bytes are gone then.
   */
  open(context: CipherContext, at: number, length: number): boolean {
    const { explicit } = context;
    if (this.#associate(context, at, length, explicit + recordTagLength) !== 1) return false;
    const from = this.#arena.base + at - explicit;
    return this.#cipher(context.pointer[1], from, from, explicit + length + recordTagLength) >= 0;
  }
}

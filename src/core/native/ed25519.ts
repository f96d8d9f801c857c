/**
 * Ed25519 (RFC 8032) by OpenSSL's EVP interface, over memory of the arena: what the packet loop signs its floods with and
 * verifies those of others. A signature costs about 40 µs, a verification 140 µs. The portable code of identity/keys.ts
 * makes the same signatures.
 */
import { EvioError } from '../lib/errors.js';
import type { Arena } from './arena.js';
import { bind, type Native } from './symbols.js';

const ptr = 'uintptr_t';
/** `EVP_PKEY_ED25519` of `<openssl/evp.h>`. */
const typeEd25519 = 1_087;
export const ed25519KeyLength = 32;
export const ed25519SignatureLength = 64;

export class Ed25519 {
  readonly #arena: Arena;
  readonly #key: number;
  readonly #size: number;
  readonly #publicKey: Native;
  readonly #freeKey: Native;
  readonly #signInit: Native;
  readonly #sign: Native;
  readonly #verifyInit: Native;
  readonly #verify: Native;
  readonly #reset: Native;
  /**
   * Own key, a context to sign and one to verify: in a mixed array for the reason that `CipherContext` of evp.ts gives.
   */
  readonly #own: [null, number, number, number];

  /**
   * Takes a little room in the arena. The seed is copied into OpenSSL.
   *
   * @param seed the secret, 32 bytes
   * @throws EvioError EVIO_NO_NATIVE when Node was built without these functions
   */
  constructor(arena: Arena, seed: Uint8Array) {
    if (seed.length !== ed25519KeyLength) throw new RangeError(`seed of ${seed.length} bytes, wanted 32`);
    this.#arena = arena;
    this.#key = arena.alloc(ed25519KeyLength);
    this.#size = arena.alloc(8);
    const raw = `(int type, ${ptr} engine, ${ptr} key, size_t length)`;
    const init = `(${ptr} context, ${ptr} keyContext, ${ptr} digest, ${ptr} engine, ${ptr} key)`;
    this.#publicKey = bind(`${ptr} EVP_PKEY_new_raw_public_key${raw}`);
    this.#freeKey = bind(`void EVP_PKEY_free(${ptr} key)`);
    this.#signInit = bind(`int EVP_DigestSignInit${init}`);
    this.#sign = bind(
      `int EVP_DigestSign(${ptr} context, ${ptr} to, ${ptr} size, ${ptr} message, size_t length)`,
    );
    this.#verifyInit = bind(`int EVP_DigestVerifyInit${init}`);
    this.#verify = bind(
      `int EVP_DigestVerify(${ptr} context, ${ptr} signature, size_t size, ${ptr} message, size_t length)`,
    );
    const { u8, base } = arena;
    u8.set(seed, this.#key);
    const key = bind(`${ptr} EVP_PKEY_new_raw_private_key${raw}`)(
      typeEd25519,
      0,
      base + this.#key,
      ed25519KeyLength,
    );
    u8.fill(0, this.#key, this.#key + ed25519KeyLength);
    this.#reset = bind(`int EVP_MD_CTX_reset(${ptr} context)`);
    const newContext = bind(`${ptr} EVP_MD_CTX_new()`);
    const [signing, verifying] = [newContext(), newContext()];
    if (key === 0 || signing === 0 || verifying === 0)
      throw new EvioError('EVIO_NO_NATIVE', 'OpenSSL cannot make an Ed25519 key');
    this.#own = [null, key, signing, verifying];
  }

  /** Signs the `length` bytes at `at`; 64 bytes of signature are written to `to`. False when OpenSSL failed. */
  sign(at: number, length: number, to: number): boolean {
    const { view, base } = this.#arena;
    view.setUint32(this.#size, ed25519SignatureLength, true);
    view.setUint32(this.#size + 4, 0, true);
    const context = this.#own[2];
    return (
      this.#signInit(context, 0, 0, 0, this.#own[1]) === 1 &&
      this.#sign(context, base + to, base + this.#size, base + at, length) === 1
    );
  }

  /** True when the 64 bytes at `signature` are `publicKey`'s for the `length` bytes at `at`. */
  verify(publicKey: Uint8Array, signature: number, at: number, length: number): boolean {
    const { u8, base } = this.#arena;
    u8.set(publicKey, this.#key);
    const key = this.#publicKey(typeEd25519, 0, base + this.#key, ed25519KeyLength);
    if (key === 0) return false;
    const context = this.#own[3];
    // A context that is not reset goes on with the key that it had, whatever key it is given.
    const genuine =
      this.#reset(context) === 1 &&
      this.#verifyInit(context, 0, 0, 0, key) === 1 &&
      this.#verify(context, base + signature, ed25519SignatureLength, base + at, length) === 1;
    this.#freeKey(key);
    return genuine;
  }

  /** Wipes and frees the key. */
  close(): void {
    this.#freeKey(this.#own[1]);
    const freeContext = bind(`void EVP_MD_CTX_free(${ptr} context)`);
    freeContext(this.#own[2]);
    freeContext(this.#own[3]);
    this.#own.fill(0, 1);
  }
}

/** SHA-256 by OpenSSL, over memory of the arena: 0.4 µs for a small message, 1 µs for a frame. */
import { EvioError } from '../lib/errors.js';
import type { Arena } from './arena.js';
import { bind, type Native } from './symbols.js';

const ptr = 'uintptr_t';
export const sha256Length = 32;

export class Sha256 {
  readonly #base: number;
  readonly #init: Native;
  readonly #update: Native;
  readonly #final: Native;
  /** Context and algorithm, in a mixed array for the reason that `CipherContext` of evp.ts gives. */
  readonly #own: readonly [null, number, number];

  /** Throws EVIO_NO_NATIVE when Node was built without these functions. */
  constructor(arena: Arena) {
    this.#base = arena.base;
    this.#init = bind(`int EVP_DigestInit_ex2(${ptr} context, ${ptr} digest, ${ptr} params)`);
    this.#update = bind(`int EVP_DigestUpdate(${ptr} context, ${ptr} from, size_t length)`);
    this.#final = bind(`int EVP_DigestFinal_ex(${ptr} context, ${ptr} to, ${ptr} length)`);
    const name = arena.alloc(8);
    arena.setText(name, 'SHA256');
    // Fetched once: the constant EVP_sha256() is looked up anew by every use.
    const digest = bind(`${ptr} EVP_MD_fetch(${ptr} library, ${ptr} name, ${ptr} properties)`)(
      0,
      arena.base + name,
      0,
    );
    const context = bind(`${ptr} EVP_MD_CTX_new()`)();
    if (digest === 0 || context === 0) throw new EvioError('EVIO_NO_NATIVE', 'OpenSSL has no SHA-256');
    this.#own = [null, context, digest];
  }

  /** Writes the hash of the `length` bytes at `at`, 32 bytes, to `to`. False when OpenSSL failed. */
  digest(at: number, length: number, to: number): boolean {
    const context = this.#own[1];
    return (
      this.#init(context, this.#own[2], 0) === 1 &&
      this.#update(context, this.#base + at, length) === 1 &&
      this.#final(context, this.#base + to, 0) === 1
    );
  }

  close(): void {
    bind(`void EVP_MD_CTX_free(${ptr} context)`)(this.#own[1]);
    bind(`void EVP_MD_free(${ptr} digest)`)(this.#own[2]);
  }
}

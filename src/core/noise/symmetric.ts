/** SymmetricState with its CipherState: Noise revision 34, sections 5.1 and 5.2. Method names are the specification's. */
import { copyBytes, wipe } from '../lib/bytes.js';
import type { Suite } from '../wire/packet.js';
import { decrypt, encrypt, hash, hashLength, hkdf2 } from './suite.js';

const empty = new Uint8Array(0);

export class SymmetricState {
  readonly #suite: Suite;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #key: Uint8Array | undefined;
  #counter = 0;

  /** InitializeSymmetric: a name of up to 32 bytes is zero-padded, a longer one hashed. */
  constructor(suite: Suite, protocolName: Uint8Array) {
    this.#suite = suite;
    if (protocolName.length <= hashLength) {
      this.#hash = new Uint8Array(hashLength);
      this.#hash.set(protocolName);
    } else {
      this.#hash = hash(protocolName);
    }
    this.#chainingKey = this.#hash.slice();
  }

  /** An independent copy, so that a message can be tried and the try thrown away. */
  clone(): SymmetricState {
    const copy = new SymmetricState(this.#suite, empty);
    copy.#chainingKey = this.#chainingKey.slice();
    copy.#hash = this.#hash.slice();
    copy.#key = this.#key?.slice();
    copy.#counter = this.#counter;
    return copy;
  }

  /** True once a key is set: what follows is encrypted and grows by a tag. */
  get hasKey(): boolean {
    return this.#key !== undefined;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = hash(this.#hash, data);
  }

  /** Wipes the input key material. */
  mixKey(input: Uint8Array): void {
    const [chainingKey, key] = hkdf2(this.#chainingKey, input);
    wipe(input);
    this.#forgetKeys();
    this.#chainingKey = chainingKey;
    this.#key = key;
    this.#counter = 0;
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#key
      ? encrypt(this.#suite, this.#key, this.#counter++, this.#hash, plaintext)
      : copyBytes(plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** Undefined when the tag is wrong; the state is then of no further use. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#key
      ? decrypt(this.#suite, this.#key, this.#counter++, this.#hash, ciphertext)
      : copyBytes(ciphertext);
    if (plaintext) this.mixHash(ciphertext);
    return plaintext;
  }

  /** GetHandshakeHash: a copy. */
  handshakeHash(): Uint8Array {
    return this.#hash.slice();
  }

  /** Split: the initiator's sending key and the responder's. The caller owns both. */
  split(): [Uint8Array, Uint8Array] {
    return hkdf2(this.#chainingKey, empty);
  }

  destroy(): void {
    this.#forgetKeys();
    wipe(this.#hash);
  }

  #forgetKeys(): void {
    wipe(this.#chainingKey);
    if (this.#key) wipe(this.#key);
    this.#key = undefined;
  }
}

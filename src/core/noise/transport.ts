/**
 * The two CipherStates after a handshake, for a carrier that keeps messages in order and loses none (the WebSocket
 * control channel): the counter is implied. Noise revision 34, section 5.1. Datagrams need wire/packet.ts instead.
 */
import { copyBytes, wipe } from '../lib/bytes.js';
import { tagLength, type Suite } from '../wire/packet.js';
import type { TransportKeys } from './handshake.js';
import { decrypt, encrypt, keyLength } from './suite.js';

/** Messages one key may seal: far under the 2^64-1 of Noise, and the invocation bound of NIST SP 800-38D section 8.3. */
export const transportMessageLimit = 2 ** 32;

/** All that another process needs to go on with a transport. The keys are copies, to be wiped. */
export interface HeldTransport {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** Messages that were sealed and opened. */
  readonly sent: number;
  readonly received: number;
}

const noData = new Uint8Array(0);

export class NoiseTransport {
  readonly #suite: Suite;
  readonly #sendKey: Uint8Array;
  readonly #receiveKey: Uint8Array;
  readonly #limit: number;
  #sent = 0;
  #received = 0;
  #destroyed = false;

  /** Copies the keys. `limit` is there for tests. */
  constructor(suite: Suite, sendKey: Uint8Array, receiveKey: Uint8Array, limit = transportMessageLimit) {
    if (sendKey.length !== keyLength || receiveKey.length !== keyLength)
      throw new TypeError('a key is not 32 bytes');
    this.#suite = suite;
    this.#sendKey = copyBytes(sendKey);
    this.#receiveKey = copyBytes(receiveKey);
    this.#limit = limit;
  }

  static fromKeys(suite: Suite, keys: TransportKeys): NoiseTransport {
    return new NoiseTransport(suite, keys.send, keys.receive);
  }

  /** Goes on where another process stopped, which must never use the keys again. Copies them. */
  static from(suite: Suite, { sendKey, receiveKey, sent, received }: HeldTransport): NoiseTransport {
    const transport = new NoiseTransport(suite, sendKey, receiveKey);
    transport.#sent = sent;
    transport.#received = received;
    return transport;
  }

  held(): HeldTransport {
    return {
      sendKey: copyBytes(this.#sendKey),
      receiveKey: copyBytes(this.#receiveKey),
      sent: this.#sent,
      received: this.#received,
    };
  }

  /** True when no message may be sealed any more: open a new channel. */
  get exhausted(): boolean {
    return this.#sent >= this.#limit;
  }

  /** Ciphertext and tag in a new array. Throws RangeError when exhausted, Error after `destroy`. */
  seal(plaintext: Uint8Array): Uint8Array {
    if (this.#destroyed) throw new Error('the transport is closed');
    if (this.exhausted) throw new RangeError(`a key sealed ${this.#limit} messages and must be replaced`);
    return encrypt(this.#suite, this.#sendKey, this.#sent++, noData, plaintext);
  }

  /**
   * The plaintext in a new array, or undefined when the message is forged, damaged or out of order. The counter then
   * stays, but over an ordered carrier it means that the channel is broken: close it.
   */
  open(message: Uint8Array): Uint8Array | undefined {
    if (this.#destroyed || message.length < tagLength || this.#received >= this.#limit) return undefined;
    const plaintext = decrypt(this.#suite, this.#receiveKey, this.#received, noData, message);
    if (plaintext) this.#received++;
    return plaintext;
  }

  /** Wipes the keys. Harmless when called again. */
  destroy(): void {
    this.#destroyed = true;
    wipe(this.#sendKey);
    wipe(this.#receiveKey);
  }
}

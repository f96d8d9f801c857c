/**
 * HandshakeState: Noise revision 34, section 5.3, for the patterns in patterns.ts. Only the specification:
 * it knows no packets, peers, networks or clocks.
 *
 * A call that fails leaves the handshake as it was before, so a forged or damaged message cannot end one.
 */
import { concatBytes, copyBytes, utf8, wipe } from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import { tagLength, type Suite } from '../wire/packet.js';
import { patterns, type PatternName, type Token } from './patterns.js';
import { cipherName, dh, dhLength, generateDhKeys, isLowOrder, type DhKeys } from './suite.js';
import { SymmetricState } from './symmetric.js';

export type { DhKeys } from './suite.js';

/** Longest Noise message, bytes (section 3). */
export const noiseMessageLimit = 65_535;

export interface HandshakeInit {
  readonly pattern: PatternName;
  readonly suite: Suite;
  readonly initiator: boolean;
  /** Bytes both sides must agree on; any length, may be empty. */
  readonly prologue: Uint8Array;
  /** Our static keys, where the pattern has one for us. Stays the caller's; not wiped. */
  readonly staticKeys?: DhKeys;
  /** The other side's static public key, where the pattern knows it beforehand. */
  readonly remoteStatic?: Uint8Array;
  /** Fixes our ephemeral keys: for test vectors only. */
  readonly ephemeral?: DhKeys;
  readonly random: Random;
}

/** The raw keys of a finished handshake, 32 bytes each, as seen from our side. The caller owns and wipes them. */
export interface TransportKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

/** Everything a message changes, so that a try can be thrown away. */
interface Progress {
  symmetric: SymmetricState;
  ephemeral: DhKeys | undefined;
  remoteEphemeral: Uint8Array | undefined;
  remoteStatic: Uint8Array | undefined;
}

export class NoiseHandshake {
  readonly #initiator: boolean;
  readonly #messages: readonly (readonly Token[])[];
  readonly #static: DhKeys | undefined;
  readonly #random: Random;
  #state: Progress;
  #turn = 0;
  #destroyed = false;

  /** Throws TypeError when a key that the pattern needs beforehand is missing or not 32 bytes. */
  constructor(init: HandshakeInit) {
    const pattern = patterns[init.pattern];
    const needsStatic = pattern.messages.some(
      (tokens, i) => tokens.includes('s') && (i % 2 === 0) === init.initiator,
    );
    const ownKnown = init.initiator ? pattern.initiatorKnown : pattern.responderKnown;
    const remoteKnown = init.initiator ? pattern.responderKnown : pattern.initiatorKnown;
    if ((needsStatic || ownKnown) && !init.staticKeys) {
      throw new TypeError(`${init.pattern} needs static keys of ours`);
    }
    if (remoteKnown && init.remoteStatic?.length !== dhLength) {
      throw new TypeError(`${init.pattern} needs the remote static key`);
    }
    this.#initiator = init.initiator;
    this.#messages = pattern.messages;
    this.#static = init.staticKeys;
    this.#random = init.random;

    const symmetric = new SymmetricState(
      init.suite,
      utf8(`Noise_${init.pattern}_25519_${cipherName(init.suite)}_BLAKE2s`),
    );
    symmetric.mixHash(init.prologue);
    const remoteStatic = remoteKnown ? init.remoteStatic && copyBytes(init.remoteStatic) : undefined;
    const [ofInitiator, ofResponder] = init.initiator
      ? [init.staticKeys?.publicKey, remoteStatic]
      : [remoteStatic, init.staticKeys?.publicKey];
    if (pattern.initiatorKnown && ofInitiator) symmetric.mixHash(ofInitiator);
    if (pattern.responderKnown && ofResponder) symmetric.mixHash(ofResponder);
    // A copy, because destroy() wipes it.
    const ephemeral = init.ephemeral && {
      secretKey: copyBytes(init.ephemeral.secretKey),
      publicKey: init.ephemeral.publicKey,
    };
    this.#state = { symmetric, ephemeral, remoteEphemeral: undefined, remoteStatic };
  }

  /** The other side's static public key once known. In IK and IX a responder may act on it only after the whole message was read. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#state.remoteStatic;
  }

  /** True when every message was written or read and `split` may be called. */
  get complete(): boolean {
    return this.#turn === this.#messages.length;
  }

  /** The handshake hash, a copy: for channel binding, once complete. */
  get hash(): Uint8Array {
    return this.#state.symmetric.handshakeHash();
  }

  /** True when the next step is ours to write. */
  get ourTurn(): boolean {
    return !this.complete && (this.#turn % 2 === 0) === this.#initiator;
  }

  /**
   * The next message of ours. Throws when it is not our turn, after `destroy`, when the message would exceed
   * 65535 bytes, or when the remote static key that was configured is of low order. `random` makes the ephemeral key.
   */
  writeMessage(payload: Uint8Array, random: Random = this.#random): Uint8Array {
    if (this.#destroyed || !this.ourTurn) throw new Error('it is not our turn to write a handshake message');
    return this.#attempt((state) => {
      const parts: Uint8Array[] = [];
      for (const token of this.#messages[this.#turn] as readonly Token[]) {
        if (token === 'e') {
          state.ephemeral ??= generateDhKeys(random);
          state.symmetric.mixHash(state.ephemeral.publicKey);
          parts.push(state.ephemeral.publicKey);
        } else if (token === 's') {
          parts.push(state.symmetric.encryptAndHash((this.#static as DhKeys).publicKey));
        } else {
          this.#mixDh(state, token);
        }
      }
      parts.push(state.symmetric.encryptAndHash(payload));
      const message = concatBytes(...parts);
      if (message.length > noiseMessageLimit) {
        throw new RangeError(`handshake message of ${message.length} bytes exceeds ${noiseMessageLimit}`);
      }
      return message;
    }) as Uint8Array;
  }

  /**
   * Reads the next message of the other side; `payload` is a copy. Undefined, with nothing changed, when the message
   * is not genuine, is malformed, or nothing is awaited: the genuine one may still come.
   */
  readMessage(message: Uint8Array): { payload: Uint8Array } | undefined {
    if (this.#destroyed || this.complete || this.ourTurn || message.length > noiseMessageLimit)
      return undefined;
    return this.#attempt((state) => this.#read(state, message));
  }

  /** The transport keys, in our view. Throws before the handshake is complete or after `destroy`. */
  split(): TransportKeys {
    if (!this.complete || this.#destroyed) throw new Error('the handshake is not complete');
    const [first, second] = this.#state.symmetric.split();
    return this.#initiator ? { send: first, receive: second } : { send: second, receive: first };
  }

  /** Wipes the secrets made here. Harmless when called again. */
  destroy(): void {
    this.#destroyed = true;
    this.#state.symmetric.destroy();
    if (this.#state.ephemeral) wipe(this.#state.ephemeral.secretKey);
  }

  #read(state: Progress, message: Uint8Array): { payload: Uint8Array } | undefined {
    let at = 0;
    for (const token of this.#messages[this.#turn] as readonly Token[]) {
      if (token === 'e') {
        const key = copyBytes(message.subarray(at, at + dhLength));
        // Refused here, since in patterns like NN the first DH with it happens only when we write.
        if (key.length !== dhLength || isLowOrder(key)) return undefined;
        at += dhLength;
        state.remoteEphemeral = key;
        state.symmetric.mixHash(key);
      } else if (token === 's') {
        const length = dhLength + (state.symmetric.hasKey ? tagLength : 0);
        if (message.length < at + length) return undefined;
        const key = state.symmetric.decryptAndHash(message.subarray(at, at + length));
        if (!key || isLowOrder(key)) return undefined;
        at += length;
        state.remoteStatic = key;
      } else {
        this.#mixDh(state, token);
      }
    }
    const payload = state.symmetric.decryptAndHash(message.subarray(at));
    return payload && { payload };
  }

  #mixDh(state: Progress, token: Exclude<Token, 'e' | 's'>): void {
    const [ours, theirs] = this.#initiator ? [token[0], token[1]] : [token[1], token[0]];
    const keys = ours === 'e' ? state.ephemeral : this.#static;
    const remote = theirs === 'e' ? state.remoteEphemeral : state.remoteStatic;
    state.symmetric.mixKey(dh(keys as DhKeys, remote as Uint8Array));
  }

  /** Runs one message on a copy of the state; keeps the copy on success, wipes it otherwise. */
  #attempt<T>(work: (state: Progress) => T | undefined): T | undefined {
    const before = this.#state;
    const state: Progress = { ...before, symmetric: before.symmetric.clone() };
    let result: T | undefined;
    try {
      result = work(state);
    } finally {
      const loser = result === undefined ? state : before;
      loser.symmetric.destroy();
      if (loser === state && state.ephemeral && state.ephemeral !== before.ephemeral) {
        wipe(state.ephemeral.secretKey);
      }
    }
    if (result !== undefined) {
      this.#state = state;
      this.#turn++;
    }
    return result;
  }
}

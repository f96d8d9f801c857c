/**
 * The evio data handshake: Noise IK inside the datagrams of wire/handshake.ts.
 *
 *   initiator                                       responder
 *   createInitiation ── init: e, es, s, ss ───────▶ consumeInitiation
 *   consumeResponse  ◀────── response: e, ee, se ── respond
 *
 * A stranger's packet costs, in this order: type and length, mac1 (two BLAKE2s), then Diffie-Hellman. Payloads are
 * opaque bytes here. Who the remote static key belongs to, and whether its stamp is fresh, is the caller's to judge
 * between `consumeInitiation` and `respond`. Does no I/O and keeps no time.
 */
import type { Random } from '../lib/env.js';
import { encodeInit, encodeResponse, handshakeLimit, parseInit, parseResponse } from '../wire/handshake.js';
import type { Suite } from '../wire/packet.js';
import { NoiseHandshake, type TransportKeys } from './handshake.js';
import { checkMac1, mac1KeyOf, setMac1, setMac2 } from './mac.js';
import type { DhKeys } from './suite.js';

/** Longest payload of an init: 1400 - header 8 - e 32 - s 48 - tag 16 - macs 32. */
export const initPayloadLimit = handshakeLimit - 8 - 32 - 48 - 16 - 32;
/** Longest payload of a response: 1400 - header 12 - e 32 - tag 16 - macs 32. */
export const responsePayloadLimit = handshakeLimit - 12 - 32 - 16 - 32;

export interface Initiation {
  readonly suite: Suite;
  /** Binds the handshake to the network and protocol version; both sides give the same. */
  readonly prologue: Uint8Array;
  readonly localStatic: DhKeys;
  readonly remoteStatic: Uint8Array;
  /** At most `initPayloadLimit` bytes. */
  readonly payload: Uint8Array;
  /** Our index for packets from the responder. */
  readonly senderIndex: number;
  readonly random: Random;
  /** Sets mac2; see `CookieJar`, whose `stamp` does it as well. */
  readonly cookie?: Uint8Array;
}

export interface Established {
  readonly suite: Suite;
  /** Owned, and wiped, by the caller. */
  readonly keys: TransportKeys;
  /** The index that the other side gave: goes into packets to it. */
  readonly senderIndex: number;
  readonly payload: Uint8Array;
  readonly remoteStatic: Uint8Array;
}

/** What the initiator keeps until the response comes. */
export class InitiatorState {
  readonly #handshake: NoiseHandshake;
  readonly #suite: Suite;
  readonly #mac1Key: Uint8Array;
  /** Our index, by which the caller finds this state again. */
  readonly senderIndex: number;

  /** Made by `createInitiation`. */
  constructor(handshake: NoiseHandshake, initiation: Initiation) {
    this.#handshake = handshake;
    this.#suite = initiation.suite;
    this.#mac1Key = mac1KeyOf(initiation.localStatic.publicKey);
    this.senderIndex = initiation.senderIndex;
  }

  /** The session, once. Undefined for anything but the genuine response; the state then stays usable. */
  consumeResponse(packet: Uint8Array): Established | undefined {
    const response = parseResponse(packet);
    if (!response || response.suite !== this.#suite || response.receiverIndex !== this.senderIndex)
      return undefined;
    if (!checkMac1(packet, this.#mac1Key)) return undefined;
    const read = this.#handshake.readMessage(response.noise);
    if (!read) return undefined;
    const keys = this.#handshake.split();
    const remoteStatic = this.#handshake.remoteStatic as Uint8Array;
    this.#handshake.destroy();
    return {
      suite: this.#suite,
      keys,
      senderIndex: response.senderIndex,
      payload: read.payload,
      remoteStatic,
    };
  }

  /** Wipes the ephemeral key; no response is taken any more. */
  destroy(): void {
    this.#handshake.destroy();
  }
}

/** The first packet. Throws RangeError when the payload is too long, Error when `remoteStatic` is of low order. */
export function createInitiation(initiation: Initiation): { packet: Uint8Array; state: InitiatorState } {
  const { suite, senderIndex } = initiation;
  const handshake = new NoiseHandshake({
    pattern: 'IK',
    suite,
    initiator: true,
    prologue: initiation.prologue,
    staticKeys: initiation.localStatic,
    remoteStatic: initiation.remoteStatic,
    random: initiation.random,
  });
  const packet = encodeInit({ suite, senderIndex, noise: handshake.writeMessage(initiation.payload) });
  setMac1(packet, mac1KeyOf(initiation.remoteStatic));
  if (initiation.cookie) setMac2(packet, initiation.cookie);
  return { packet, state: new InitiatorState(handshake, initiation) };
}

/** A genuine initiation, waiting for the caller's judgement. */
export interface PendingInitiation {
  readonly suite: Suite;
  /** The initiator's index: goes into packets to it. */
  readonly senderIndex: number;
  readonly remoteStatic: Uint8Array;
  readonly payload: Uint8Array;
  /** Completes the handshake, once: a second call throws. `senderIndex` is our index. Throws RangeError over the payload limit. */
  respond(response: { payload: Uint8Array; senderIndex: number; random: Random; cookie?: Uint8Array }): {
    packet: Uint8Array;
    keys: TransportKeys;
    suite: Suite;
  };
  /** Forgets it unanswered. */
  destroy(): void;
}

/** Stands in while reading, which draws nothing: `respond` brings the source of its ephemeral key. */
const noRandom: Random = {
  fill: () => {
    throw new Error('reading draws no random bytes');
  },
  unit: () => 0,
};

/** Reads an init. Undefined for anything that is not genuine, not for us, of another prologue, or of a suite not in `suites`. */
export function consumeInitiation(
  packet: Uint8Array,
  local: { readonly localStatic: DhKeys; readonly prologue: Uint8Array; readonly suites: readonly Suite[] },
): PendingInitiation | undefined {
  const init = parseInit(packet);
  if (!init || !local.suites.includes(init.suite)) return undefined;
  if (!checkMac1(packet, mac1KeyOf(local.localStatic.publicKey))) return undefined;
  const { suite } = init;
  const handshake = new NoiseHandshake({
    pattern: 'IK',
    suite,
    initiator: false,
    prologue: local.prologue,
    staticKeys: local.localStatic,
    random: noRandom,
  });
  const read = handshake.readMessage(init.noise);
  const remoteStatic = handshake.remoteStatic;
  if (!read || !remoteStatic) {
    handshake.destroy();
    return undefined;
  }
  return {
    suite,
    senderIndex: init.senderIndex,
    remoteStatic,
    payload: read.payload,
    respond({ payload, senderIndex, random, cookie }) {
      if (payload.length > responsePayloadLimit) {
        throw new RangeError(`response payload of ${payload.length} bytes exceeds ${responsePayloadLimit}`);
      }
      const noise = handshake.writeMessage(payload, random);
      const response = encodeResponse({ suite, senderIndex, receiverIndex: init.senderIndex, noise });
      setMac1(response, mac1KeyOf(remoteStatic));
      if (cookie) setMac2(response, cookie);
      const keys = handshake.split();
      handshake.destroy();
      return { packet: response, keys, suite };
    },
    destroy() {
      handshake.destroy();
    },
  };
}

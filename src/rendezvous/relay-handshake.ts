/**
 * The relay's side of the Noise IK handshake by WebSocket. A stranger costs one Diffie-Hellman: message 1 that was not
 * sealed for this relay's key fails at the first.
 */
import type { Keys } from '../core/identity/keys.js';
import { utf8 } from '../core/lib/bytes.js';
import type { Random } from '../core/lib/env.js';
import { NoiseHandshake } from '../core/noise/handshake.js';
import { NoiseTransport } from '../core/noise/transport.js';
import { Suite } from '../core/wire/packet.js';
import { relayPrologue } from '../core/wire/signal.js';

/** Noise IK message 1 without payload: e 32, s 32 + 16, tag 16. */
const firstMessageLength = 96;

export interface Shaken {
  /** Noise message 2, to be sent as it is. */
  readonly answer: Uint8Array;
  readonly transport: NoiseTransport;
  /** The node's static key, which it proved to hold. */
  readonly remoteStatic: Uint8Array;
}

/** Answers message 1. `malformed`: it is none; `wrong-key`: it is for another key, or forged. */
export function answerHandshake(
  message: Uint8Array,
  keys: Keys,
  random: Random,
): Shaken | 'malformed' | 'wrong-key' {
  if (message.length !== firstMessageLength) return 'malformed';
  const handshake = new NoiseHandshake({
    pattern: 'IK',
    suite: Suite.aes256gcm,
    initiator: false,
    prologue: utf8(relayPrologue),
    staticKeys: keys.dh,
    random,
  });
  if (!handshake.readMessage(message) || !handshake.remoteStatic) return 'wrong-key';
  const remoteStatic = handshake.remoteStatic.slice();
  const answer = handshake.writeMessage(new Uint8Array(0));
  const { send, receive } = handshake.split();
  const transport = new NoiseTransport(Suite.aes256gcm, send, receive);
  send.fill(0);
  receive.fill(0);
  handshake.destroy();
  return { answer, transport, remoteStatic };
}

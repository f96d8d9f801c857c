import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../../src/core/lib/bytes.js';
import {
  consumeInitiation,
  createInitiation,
  initPayloadLimit,
  responsePayloadLimit,
  type Initiation,
} from '../../../src/core/noise/ik.js';
import { checkMac2, mac1KeyOf, setMac1 } from '../../../src/core/noise/mac.js';
import { handshakeLimit } from '../../../src/core/wire/handshake.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { flipped, keysOf, seededRandom } from './fixed.js';

const alice = keysOf(1);
const bob = keysOf(2);
const mallory = keysOf(3);
const prologue = utf8('evio test network');
const random = seededRandom(7);
const both = [Suite.aes256gcm, Suite.chacha20poly1305];

function initiate(changes: Partial<Initiation> = {}): ReturnType<typeof createInitiation> {
  return createInitiation({
    suite: Suite.aes256gcm,
    prologue,
    localStatic: alice,
    remoteStatic: bob.publicKey,
    payload: utf8('hello bob'),
    senderIndex: 0x1111_2222,
    random,
    ...changes,
  });
}

const local = { localStatic: bob, prologue, suites: both };

describe('IK over datagrams', () => {
  it.each(both)('gives both sides the same keys, crosswise, in suite %i', (suite) => {
    const { packet, state } = initiate({ suite });
    const pending = consumeInitiation(packet, local);
    expect(pending).toBeDefined();
    if (!pending) return;
    expect(pending.suite).toBe(suite);
    expect(pending.senderIndex).toBe(0x1111_2222);
    expect(toHex(pending.remoteStatic)).toBe(toHex(alice.publicKey));
    expect(pending.payload).toEqual(utf8('hello bob'));

    const answer = pending.respond({ payload: utf8('hello alice'), senderIndex: 0xf000_0001, random });
    const session = state.consumeResponse(answer.packet);
    expect(session?.senderIndex).toBe(0xf000_0001);
    expect(session?.payload).toEqual(utf8('hello alice'));
    expect(session && toHex(session.remoteStatic)).toBe(toHex(bob.publicKey));
    expect(session && toHex(session.keys.send)).toBe(toHex(answer.keys.receive));
    expect(session && toHex(session.keys.receive)).toBe(toHex(answer.keys.send));
    expect(toHex(answer.keys.send)).not.toBe(toHex(answer.keys.receive));
  });

  it('is refused by a responder of another prologue, key or suite', () => {
    const { packet } = initiate();
    expect(consumeInitiation(packet, { ...local, prologue: utf8('other') })).toBeUndefined();
    expect(consumeInitiation(packet, { ...local, localStatic: mallory })).toBeUndefined();
    expect(consumeInitiation(packet, { ...local, suites: [Suite.chacha20poly1305] })).toBeUndefined();
  });

  it('does not survive a single turned bit anywhere, even under a mac1 made anew', () => {
    const { packet } = initiate();
    const covered = packet.length - 32;
    for (let bit = 0; bit < packet.length * 8; bit += 5) {
      const bad = flipped(packet, bit);
      const at = bit >> 3;
      if (at < packet.length - 16) expect(consumeInitiation(bad, local), `byte ${at}`).toBeUndefined();
      // Whoever knows bob's key can make mac1; the Noise message must hold by itself.
      if (at >= 8 && at < covered && at % 9 === 0) {
        setMac1(bad, mac1KeyOf(bob.publicKey));
        expect(consumeInitiation(bad, local), `byte ${at} under a new mac1`).toBeUndefined();
      }
    }
  });

  it('keeps waiting when a response is forged, and takes the genuine one once', () => {
    const { packet, state } = initiate();
    const answer = consumeInitiation(packet, local)?.respond({ payload: utf8('x'), senderIndex: 9, random });
    if (!answer) throw new Error('no answer');
    for (let bit = 0; bit < (answer.packet.length - 16) * 8; bit += 37) {
      const bad = flipped(answer.packet, bit);
      expect(state.consumeResponse(bad)).toBeUndefined();
      if (bit >= 12 * 8 && bit < (answer.packet.length - 32) * 8) {
        setMac1(bad, mac1KeyOf(alice.publicKey));
        expect(state.consumeResponse(bad)).toBeUndefined();
      }
    }
    const other = consumeInitiation(initiate().packet, local)?.respond({
      payload: utf8('y'),
      senderIndex: 8,
      random,
    });
    if (!other) throw new Error('no answer');
    expect(state.consumeResponse(other.packet)).toBeUndefined();

    expect(state.consumeResponse(answer.packet)?.senderIndex).toBe(9);
    expect(state.consumeResponse(answer.packet)).toBeUndefined();
  });

  it('does not take a response for another index or suite', () => {
    const { packet, state } = initiate();
    const answer = consumeInitiation(packet, local)?.respond({ payload: utf8('x'), senderIndex: 9, random });
    if (!answer) throw new Error('no answer');
    const elsewhere = answer.packet.slice();
    elsewhere[8] = (elsewhere[8] as number) ^ 1;
    setMac1(elsewhere, mac1KeyOf(alice.publicKey));
    expect(state.consumeResponse(elsewhere)).toBeUndefined();
    const otherSuite = answer.packet.slice();
    otherSuite[1] = Suite.chacha20poly1305;
    setMac1(otherSuite, mac1KeyOf(alice.publicKey));
    expect(state.consumeResponse(otherSuite)).toBeUndefined();
  });

  it('responds once', () => {
    const pending = consumeInitiation(initiate().packet, local);
    pending?.respond({ payload: utf8('x'), senderIndex: 9, random });
    expect(() => pending?.respond({ payload: utf8('x'), senderIndex: 9, random })).toThrow(/turn/);
  });

  it('can respond still after a payload that was too long', () => {
    const pending = consumeInitiation(initiate().packet, local);
    const payload = new Uint8Array(responsePayloadLimit + 1);
    expect(() => pending?.respond({ payload, senderIndex: 9, random })).toThrow(RangeError);
    expect(pending?.respond({ payload: payload.subarray(1), senderIndex: 9, random }).packet).toHaveLength(
      handshakeLimit,
    );
  });

  it('fills a datagram exactly with the longest payload, and throws over it', () => {
    expect(initiate({ payload: new Uint8Array(initPayloadLimit) }).packet).toHaveLength(handshakeLimit);
    expect(() => initiate({ payload: new Uint8Array(initPayloadLimit + 1) })).toThrow(RangeError);
  });

  it('answers no longer than it was asked, for payloads of like length', () => {
    for (const length of [0, 40, 600, 1200]) {
      const { packet } = initiate({ payload: new Uint8Array(length) });
      const answer = consumeInitiation(packet, local)?.respond({
        payload: new Uint8Array(length),
        senderIndex: 1,
        random,
      });
      expect(answer?.packet.length).toBeLessThan(packet.length);
    }
  });

  it('leaves mac2 zero without a cookie and sets it with one', () => {
    const cookie = random.fill(new Uint8Array(16));
    expect(initiate().packet.subarray(-16)).toEqual(new Uint8Array(16));
    expect(checkMac2(initiate({ cookie }).packet, cookie)).toBe(true);
    const answer = consumeInitiation(initiate().packet, local)?.respond({
      payload: utf8('x'),
      senderIndex: 9,
      random,
      cookie,
    });
    expect(answer && checkMac2(answer.packet, cookie)).toBe(true);
  });

  it('reads from a Buffer, leaves it alone and keeps nothing of it', () => {
    const { packet, state } = initiate();
    const received = Buffer.from(packet);
    const pending = consumeInitiation(received, local);
    expect(received.equals(packet)).toBe(true);
    received.fill(0xee);
    const answer = pending?.respond({ payload: utf8('x'), senderIndex: 9, random });
    if (!answer) throw new Error('no answer');
    const response = Buffer.from(answer.packet);
    const session = state.consumeResponse(response);
    response.fill(0xee);
    expect(session && toHex(session.keys.send)).toBe(toHex(answer.keys.receive));
    expect(session?.payload).toEqual(utf8('x'));
    expect(pending && toHex(pending.remoteStatic)).toBe(toHex(alice.publicKey));
  });

  it('takes nothing after destroy', () => {
    const { packet, state } = initiate();
    const answer = consumeInitiation(packet, local)?.respond({ payload: utf8('x'), senderIndex: 9, random });
    state.destroy();
    expect(answer && state.consumeResponse(answer.packet)).toBeUndefined();
  });

  it('throws at once for a remote key of low order, a mistake in configuration', () => {
    expect(() => initiate({ remoteStatic: new Uint8Array(32) })).toThrow();
  });
});

import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../src/core/lib/bytes.js';
import { NoiseHandshake, noiseMessageLimit, type HandshakeInit } from '../../../src/core/noise/handshake.js';
import { patterns, type PatternName } from '../../../src/core/noise/patterns.js';
import { dhKeysFrom, lowOrderPoints } from '../../../src/core/noise/suite.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { flipped, keysOf, seededRandom } from './fixed.js';

const alice = keysOf(1);
const bob = keysOf(2);
const names = Object.keys(patterns) as PatternName[];

function pair(
  pattern: PatternName,
  changes: { initiator?: Partial<HandshakeInit>; responder?: Partial<HandshakeInit> } = {},
): [NoiseHandshake, NoiseHandshake] {
  const common = { pattern, suite: Suite.chacha20poly1305, prologue: utf8('p'), random: seededRandom(5) };
  const initiator = new NoiseHandshake({
    ...common,
    initiator: true,
    staticKeys: alice,
    remoteStatic: bob.publicKey,
    ...changes.initiator,
  });
  const responder = new NoiseHandshake({
    ...common,
    initiator: false,
    staticKeys: bob,
    remoteStatic: alice.publicKey,
    ...changes.responder,
  });
  return [initiator, responder];
}

/** Runs both sides to the end; before each genuine message `tamper` may offer others to the reader. */
function run(
  sides: [NoiseHandshake, NoiseHandshake],
  tamper: (reader: NoiseHandshake, genuine: Uint8Array, turn: number) => void = () => undefined,
): void {
  let [writer, reader] = sides;
  for (let turn = 0; !writer.complete; turn++) {
    const message = writer.writeMessage(utf8(`payload ${turn}`));
    tamper(reader, message, turn);
    expect(reader.readMessage(message)?.payload).toEqual(utf8(`payload ${turn}`));
    [writer, reader] = [reader, writer];
  }
}

describe('a failed read leaves the handshake as it was', () => {
  it.each(names)('%s: bits turned, cut off, too long', (name) => {
    const sides = pair(name);
    // A first message without DH is all in the clear: nothing can tell a turned bit yet.
    const clearFirst = !patterns[name].messages[0]?.some((token) => token.length === 2);
    run(sides, (reader, genuine, turn) => {
      const hash = toHex(reader.hash);
      if (turn > 0 || !clearFirst) {
        for (const bit of [0, 100, 255, genuine.length * 4, genuine.length * 8 - 1]) {
          expect(reader.readMessage(flipped(genuine, bit)), `bit ${bit}`).toBeUndefined();
        }
      }
      for (const n of [0, 1, 31]) expect(reader.readMessage(genuine.subarray(0, n))).toBeUndefined();
      expect(reader.readMessage(new Uint8Array(noiseMessageLimit + 1))).toBeUndefined();
      expect(toHex(reader.hash)).toBe(hash);
    });
    const [a, b] = [sides[0].split(), sides[1].split()];
    expect(toHex(a.send)).toBe(toHex(b.receive));
    expect(toHex(a.receive)).toBe(toHex(b.send));
  });

  it('refuses a low-order ephemeral key at once, though NN does its first DH later', () => {
    for (const hex of lowOrderPoints) {
      const [, responder] = pair('NN');
      const point = fromHex(hex) as Uint8Array;
      expect(responder.readMessage(point)).toBeUndefined();
      expect(responder.ourTurn).toBe(false);
    }
  });
});

describe('turns', () => {
  it('throws on writing and shrugs on reading when it is not the time', () => {
    const [initiator, responder] = pair('XX');
    expect(() => responder.writeMessage(utf8('x'))).toThrow(/turn/);
    expect(initiator.readMessage(new Uint8Array(64))).toBeUndefined();
    const first = initiator.writeMessage(utf8('x'));
    expect(() => initiator.writeMessage(utf8('x'))).toThrow(/turn/);
    expect(() => initiator.split()).toThrow(/complete/);
    expect(responder.readMessage(first)).toBeDefined();
    expect(responder.readMessage(first)).toBeUndefined();
  });

  it('does neither after the end, nor anything after destroy', () => {
    const sides = pair('IK');
    run(sides);
    expect(() => sides[0].writeMessage(utf8('x'))).toThrow(/turn/);
    expect(sides[1].readMessage(new Uint8Array(64))).toBeUndefined();
    sides[0].destroy();
    sides[0].destroy();
    expect(() => sides[0].split()).toThrow();
    const [fresh] = pair('IK');
    fresh.destroy();
    expect(() => fresh.writeMessage(utf8('x'))).toThrow();
  });

  it('can write again after a payload that was too long', () => {
    const [initiator, responder] = pair('IK');
    expect(() => initiator.writeMessage(new Uint8Array(noiseMessageLimit))).toThrow(RangeError);
    expect(responder.readMessage(initiator.writeMessage(utf8('ok')))?.payload).toEqual(utf8('ok'));
  });
});

describe('keys', () => {
  it('tells the remote static key only once it was read whole', () => {
    const [initiator, responder] = pair('XX', { initiator: {}, responder: {} });
    expect(initiator.remoteStatic).toBeUndefined();
    responder.readMessage(initiator.writeMessage(utf8('')));
    const second = responder.writeMessage(utf8('x'));
    expect(initiator.readMessage(flipped(second, second.length * 8 - 1))).toBeUndefined();
    expect(initiator.remoteStatic).toBeUndefined();
    initiator.readMessage(second);
    expect(initiator.remoteStatic && toHex(initiator.remoteStatic)).toBe(toHex(bob.publicKey));
  });

  it('differs in every handshake, and between directions', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 5; seed++) {
      const sides = pair('IK', {
        initiator: { random: seededRandom(seed) },
        responder: { random: seededRandom(seed + 50) },
      });
      run(sides);
      const { send, receive } = sides[0].split();
      seen.add(toHex(send)).add(toHex(receive)).add(toHex(sides[0].hash));
    }
    expect(seen.size).toBe(15);
  });

  it('fails when prologues, suites or the awaited static key differ', () => {
    for (const responder of [
      { prologue: utf8('q') },
      { suite: Suite.aes256gcm },
      { staticKeys: keysOf(9) },
    ] satisfies Partial<HandshakeInit>[]) {
      const [a, b] = pair('IK', { responder });
      expect(b.readMessage(a.writeMessage(utf8('x')))).toBeUndefined();
    }
  });

  it('does not touch the keys it was lent, and copies a fixed ephemeral key', () => {
    const ephemeral = dhKeysFrom(seededRandom(77).fill(new Uint8Array(32)));
    const before = toHex(ephemeral.secretKey) + toHex(alice.secretKey);
    const sides = pair('IK', { initiator: { ephemeral } });
    run(sides);
    sides[0].destroy();
    expect(toHex(ephemeral.secretKey) + toHex(alice.secretKey)).toBe(before);
  });

  it('throws TypeError when made without the keys its pattern needs', () => {
    const base = { suite: Suite.aes256gcm, prologue: utf8(''), random: seededRandom(1) };
    expect(() => new NoiseHandshake({ ...base, pattern: 'IK', initiator: true, staticKeys: alice })).toThrow(
      TypeError,
    );
    expect(
      () => new NoiseHandshake({ ...base, pattern: 'IK', initiator: true, remoteStatic: bob.publicKey }),
    ).toThrow(TypeError);
    expect(() => new NoiseHandshake({ ...base, pattern: 'NK', initiator: false })).toThrow(TypeError);
    expect(
      () => new NoiseHandshake({ ...base, pattern: 'NK', initiator: true, remoteStatic: new Uint8Array(31) }),
    ).toThrow(TypeError);
    expect(() => new NoiseHandshake({ ...base, pattern: 'NN', initiator: true })).not.toThrow();
  });
});

import { blake2s } from '@noble/hashes/blake2.js';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../../src/core/lib/bytes.js';
import {
  batchIsWhole,
  batchOf,
  bindLength,
  carrierHeaderLength,
  carrierRoom,
  encodeBind,
  encodeBound,
  encodeCarrierData,
  encodeUnbound,
  openBound,
  parseUnbound,
  peekAssociation,
  readdressCarrierData,
  verifyBind,
} from '../../../src/core/wire/relay.js';

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const otherKey = new Uint8Array(32).fill(9);
const seen4 = { host: '192.0.2.1', port: 0x1234 };
const seen6 = { host: '2001:db8::1', port: 65535 };

function bytes(hex: string): Uint8Array {
  const value = fromHex(hex);
  if (!value) throw new Error(`not hex: ${hex}`);
  return value;
}

/** The MAC as the byte picture says it, not by calling the code under test. */
function macHex(covered: string): string {
  return toHex(blake2s(bytes(covered), { key, dkLen: 16 }));
}

function flips(packet: Uint8Array): Uint8Array[] {
  return Array.from({ length: packet.length * 8 }, (_, bit) => {
    const out = packet.slice();
    out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7));
    return out;
  });
}

describe('bytes', () => {
  const bind = '5a010000' + '04030201' + '0500000000000000';
  const bound4 = '5b010000' + '04030201' + '0500000000000000' + '00000000000000000000ffffc0000201' + '1234';
  const bound6 = '5b010000' + '04030201' + '0500000000000000' + '20010db8000000000000000000000001' + 'ffff';
  it.each([
    ['bind', encodeBind(0x01020304, 5, key), bind + macHex(bind) + '00'.repeat(18)],
    ['bound, IPv4', encodeBound(0x01020304, 5, seen4, key), bound4 + macHex(bound4)],
    ['bound, IPv6', encodeBound(0x01020304, 5, seen6, key), bound6 + macHex(bound6)],
    ['unbound', encodeUnbound(0xfffefdfc), '5c010000fcfdfeff'],
    [
      'carrier data',
      encodeCarrierData(new Uint8Array(16).fill(7), batchOf(bytes('aabbcc'))),
      '01' + '07'.repeat(16) + '0300aabbcc',
    ],
    ['batch of one', batchOf(new Uint8Array(258)), '0201' + '00'.repeat(258)],
  ])('%s', (_name, packet, hex) => {
    expect(toHex(packet)).toBe(hex);
  });
});

describe('bind and bound', () => {
  it('are of one length, so that the answer never amplifies, and unbound is shorter than either', () => {
    expect(encodeBind(1, 1, key)).toHaveLength(bindLength);
    expect(encodeBound(1, 1, seen6, key)).toHaveLength(bindLength);
    expect(encodeUnbound(1).length).toBeLessThan(bindLength);
  });

  it('tell association and counter, up to 2^53', () => {
    for (const counter of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      expect(peekAssociation(encodeBind(0xffffffff, counter, key))).toEqual({
        association: 0xffffffff,
        counter,
      });
    }
    const over = encodeBind(1, 1, key);
    over.fill(0xff, 8, 16);
    expect(peekAssociation(over)).toBeUndefined();
  });

  it('a bind verifies under its own key only, and not with any covered or mac bit turned', () => {
    const bind = encodeBind(7, 8, key);
    expect(verifyBind(bind, key)).toBe(true);
    expect(verifyBind(bind, otherKey)).toBe(false);
    for (const bad of flips(bind.subarray(0, 32))) {
      expect(verifyBind(concatBytes(bad, bind.subarray(32)), key)).toBe(false);
    }
    for (let n = 0; n < bindLength; n++) expect(verifyBind(bind.subarray(0, n), key)).toBe(false);
    expect(verifyBind(encodeBound(7, 8, seen4, key), key)).toBe(false);
  });

  it('a bound tells the observed address under its own key only, and not with any bit turned', () => {
    for (const seen of [seen4, seen6]) {
      const bound = encodeBound(7, 8, seen, key);
      expect(openBound(bound, key)).toEqual(seen);
      expect(openBound(bound, otherKey)).toBeUndefined();
      for (const bad of flips(bound)) expect(openBound(bad, key)).toBeUndefined();
      for (let n = 0; n < bindLength; n++) expect(openBound(bound.subarray(0, n), key)).toBeUndefined();
    }
    expect(openBound(encodeBind(7, 8, key), key)).toBeUndefined();
  });

  it('does not take another version', () => {
    const bind = encodeBind(7, 8, key);
    bind[1] = 2;
    expect(peekAssociation(bind)).toBeUndefined();
  });

  it('throws when told to report a name', () => {
    expect(() => encodeBound(1, 1, { host: 'localhost', port: 1 }, key)).toThrow(TypeError);
  });
});

describe('unbound', () => {
  it('comes back as it went, and only whole', () => {
    const packet = encodeUnbound(0x80000001);
    expect(parseUnbound(packet)).toBe(0x80000001);
    for (let n = 0; n < packet.length; n++) expect(parseUnbound(packet.subarray(0, n))).toBeUndefined();
    expect(parseUnbound(new Uint8Array(9))).toBeUndefined();
    expect(parseUnbound(bytes('5c02000001000000'))).toBeUndefined();
    expect(parseUnbound(bytes('5b01000001000000'))).toBeUndefined();
  });
});

describe('batches', () => {
  it('are whole when the last packet ends at the end', () => {
    const two = concatBytes(batchOf(new Uint8Array(300)), batchOf(new Uint8Array(1)));
    expect(batchIsWhole(two)).toBe(true);
    for (const n of [1, 2, 100, 301, 303, 304]) expect(batchIsWhole(two.subarray(0, n)), `${n}`).toBe(false);
    expect(batchIsWhole(two.subarray(0, 302))).toBe(true);
    expect(batchIsWhole(concatBytes(two, Uint8Array.of(0)))).toBe(false);
    expect(batchIsWhole(Uint8Array.of(0xff, 0xff))).toBe(false);
  });
});

describe('a data message', () => {
  const id = new Uint8Array(16).fill(7);
  const batch = batchOf(bytes('aabbcc'));
  const whole = '01' + '07'.repeat(16) + '0300aabbcc';

  it('is made around a batch that has room in front', () => {
    const room = carrierRoom(batch.length);
    room.set(batch);
    const message = encodeCarrierData(id, room);
    expect(toHex(message)).toBe(whole);
    expect(message.buffer).toBe(room.buffer);
  });

  it('is made anew around a part of other memory, which stays as it was', () => {
    const memory = new Uint8Array(carrierHeaderLength + batch.length + 1);
    memory.set(batch, carrierHeaderLength);
    const before = toHex(memory);
    const part = memory.subarray(carrierHeaderLength, carrierHeaderLength + batch.length);
    expect(toHex(encodeCarrierData(id, part))).toBe(whole);
    expect(toHex(memory)).toBe(before);
  });

  it('takes another node id where it is', () => {
    const message = encodeCarrierData(id, batch);
    readdressCarrierData(message, new Uint8Array(16).fill(9));
    expect(toHex(message)).toBe('01' + '09'.repeat(16) + '0300aabbcc');
  });
});

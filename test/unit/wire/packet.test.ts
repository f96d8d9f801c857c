import { describe, expect, it } from 'vitest';
import { defaultMtu } from '../../../src/core/identity/names.js';
import {
  directOverhead,
  looksLikeStun,
  PacketType,
  relayHeaderLength,
  transitOverhead,
  underlayMtu,
  underlayOverhead,
} from '../../../src/core/wire/packet.js';

describe('packet lengths', () => {
  const tagged = defaultMtu + directOverhead;
  const plain = tagged - 4;
  const ipv4 = underlayOverhead - 20;

  it('a full-size tagged frame fits a 1500-byte path of IPv6 directly, and it would not if it were two bytes longer', () => {
    expect(tagged + underlayOverhead).toBe(underlayMtu - 1);
  });

  it('one without a tag fits a 1500-byte path by a relay of IPv4', () => {
    expect(plain + relayHeaderLength + ipv4).toBe(underlayMtu - 1);
  });

  it('a segment of a TCP connection that began with an MTU of 1350 fits every way', () => {
    const longest = 1350 + directOverhead;
    for (const more of [relayHeaderLength, transitOverhead])
      expect(longest + more + underlayOverhead).toBeLessThanOrEqual(underlayMtu);
  });
});

describe('first bytes', () => {
  it('keep clear of STUN, DTLS, TURN channels and RTP (RFC 7983)', () => {
    for (const type of Object.values(PacketType)) {
      expect(type >> 4).toBe(5);
      expect(looksLikeStun(type)).toBe(false);
      expect(type >= 20 && type <= 63).toBe(false);
      expect(type >= 64 && type <= 79).toBe(false);
      expect(type >= 128 && type <= 191).toBe(false);
    }
    expect([0, 1, 2, 3].every(looksLikeStun)).toBe(true);
  });
});

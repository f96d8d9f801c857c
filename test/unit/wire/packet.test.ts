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
  const longest = defaultMtu + directOverhead;

  it.each([
    ['direct', longest],
    ['relayed', longest + relayHeaderLength],
    ['forwarded by a member', longest + transitOverhead],
  ])('a full-size tagged frame, %s, fits a 1500-byte path of IPv6, and so of IPv4', (_name, length) => {
    expect(length + underlayOverhead).toBeLessThanOrEqual(underlayMtu);
  });

  it('the forwarded one fills it to the last byte: the default MTU is as large as it can be', () => {
    expect(longest + transitOverhead + underlayOverhead).toBe(underlayMtu);
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

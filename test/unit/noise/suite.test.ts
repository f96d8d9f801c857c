import { x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../src/core/lib/bytes.js';
import {
  decrypt,
  dh,
  dhKeysFrom,
  encrypt,
  hash,
  hkdf2,
  isLowOrder,
  lowOrderPoints,
} from '../../../src/core/noise/suite.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { flipped, keysOf } from './fixed.js';

function bytes(hex: string): Uint8Array {
  const value = fromHex(hex);
  if (!value) throw new Error(`not hex: ${hex}`);
  return value;
}

describe('X25519', () => {
  it('agrees with RFC 7748 section 6.1', () => {
    const alicePublic = bytes('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    const bob = dhKeysFrom(bytes('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));
    expect(toHex(bob.publicKey)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    expect(toHex(dh(bob, alicePublic))).toBe(
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    );
  });

  it.each(lowOrderPoints)('refuses the low-order point %s, top bit set or not', (hex) => {
    for (const top of [0, 0x80]) {
      const point = bytes(hex);
      point[31] = (point[31] as number) | top;
      const before = toHex(point);
      expect(isLowOrder(point)).toBe(true);
      expect(toHex(point)).toBe(before);
      expect(() => x25519.getSharedSecret(keysOf(1).secretKey, point)).toThrow();
    }
  });

  it('takes ordinary points', () => {
    for (let seed = 1; seed < 20; seed++) expect(isLowOrder(keysOf(seed).publicKey)).toBe(false);
  });
});

describe('hashing', () => {
  it('is BLAKE2s-256 (RFC 7693 appendix B)', () => {
    const abc = '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982';
    expect(toHex(hash(utf8('abc')))).toBe(abc);
    expect(toHex(hash(utf8('a'), utf8('bc')))).toBe(abc);
  });
  it('derives two different keys, each from both inputs', () => {
    const [a, b] = hkdf2(hash(utf8('ck')), utf8('input'));
    expect(toHex(a)).not.toBe(toHex(b));
    expect(toHex(hkdf2(hash(utf8('ck')), utf8('inpuT'))[0])).not.toBe(toHex(a));
    expect(toHex(hkdf2(hash(utf8('cK')), utf8('input'))[1])).not.toBe(toHex(b));
  });
});

describe.each([
  ['AESGCM', Suite.aes256gcm],
  ['ChaChaPoly', Suite.chacha20poly1305],
] as const)('%s', (_name, suite) => {
  const key = hash(utf8('key'));
  const ad = utf8('ad');

  it('opens what it sealed, of any length', () => {
    for (const length of [0, 1, 15, 16, 17, 1400]) {
      const plaintext = new Uint8Array(length).fill(7);
      const sealed = encrypt(suite, key, 5, ad, plaintext);
      expect(sealed).toHaveLength(length + 16);
      expect(decrypt(suite, key, 5, ad, sealed)).toEqual(plaintext);
    }
  });

  it('opens nothing under another key, counter, data, or with a bit turned or missing', () => {
    const sealed = encrypt(suite, key, 5, ad, utf8('secret'));
    expect(decrypt(suite, hash(utf8('other')), 5, ad, sealed)).toBeUndefined();
    expect(decrypt(suite, key, 6, ad, sealed)).toBeUndefined();
    expect(decrypt(suite, key, 5, utf8('ae'), sealed)).toBeUndefined();
    expect(decrypt(suite, key, 5, new Uint8Array(0), sealed)).toBeUndefined();
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      expect(decrypt(suite, key, 5, ad, flipped(sealed, bit))).toBeUndefined();
    }
    for (let n = 0; n < sealed.length; n++) {
      expect(decrypt(suite, key, 5, ad, sealed.subarray(0, n))).toBeUndefined();
    }
  });

  it('has another nonce for every counter, high ones too', () => {
    const counters = [0, 1, 255, 256, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER];
    const sealed = new Set(
      counters.map((counter) => toHex(encrypt(suite, key, counter, ad, new Uint8Array(16)))),
    );
    expect(sealed.size).toBe(counters.length);
  });
});

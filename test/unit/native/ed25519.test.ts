import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keysFromSeed, sign } from '../../../src/core/identity/keys.js';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import { Arena } from '../../../src/core/native/arena.js';
import { Ed25519 } from '../../../src/core/native/ed25519.js';
import { Sha256 } from '../../../src/core/native/sha256.js';

const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;

describe('Ed25519', () => {
  // RFC 8032 section 7.1, test 3.
  const seed = hex('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7');
  const publicKey = hex('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025');
  const signature =
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a';

  function make(own = seed) {
    const arena = new Arena(4_096);
    const ed = new Ed25519(arena, own);
    const at = arena.alloc(256);
    const put = (bytes: Uint8Array, to = 0): void => arena.u8.set(bytes, at + to);
    return { arena, ed, at, put };
  }

  it('signs as RFC 8032 says, again and again', () => {
    const { arena, ed, at, put } = make();
    put(hex('af82'));
    for (let i = 0; i < 3; i++) {
      expect(ed.sign(at, 2, at + 64)).toBe(true);
      expect(toHex(arena.u8.subarray(at + 64, at + 128))).toBe(signature);
    }
    ed.close();
  });

  it('verifies under the key that it is given, whatever came before', () => {
    const { ed, at, put } = make(new Uint8Array(32).fill(9));
    const other = keysFromSeed(new Uint8Array(32).fill(7));
    const message = Uint8Array.of(1, 2, 3);
    const verdicts = (): boolean[] => [
      ed.verify(publicKey, at + 64, at, 2),
      ed.verify(other.publicKey, at + 64, at, 2),
    ];
    put(hex('af82'));
    put(hex(signature), 64);
    for (let i = 0; i < 2; i++) {
      expect(verdicts()).toEqual([true, false]);
      // Signing in between changes nothing.
      expect(ed.sign(at, 2, at + 128)).toBe(true);
    }
    put(message);
    put(sign(other, message), 64);
    expect([ed.verify(publicKey, at + 64, at, 3), ed.verify(other.publicKey, at + 64, at, 3)]).toEqual([
      false,
      true,
    ]);
    ed.close();
  });

  it('refuses every changed bit, and keys that are none', () => {
    const { arena, ed, at, put } = make();
    put(hex('af82'));
    put(hex(signature), 64);
    for (const i of [0, 1, ...Array.from({ length: 64 }, (_, n) => 64 + n)]) {
      arena.u8[at + i] = (arena.u8[at + i] as number) ^ 1;
      expect([i, ed.verify(publicKey, at + 64, at, 2)]).toEqual([i, false]);
      arena.u8[at + i] = (arena.u8[at + i] as number) ^ 1;
    }
    expect(ed.verify(publicKey, at + 64, at, 1)).toBe(false);
    expect(ed.verify(new Uint8Array(32).fill(255), at + 64, at, 2)).toBe(false);
    expect(ed.verify(publicKey, at + 64, at, 2)).toBe(true);
    ed.close();
  });

  it('makes signatures that others take', () => {
    const { arena, ed, at, put } = make();
    put(hex('aabbcc'));
    ed.sign(at, 3, at + 64);
    const x = Buffer.from(publicKey).toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    expect(verify(null, hex('aabbcc'), key, arena.u8.slice(at + 64, at + 128))).toBe(true);
    ed.close();
  });

  it('takes a seed of 32 bytes only, and leaves none of it in the arena', () => {
    expect(() => new Ed25519(new Arena(512), new Uint8Array(31))).toThrow(RangeError);
    const { arena } = make();
    expect(toHex(arena.u8)).not.toContain(toHex(seed.subarray(0, 8)));
  });
});

describe('Sha256', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['616263', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ])('of %j is as FIPS 180 says, again and again', (message, expected) => {
    const arena = new Arena(1_024);
    const sha = new Sha256(arena);
    const at = arena.alloc(64);
    arena.u8.set(hex(message), at);
    for (let i = 0; i < 2; i++) {
      expect(sha.digest(at, message.length / 2, at + 32)).toBe(true);
      expect(toHex(arena.u8.subarray(at + 32, at + 64))).toBe(expected);
    }
    sha.close();
  });
});

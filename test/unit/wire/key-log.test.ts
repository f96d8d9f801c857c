import { describe, expect, it } from 'vitest';
import { keyLogHead, keyLogLine } from '../../../src/core/wire/key-log.js';
import { Suite } from '../../../src/core/wire/packet.js';

describe('key log', () => {
  it('has a line for each key, and a first one for people', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const member = new Uint8Array(16).fill(0xab);
    expect(
      keyLogLine({ direction: 'receive', index: 0x1f0a_0003, suite: Suite.aes256gcm, key, member }),
    ).toBe(
      `receive 1f0a0003 AES-256-GCM 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f ${'ab'.repeat(16)}\n`,
    );
    const other = { direction: 'send', suite: Suite.chacha20poly1305, key, member } as const;
    expect(keyLogLine({ ...other, index: 7 })).toMatch(/^send 00000007 ChaCha20-Poly1305 0001/);
    // As packets carry it in 32 signed bits, too.
    expect(keyLogLine({ ...other, index: -2 })).toMatch(/^send fffffffe /);
    expect(keyLogHead).toMatch(/^#.*\n$/);
  });
});

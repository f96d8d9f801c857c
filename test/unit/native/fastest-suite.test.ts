import { expect, it } from 'vitest';
import { Cipher } from '../../../src/core/native/evp.js';
import { fastestSuite, measureCiphers } from '../../../src/core/native/fastest-suite.js';

it('measures both ciphers quickly and chooses the faster one, always the same', () => {
  const start = performance.now();
  const chosen = fastestSuite();
  const tookMs = performance.now() - start;
  const took = measureCiphers();
  expect(took[Cipher.aes256gcm]).toBeGreaterThan(0);
  expect(took[Cipher.chacha20poly1305]).toBeGreaterThan(0);
  const ratio = took[Cipher.aes256gcm] / took[Cipher.chacha20poly1305];
  // Near the threshold either answer is right.
  if (ratio < 0.9) expect(chosen).toBe(Cipher.aes256gcm);
  if (ratio > 1.4) expect(chosen).toBe(Cipher.chacha20poly1305);
  expect(fastestSuite()).toBe(chosen);
  // A few milliseconds at most; the limit leaves room for a busy machine.
  expect(tookMs).toBeLessThan(100);
});

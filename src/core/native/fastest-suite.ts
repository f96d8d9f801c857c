/**
 * Which of the two ciphers this machine seals faster with, found by trying: the instruction sets that decide it
 * (AES-NI with PCLMULQDQ, ARMv8 Crypto Extensions, AVX2, NEON) are OpenSSL's to detect, and not every arm64 has AES.
 */
import { Arena } from './arena.js';
import { Cipher, Evp, recordHeaderLength, recordTagLength } from './evp.js';

/** Long enough that the calls around it do not matter. */
const messageBytes = 8_192;
/** The smallest of these counts: whatever interrupts a run makes it longer, never shorter. */
const runs = 32;
/** Where both are about as fast, AES-256-GCM, which its hardware keeps constant in time. */
const preference = 1.1;

let cached: Cipher | undefined;

/** Microseconds that sealing one message takes with each cipher. */
export function measureCiphers(): Record<Cipher, number> {
  const arena = new Arena(messageBytes + 4_096);
  const evp = new Evp(arena);
  const at = arena.alloc(recordHeaderLength + messageBytes + recordTagLength) + recordHeaderLength;
  const key = new Uint8Array(32);
  const contexts = ([Cipher.aes256gcm, Cipher.chacha20poly1305] as const).map(
    (cipher) => [cipher, evp.sealing(cipher, key)] as const,
  );
  const best: Record<Cipher, number> = { [Cipher.aes256gcm]: Infinity, [Cipher.chacha20poly1305]: Infinity };
  for (let run = 0; run < runs; run++) {
    for (const [cipher, context] of contexts) {
      const start = performance.now();
      evp.seal(context, 0, run, at, messageBytes);
      best[cipher] = Math.min(best[cipher], (performance.now() - start) * 1_000);
    }
  }
  for (const [, context] of contexts) evp.release(context);
  return best;
}

/** The faster cipher, measured once a process (well under a millisecond where there is AES hardware). */
export function fastestSuite(): Cipher {
  if (cached === undefined) {
    const took = measureCiphers();
    cached =
      took[Cipher.aes256gcm] <= took[Cipher.chacha20poly1305] * preference
        ? Cipher.aes256gcm
        : Cipher.chacha20poly1305;
  }
  return cached;
}

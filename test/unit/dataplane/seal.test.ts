import { afterEach, expect, it, vi } from 'vitest';
import { Evp, type CipherContext } from '../../../src/core/native/evp.js';
import { bind } from '../../../src/core/native/symbols.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { plainFrame } from '../../support/frames.js';
import { fromDevice, macOf, makeRig } from '../../support/loop-rig.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  ['AES-256-GCM', Suite.aes256gcm],
  ['ChaCha20-Poly1305', Suite.chacha20poly1305],
])('a cipher context of %s that OpenSSL cannot use sends no plaintext', (_, suite) => {
  const rig = makeRig(1);
  // Not before: the contexts that a thread tries OpenSSL with are freed already.
  const sealing = vi.spyOn(Evp.prototype, 'sealing');
  rig.meet(2, { suite });
  const reset = bind('int EVP_CIPHER_CTX_reset(uintptr_t context)');
  for (const { value } of sealing.mock.results) reset((value as CipherContext).pointer[1]);
  const frame = plainFrame(macOf(2), macOf(1));
  for (let i = 0; i < 3; i++) rig.io.deviceIn.push(fromDevice(frame));
  rig.run();
  const sent = Buffer.concat(rig.io.netOut.map(({ bytes }) => bytes));
  expect(sent.every((byte) => byte === 0)).toBe(true);
  expect(rig.drops('seal-failed')).toBe(3);
});

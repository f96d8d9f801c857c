import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena, mapLow, unmap } from '../../../src/core/native/arena.js';
import { Cipher, Evp } from '../../../src/core/native/evp.js';
import { libc } from '../../../src/core/native/libc.js';
import { bind } from '../../../src/core/native/symbols.js';
import { EvioError } from '../../../src/core/lib/errors.js';

const arena = new Arena(1 << 18);
const evp = new Evp(arena);
const from = arena.alloc(70_000);
const to = arena.alloc(70_000);

/** What Node's own interface to the same ciphers makes of it. */
function reference(cipher: Cipher, key: Uint8Array, counter: bigint, plain: Uint8Array): string {
  const nonce = Buffer.alloc(12);
  if (cipher === Cipher.aes256gcm) nonce.writeBigUInt64BE(counter, 4);
  else nonce.writeBigUInt64LE(counter, 4);
  const c =
    cipher === Cipher.aes256gcm
      ? createCipheriv('aes-256-gcm', key, nonce)
      : createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  const sealed = Buffer.concat([c.update(plain), c.final()]);
  return Buffer.concat([sealed, c.getAuthTag()]).toString('hex');
}

const taken = (at: number, length: number): string =>
  Buffer.from(arena.u8.subarray(at, at + length)).toString('hex');

describe.each([
  ['AES-256-GCM', Cipher.aes256gcm],
  ['ChaCha20-Poly1305', Cipher.chacha20poly1305],
])('%s', (_name, cipher) => {
  it('seals as node:crypto does, and opens that and nothing else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 3_000 }),
        fc.bigInt({ min: 0n, max: (1n << 53n) - 1n }),
        fc.nat(),
        (key, plain, counter, where) => {
          const high = Number(counter >> 32n);
          const low = Number(counter & 0xffff_ffffn) | 0;
          const sealing = evp.sealing(cipher, key);
          arena.u8.set(plain, from);
          expect(evp.seal(sealing, high, low, from, plain.length, to)).toBe(true);
          expect(taken(to, plain.length + 16)).toBe(reference(cipher, key, counter, plain));
          const opening = evp.opening(cipher, key);
          const sealed = arena.u8.slice(to, to + plain.length + 16);
          expect(evp.open(opening, high, low, to, plain.length)).toBe(true);
          expect(taken(to, plain.length)).toBe(Buffer.from(plain).toString('hex'));
          arena.u8.set(sealed, to);
          expect(evp.open(opening, high, low + 1, to, plain.length)).toBe(false);
          arena.u8.set(sealed, to);
          const touched = to + (where % sealed.length);
          arena.u8[touched] = (arena.u8[touched] as number) ^ (1 << (where % 8));
          expect(evp.open(opening, high, low, to, plain.length)).toBe(false);
          evp.release(sealing);
          evp.release(opening);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps a context for many messages', () => {
    const key = new Uint8Array(32).fill(1);
    const sealing = evp.sealing(cipher, key);
    for (let i = 0; i < 50; i++) {
      arena.u8.fill(i, from, from + i);
      evp.seal(sealing, 0, i, from, i, to);
      expect(taken(to, i + 16)).toBe(reference(cipher, key, BigInt(i), new Uint8Array(i).fill(i)));
    }
    evp.release(sealing);
  });
});

describe('native memory and symbols', () => {
  it('refuses keys of another length', () => {
    expect(() => evp.sealing(Cipher.aes256gcm, new Uint8Array(16))).toThrow(RangeError);
  });

  it('names what is missing', () => {
    let thrown: unknown;
    try {
      bind('int evio_no_such_function(int a)');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(EvioError);
    expect((thrown as EvioError).code).toBe('EVIO_NO_NATIVE');
    expect((thrown as EvioError).message).toContain('evio_no_such_function');
  });

  it('maps memory below 2 GiB that both sides see', () => {
    const address = mapLow(1 << 16);
    const again = mapLow(1 << 16);
    expect(address).toBeGreaterThan(0);
    expect(address).toBeLessThan(2 ** 31);
    expect(again).not.toBe(address);
    const low = new Arena(1 << 16, address);
    const same = new Arena(1 << 16, address);
    low.setText(low.alloc(16), 'evio');
    expect([...same.u8.subarray(0, 5)]).toEqual([101, 118, 105, 111, 0]);
    unmap(again, 1 << 16);
  });

  it('gives aligned room until it is full, and pointers of 64 bits', () => {
    const small = new Arena(256);
    expect([small.alloc(1), small.alloc(1), small.alloc(1, 16)]).toEqual([0, 64, 80]);
    expect(() => small.alloc(200)).toThrow(RangeError);
    small.setPointer(8, 0x1234_5678_9abc);
    expect(small.view.getBigUint64(8, true)).toBe(0x1234_5678_9abcn);
  });

  it('reads errno of a failed call', () => {
    expect(libc().close(-1)).toBe(-1);
    expect(libc().errno()).toBe(9);
  });
});

import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena, mapLow, unmap } from '../../../src/core/native/arena.js';
import {
  Cipher,
  Evp,
  maxPlaintext,
  recordHeaderLength,
  recordTagLength,
} from '../../../src/core/native/evp.js';
import { libc } from '../../../src/core/native/libc.js';
import { bind } from '../../../src/core/native/symbols.js';
import { EvioError } from '../../../src/core/lib/errors.js';

const arena = new Arena(1 << 18);
const evp = new Evp(arena);
const record = arena.alloc(70_000);
const at = record + recordHeaderLength;

/** The header before the counter. */
const header = Uint8Array.of(0x50, 0x0f, 0xa5, 0x77, 1, 2, 3, 4);

/** What Node's own interface to the same ciphers makes of it. */
function reference(cipher: Cipher, key: Uint8Array, counter: bigint, plain: Uint8Array): string {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(counter, 4);
  const associated = Buffer.alloc(13);
  associated.writeBigUInt64BE(counter);
  associated.set(header.subarray(0, 3), 8);
  associated.writeUInt16BE(plain.length, 11);
  const c =
    cipher === Cipher.aes256gcm
      ? createCipheriv('aes-256-gcm', key, nonce)
      : createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  c.setAAD(associated, { plaintextLength: plain.length });
  const sealed = Buffer.concat([c.update(plain), c.final()]);
  return Buffer.concat([header, nonce.subarray(4), sealed, c.getAuthTag()]).toString('hex');
}

const taken = (from: number, length: number): string =>
  Buffer.from(arena.u8.subarray(from, from + length)).toString('hex');

/** Puts a message where a record is to be made of it. */
function put(plain: Uint8Array): void {
  arena.u8.set(header, record);
  arena.u8.set(plain, at);
}

describe.each([
  ['AES-256-GCM', Cipher.aes256gcm],
  ['ChaCha20-Poly1305', Cipher.chacha20poly1305],
])('%s', (_name, cipher) => {
  it('seals as node:crypto does, opens that, and nothing else', () => {
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
          put(plain);
          expect(evp.seal(sealing, high, low, at, plain.length)).toBe(true);
          const whole = recordHeaderLength + plain.length + recordTagLength;
          const sealed = arena.u8.slice(record, record + whole);
          expect(taken(record, whole)).toBe(reference(cipher, key, counter, plain));
          const opening = evp.opening(cipher, key);
          expect(evp.open(opening, at, plain.length)).toBe(true);
          expect(taken(at, plain.length)).toBe(Buffer.from(plain).toString('hex'));
          // Any byte but the reserved one and the receiver index, which are not covered.
          const covered = [0, 1, 2, ...Array.from({ length: whole - 8 }, (_, i) => 8 + i)];
          const touched = covered[where % covered.length] as number;
          arena.u8.set(sealed, record);
          arena.u8[record + touched] = (arena.u8[record + touched] as number) ^ (1 << (where % 8));
          expect(evp.open(opening, at, plain.length)).toBe(false);
          // A failure leaves the context as good as before.
          arena.u8.set(sealed, record);
          expect(evp.open(opening, at, plain.length)).toBe(true);
          evp.release(sealing);
          evp.release(opening);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('keeps a context for many messages, whatever counters they have', () => {
    const key = new Uint8Array(32).fill(1);
    const sealing = evp.sealing(cipher, key);
    const opening = evp.opening(cipher, key);
    const turn = 0xffff_fffen;
    const counters = [0n, 1n, 2n, 7n, 8n, turn, turn + 1n, turn + 2n, turn + 3n, 5n, 1n << 52n];
    for (const [i, counter] of counters.entries()) {
      const plain = new Uint8Array(i).fill(i);
      put(plain);
      expect(evp.seal(sealing, Number(counter >> 32n), Number(counter & 0xffff_ffffn) | 0, at, i)).toBe(true);
      expect(taken(record, 32 + i)).toBe(reference(cipher, key, counter, plain));
      expect(evp.open(opening, at, i)).toBe(true);
      expect(taken(at, i)).toBe(Buffer.from(plain).toString('hex'));
    }
    evp.release(sealing);
    evp.release(opening);
  });

  it('takes the longest plaintext, and a record cut short is none', () => {
    const key = new Uint8Array(32).fill(2);
    const sealing = evp.sealing(cipher, key);
    const opening = evp.opening(cipher, key);
    const plain = new Uint8Array(maxPlaintext).fill(3);
    put(plain);
    expect(evp.seal(sealing, 0, 0, at, plain.length)).toBe(true);
    expect(evp.open(opening, at, plain.length - 1)).toBe(false);
    put(plain);
    evp.seal(sealing, 0, 1, at, plain.length);
    expect(evp.open(opening, at, plain.length)).toBe(true);
    evp.release(sealing);
    evp.release(opening);
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

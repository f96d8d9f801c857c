import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../src/core/lib/bytes.js';
import { NoiseTransport } from '../../../src/core/noise/transport.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { flipped, seededRandom } from './fixed.js';

const random = seededRandom(3);
const key = (): Uint8Array => random.fill(new Uint8Array(32));

function ends(suite: Suite, limit?: number): [NoiseTransport, NoiseTransport] {
  const [there, back] = [key(), key()];
  return [new NoiseTransport(suite, there, back, limit), new NoiseTransport(suite, back, there, limit)];
}

describe.each([Suite.aes256gcm, Suite.chacha20poly1305])('NoiseTransport, suite %i', (suite) => {
  it('carries both directions in order', () => {
    const [a, b] = ends(suite);
    for (let i = 0; i < 300; i++) {
      expect(b.open(a.seal(utf8(`there ${i}`)))).toEqual(utf8(`there ${i}`));
      expect(a.open(b.seal(utf8(`back ${i}`)))).toEqual(utf8(`back ${i}`));
    }
    expect(b.open(a.seal(new Uint8Array(0)))).toEqual(new Uint8Array(0));
  });

  it('opens nothing forged, replayed, reflected or skipped over, and goes on with the genuine next', () => {
    const [a, b] = ends(suite);
    const first = a.seal(utf8('first'));
    const second = a.seal(utf8('second'));
    for (let bit = 0; bit < first.length * 8; bit += 3) expect(b.open(flipped(first, bit))).toBeUndefined();
    expect(b.open(second)).toBeUndefined();
    expect(b.open(first.subarray(0, 15))).toBeUndefined();
    expect(a.open(first)).toBeUndefined();
    expect(b.open(first)).toEqual(utf8('first'));
    expect(b.open(first)).toBeUndefined();
    expect(b.open(second)).toEqual(utf8('second'));
  });

  it('stops at its limit on both sides', () => {
    const [a, b] = ends(suite, 2);
    const generous = ends(suite)[0];
    expect(generous.exhausted).toBe(false);
    b.open(a.seal(utf8('1')));
    b.open(a.seal(utf8('2')));
    expect(a.exhausted).toBe(true);
    expect(() => a.seal(utf8('3'))).toThrow(RangeError);
    expect(b.exhausted).toBe(false);
    expect(a.open(b.seal(utf8('back')))).toEqual(utf8('back'));
  });

  it('keeps copies of its keys, and does nothing after destroy', () => {
    const [there, back] = [key(), key()];
    const a = new NoiseTransport(suite, there, back);
    const b = new NoiseTransport(suite, back, there);
    there.fill(0);
    expect(b.open(a.seal(utf8('x')))).toEqual(utf8('x'));
    const late = a.seal(utf8('y'));
    b.destroy();
    b.destroy();
    expect(b.open(late)).toBeUndefined();
    expect(() => b.seal(utf8('x'))).toThrow(/closed/);
  });
});

it('throws TypeError for keys of a wrong length', () => {
  expect(() => new NoiseTransport(Suite.aes256gcm, new Uint8Array(31), new Uint8Array(32))).toThrow(
    TypeError,
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import { encodeIce, maxIceCandidates, parseIce, type IceMessage } from '../../../src/core/wire/ice.js';

const endpoint = { host: '192.0.2.1', port: 4660 };
const address = '00000000000000000000ffffc00002011234';
const description = {
  user: 'abcd',
  password: 'a'.repeat(22),
  fingerprint: new Uint8Array(32).fill(7),
  candidates: [{ kind: 'relay', priority: 9, endpoint }],
} as const;
const described = `0461626364${'16'}${'61'.repeat(22)}${'07'.repeat(32)}01` + `0200000009${address}`;

describe('messages about a WebRTC connection', () => {
  const table: [string, IceMessage, string][] = [
    ['want', { type: 'want', call: 1, servers: [endpoint] }, `380000000101${address}`],
    ['offer', { type: 'offer', call: 2, description, servers: [] }, `3900000002${described}00`],
    ['answer', { type: 'answer', call: 2, description }, `3a00000002${described}`],
    ['end', { type: 'end', call: 3 }, '3b00000003'],
  ];
  it.each(table)('%s', (_name, message, hex) => {
    const bytes = encodeIce(message);
    expect(toHex(bytes)).toBe(hex);
    expect(parseIce(bytes)).toEqual(message);
  });

  it('are taken whole only, and never throw', () => {
    for (const [, message] of table) {
      const bytes = encodeIce(message);
      for (let n = 0; n < bytes.length; n++) expect(parseIce(bytes.subarray(0, n))).toBeUndefined();
      expect(parseIce(Uint8Array.of(...bytes, 0))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        const parsed = parseIce(bytes);
        if (parsed && 'description' in parsed)
          expect(parsed.description.candidates.length).toBeLessThanOrEqual(maxIceCandidates);
      }),
    );
  });

  it.each([
    ['a line of its own', 'abcd\r\na=x'],
    ['nothing', ''],
    ['more than ICE allows', 'a'.repeat(33)],
  ])('bring no user that is %s', (_name, user) => {
    const bytes = encodeIce({ type: 'answer', call: 2, description: { ...description, user } });
    expect(parseIce(bytes)).toBeUndefined();
  });
});

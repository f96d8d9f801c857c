import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import { candidateKinds, maxCandidates } from '../../../src/core/wire/candidate.js';
import {
  encodeAccept,
  encodeGoodbye,
  encodeNat,
  encodeOffer,
  encodePing,
  encodePong,
  parseControl,
} from '../../../src/core/wire/control.js';

describe('control messages', () => {
  const table: [string, Uint8Array, string, unknown][] = [
    ['ping', encodePing(0x1234), '010000000000001234', { type: 'ping', transaction: 0x1234, size: 9 }],
    [
      'pong of a direct ping',
      encodePong(7, { host: '192.0.2.1', port: 4660 }, 9),
      '02000000000000000700000000000000000000ffffc00002011234000000000000000903',
      {
        type: 'pong',
        transaction: 7,
        observed: { host: '192.0.2.1', port: 4660 },
        directFrames: 9,
        joins: true,
        copies: true,
      },
    ],
    [
      'offer',
      encodeOffer(3, [{ kind: 'reflexive', endpoint: { host: '2001:db8::1', port: 80 } }]),
      '03000000030101' + '20010db8000000000000000000000001' + '0050',
      {
        type: 'offer',
        sequence: 3,
        candidates: [{ kind: 'reflexive', endpoint: { host: '2001:db8::1', port: 80 } }],
      },
    ],
    ['accept', encodeAccept(3), '0400000003', { type: 'accept', sequence: 3 }],
    ['goodbye', encodeGoodbye(), '05', { type: 'goodbye' }],
    [
      'nat',
      encodeNat({
        mapping: 'address-and-port-dependent',
        filtering: 'address-and-port-dependent',
        ports: 'sequential',
        range: { first: { host: '192.0.2.1', port: 5000 }, count: 64 },
      }),
      '06030202' + '00000000000000000000ffffc0000201' + '1388' + '40',
      {
        type: 'nat',
        mapping: 'address-and-port-dependent',
        filtering: 'address-and-port-dependent',
        ports: 'sequential',
        range: { first: { host: '192.0.2.1', port: 5000 }, count: 64 },
      },
    ],
  ];
  it.each(table)('%s', (_name, bytes, hex, value) => {
    expect(toHex(bytes)).toBe(hex);
    expect(parseControl(bytes)).toEqual(value);
  });

  it('knows of a NAT no other words, and no range that is longer or leads beyond the last port', () => {
    const facts = { mapping: 'none', filtering: 'unknown', ports: 'unknown' } as const;
    const plain = encodeNat({ ...facts, range: undefined });
    expect(parseControl(plain)).toEqual({ type: 'nat', ...facts, range: undefined });
    for (const at of [1, 2, 3]) {
      const other = plain.slice();
      other[at] = 9;
      expect(parseControl(other)).toBeUndefined();
    }
    const range = encodeNat({ ...facts, range: { first: { host: '192.0.2.1', port: 65_500 }, count: 36 } });
    expect(parseControl(range)).toMatchObject({ range: { count: 36 } });
    range[range.length - 1] = 37;
    expect(parseControl(range)).toMatchObject({ range: undefined });
    range[range.length - 1] = 65;
    expect(parseControl(range)).toBeUndefined();
    expect(parseControl(plain.subarray(0, -1))).toBeUndefined();
  });

  it('pads a ping to the size asked for', () => {
    expect(parseControl(encodePing(5, 1368))).toEqual({ type: 'ping', transaction: 5, size: 1368 });
  });

  it('never throws on random, truncated or bit-flipped bytes, and never yields too many candidates', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const parsed = parseControl(bytes);
        if (parsed?.type === 'offer') {
          expect(parsed.candidates.length).toBeLessThanOrEqual(maxCandidates);
          for (const c of parsed.candidates) expect(candidateKinds).toContain(c.kind);
        }
      }),
      { numRuns: 2000 },
    );
    const whole = encodeOffer(1, [{ kind: 'host', endpoint: { host: '10.0.0.1', port: 1 } }]);
    for (let n = 0; n < whole.length; n++) expect(parseControl(whole.subarray(0, n))).toBeUndefined();
  });
});

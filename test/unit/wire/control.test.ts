import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import { candidateKinds, maxCandidates } from '../../../src/core/wire/candidate.js';
import {
  encodeAccept,
  encodeGoodbye,
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
      '02000000000000000700000000000000000000ffffc00002011234000000000000000901',
      {
        type: 'pong',
        transaction: 7,
        observed: { host: '192.0.2.1', port: 4660 },
        directFrames: 9,
        joins: true,
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
  ];
  it.each(table)('%s', (_name, bytes, hex, value) => {
    expect(toHex(bytes)).toBe(hex);
    expect(parseControl(bytes)).toEqual(value);
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

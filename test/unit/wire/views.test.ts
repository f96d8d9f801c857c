import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../../src/core/lib/bytes.js';
import {
  encodeView,
  fittingLines,
  maxSeen,
  parseView,
  type SeenLink,
  type ViewMessage,
} from '../../../src/core/wire/views.js';

const id = '00112233445566778899aabbccddeeff';
const link: SeenLink = { id, path: 'relay', role: 'long', rttMs: 12.34, bytes: 258 };

describe('what members show of themselves', () => {
  const table: [string, ViewMessage, string][] = [
    ['a question for links', { type: 'look', request: 1 }, '4000000001'],
    [
      'links',
      {
        type: 'seen',
        request: 2,
        verdict: 'shown',
        of: 3,
        links: [link, { ...link, path: 'none', role: 'none', rttMs: null }],
      },
      `410000000200000302${id}33000004d20000000000000102${id}00ffffffff0000000000000102`,
    ],
    ['a refusal', { type: 'seen', request: 3, verdict: 'refused', of: 0, links: [] }, '410000000301000000'],
    ['a question for decisions', { type: 'recall', request: 4, id }, `4200000004${id}`],
    [
      'decisions',
      { type: 'recalled', request: 5, verdict: 'shown', lines: [{ ageS: 61, event: 'ab', detail: 'c' }] },
      '4300000005000' + '1' + '0000003d02616201' + '63',
    ],
    [
      'nothing of whom it does not know',
      { type: 'recalled', request: 6, verdict: 'unknown', lines: [] },
      '43000000060200',
    ],
  ];

  it.each(table)('%s', (_name, message, hex) => {
    expect(toHex(encodeView(message))).toBe(hex);
    expect(parseView(encodeView(message))).toEqual(message);
  });

  it('lists no more than fit into a packet, and says how many there are', () => {
    const links = Array.from({ length: 500 }, () => link);
    const bytes = encodeView({ type: 'seen', request: 1, verdict: 'shown', of: links.length, links });
    expect(bytes.length).toBeLessThanOrEqual(1_150);
    const read = parseView(bytes);
    expect(read?.type === 'seen' && [read.of, read.links.length]).toEqual([500, maxSeen]);
  });

  it('keeps the newest lines of a log, and whole characters of long ones', () => {
    const lines = Array.from({ length: 64 }, (_, i) => ({
      ageS: 64 - i,
      event: `event ${i}`,
      detail: 'ü'.repeat(200),
    }));
    const kept = fittingLines(lines);
    expect(kept.at(-1)?.event).toBe('event 63');
    expect(kept[0]?.detail).toBe('ü'.repeat(80));
    const bytes = encodeView({ type: 'recalled', request: 1, verdict: 'shown', lines });
    expect(bytes.length).toBeLessThanOrEqual(1_150);
    expect(parseView(bytes)).toMatchObject({ lines: kept });
    expect(kept.length).toBeGreaterThan(4);
    expect(utf8(kept[0]?.detail ?? '').length).toBe(160);
  });
});

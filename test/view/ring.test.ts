import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawRing, type RingPoint } from '../../src/views/ring.js';

const points: RingPoint[] = [
  { angle: 0, mark: '@', label: 'anna' },
  { angle: 0.25, mark: 'o', label: 'ben' },
  { angle: 0.5, mark: 'o', label: 'carl' },
  { angle: 0.75, mark: 'o', label: 'dora' },
];

describe('drawRing', () => {
  it('puts points at their angles, clockwise from the top, and labels outside', () => {
    expect(
      drawRing({
        size: { columns: 48, rows: 12 },
        points,
        chords: [[0, 1]],
        ascii: true,
      }).join('\n'),
    ).toMatchInlineSnapshot(`
      "                       anna
                          ....@....
                       ...     ... ...
                     ...         ... ...
                    ..             ... ..
                    .                ....
              dora  o                  .o  ben
                    .                   .
                    ..                 ..
                     ...             ...
                       ...         ...
                          ....o....  carl"
    `);
  });

  it('draws with braille dots where it may', () => {
    const text = drawRing({ size: { columns: 40, rows: 14 }, points, chords: [[1, 3]] }).join('\n');
    expect(text).toMatchInlineSnapshot(`
      "                   anna
                     ⢀⣀⡤⠤⠤@⠤⠤⢤⣀⡀
                  ⢀⠤⠊⠉         ⠉⠑⠤⡀
                ⢀⠔⠃               ⠘⠢⡀
               ⢠⠊                   ⠑⡄
              ⢀⡏                     ⢹⡀
              ⢸                       ⡇
        dora  o⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤o  ben
              ⢸                       ⡇
              ⠈⣇                     ⣸⠁
               ⠘⢄                   ⡰⠃
                ⠈⠢⡄               ⢠⠔⠁
                  ⠈⠒⢄⣀         ⣀⡠⠒⠁
                     ⠈⠉⠓⠒⠒o⠒⠒⠚⠉⠁  carl"
    `);
    expect(drawRing({ size: { columns: 40, rows: 14 }, points, ascii: true }).join('')).not.toMatch(/[^ -~]/);
  });

  it('draws nothing where there is no room', () => {
    expect(drawRing({ size: { columns: 80, rows: 6 }, points })).toEqual([]);
    expect(drawRing({ size: { columns: 12, rows: 40 }, points })).toEqual([]);
    expect(drawRing({ size: { columns: 0, rows: -3 }, points })).toEqual([]);
  });

  it('moves labels of neighbours apart, and leaves out what has no room', () => {
    const crowd = Array.from({ length: 12 }, (_, i): RingPoint => ({
      angle: 0.25,
      mark: 'o',
      label: `peer-${i}`,
    }));
    const lines = drawRing({ size: { columns: 60, rows: 20 }, points: crowd });
    const labelled = lines.filter((line) => line.includes('peer-'));
    expect(labelled).toHaveLength(9);
    expect(lines.join('\n')).toContain('peer-0');
    expect(lines.join('\n')).not.toContain('peer-9');
  });

  it('shows the first of points that share a cell', () => {
    const two: RingPoint[] = [
      { angle: 0, mark: '@' },
      { angle: 0, mark: 'x' },
    ];
    const text = drawRing({ size: { columns: 30, rows: 12 }, points: two }).join('\n');
    expect(text).toContain('@');
    expect(text).not.toContain('x');
  });

  it('lets no label command the terminal', () => {
    const evil: RingPoint[] = [{ angle: 0.3, mark: '\u001b', label: '\u001b[2Jx' }];
    expect(drawRing({ size: { columns: 40, rows: 14 }, points: evil }).join('')).not.toContain('\u001b');
  });

  it('fits its size, whatever it is given', () => {
    const point = fc.record({
      angle: fc.double({ min: -2, max: 2, noNaN: true }),
      mark: fc.string({ minLength: 1, maxLength: 1 }),
      label: fc.string({ maxLength: 30 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 0, max: 50 }),
        fc.array(point, { maxLength: 20 }),
        fc.array(fc.tuple(fc.nat({ max: 25 }), fc.nat({ max: 25 })), { maxLength: 5 }),
        fc.boolean(),
        (columns, rows, some, chords, ascii) => {
          const lines = drawRing({ size: { columns, rows }, points: some, chords, ascii });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

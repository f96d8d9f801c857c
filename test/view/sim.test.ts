import { describe, expect, it } from 'vitest';
import type { SimReport } from '../../src/sim/report.js';
import { simLine, simRing, simText } from '../../src/views/text/sim.js';

const report: SimReport = {
  nodes: 1000,
  seed: 1,
  joinMs: {
    p50: 480,
    p99: 1208,
    max: 1665,
    firstLink: { p50: 353, p99: 690 },
    links: { p50: 600, p99: 1500 },
  },
  misplaced: 0,
  hops: { mean: 2.984, p99: 5, max: 6 },
  delivered: 1,
  degree: { mean: 20.84, max: 33 },
  flood: { broadcasts: 20, copies: 999, missed: 0, duplicates: 0 },
  traffic: { meanBytesPerS: 522, p99BytesPerS: 784, maxBytesPerS: 1911, meanPacketsPerS: 5.4 },
  healMs: { ring: 5750, floods: null },
};

describe('simText', () => {
  it('tells what was played, in units', () => {
    const text = simText(report, 12_340);
    expect(text).toContain('0.48 s median, 1.21 s p99');
    expect(text).toContain('2.98 mean, 5 p99, 6 max; 100 % delivered');
    expect(text).toContain('522 B/s mean, 784 B/s p99, 1.9 kB/s max per member');
    expect(text).toMatch(/^10 % crash: ring whole +5\.75 s$/m);
    expect(text).toMatch(/^10 % crash: broadcasts complete +not within a minute$/m);
    expect(text).not.toContain('joined again');
    expect(text.endsWith('Simulated in 12.3 s.\n')).toBe(true);
  });

  it('does not round a loss away', () => {
    expect(simText({ ...report, delivered: 0.999_99, misplaced: 2 }, 1)).toContain('< 100 % delivered');
    expect(simText({ ...report, misplaced: 2 }, 1)).toContain('2 members without their true neighbours');
  });

  it('adds churn', () => {
    const churn = {
      perS: 0.01,
      crashShare: 0.5,
      forMs: 300_000,
      replaced: 3012,
      packets: 59_000,
      firstTry: 0.981,
      delivered: 0.9994,
      meanBytesPerS: 4100,
    };
    const text = simText({ ...report, healMs: {}, churn }, 1);
    expect(text).toContain('3012 members replaced in 300.0 s, 50 % of them crashed');
    expect(text).toContain('98.1 % at the first try, 99.94 % within three, of 59000 packets');
    expect(text).not.toContain('HEALED');
  });
});

describe('simLine', () => {
  it('begins with the virtual time', () => {
    expect(simLine({ phase: 'crash', text: '100 members crash at once', nowMs: 59_000 })).toBe(
      '   59.0 s  100 members crash at once',
    );
  });
});

describe('simRing', () => {
  const picture = {
    members: [0.1, 0.3, 0.6],
    focus: { id: 'abcdef0123456789', at: 0.1 },
    links: [
      { at: 0.3, kind: 'ring' as const },
      { at: 0.6, kind: 'long' as const },
    ],
  };

  it('has the member on top, its links where they are, and a legend', () => {
    const lines = simRing(picture, { columns: 60, rows: 24 }).split('\n');
    expect(lines[0]?.trim()).toBe('abcdef01');
    expect(lines[1]).toContain('●');
    const body = lines.slice(1, -3).join('\n');
    expect([...body].filter((c) => c === '◆')).toHaveLength(1);
    expect([...body].filter((c) => c === '○')).toHaveLength(1);
    expect(Math.max(...lines.slice(0, -2).map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('knows ASCII, and draws nothing where there is nobody or no room', () => {
    expect(simRing(picture, { columns: 60, rows: 24 }, true)).toMatch(/^[\x20-\x7e\n]+$/);
    expect(simRing(picture, { columns: 5, rows: 3 })).toBe('');
    expect(simRing({ ...picture, members: [] }, { columns: 60, rows: 24 })).toBe('');
  });
});

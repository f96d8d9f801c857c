import { afterAll, describe, expect, it } from 'vitest';
import { TestHome } from './support.js';

interface Report {
  nodes: number;
  joinMs: { p50: number; p99: number };
  hops: { mean: number; p99: number; max: number };
  degree: { mean: number; max: number };
  flood: { copies: number; missed: number; duplicates: number };
  healMs: Record<string, number | null>;
  churn?: { delivered: number };
}

describe('evio sim', () => {
  const home = new TestHome();
  afterAll(() => {
    home.remove();
  });

  it('prints one JSON object, the same for the same seed', { timeout: 60_000 }, async () => {
    const args = ['sim', '--nodes', '30', '--seed', '3', '--only', 'crash', '--json'];
    const [first, second] = await Promise.all([home.run(args), home.run(args)]);
    expect(first.status).toBe(0);
    expect(first.stderr).toBe('');
    const report = first.json<Report>();
    expect(report).toMatchObject({ nodes: 30, flood: { copies: 29, missed: 0, duplicates: 0 } });
    expect(Object.keys(report.healMs)).toEqual(['ring', 'floods']);
    for (const value of [report.joinMs.p50, report.joinMs.p99, report.hops.mean, report.degree.mean]) {
      expect(value).toBeGreaterThan(0);
    }
    expect(second.stdout).toBe(first.stdout);
  });

  it('draws the ring and sums up, without progress where nobody looks', { timeout: 60_000 }, async () => {
    const { status, stdout, stderr } = await home.run([
      ...[
        'sim',
        '--nodes',
        '20',
        '--only',
        'measure',
        '--churn',
        '0.05',
        '--churn-for',
        '3s',
        '--crash-share',
        '0',
      ],
      ...['--loss', '0.02', '--nat-mix', '20/50/20/10'],
    ]);
    expect(status).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/[⠁-⣿]{3}/);
    expect(stdout).toMatch(/^ring +whole$/m);
    expect(stdout).toMatch(/^hops +\d\.\d\d mean, \d p99, \d max; 100 % delivered$/m);
    expect(stdout).toMatch(/^churn +\d+ members replaced in 3\.00 s, 0 % of them crashed$/m);
    expect(stdout).not.toContain('HEALED');
  });

  it.each([
    [['--nodes', '0'], 'EVIO_USAGE'],
    [['--loss', '2'], 'EVIO_BAD_VALUE'],
    [['--nat-mix', '50/50'], 'EVIO_BAD_VALUE'],
    [['--baseline', 'log2'], 'EVIO_USAGE'],
    [['--only', 'everything'], 'EVIO_USAGE'],
  ])('%j is wrong usage', async (flags, code) => {
    const outcome = await home.run(['sim', ...flags, '--json']);
    expect(outcome.status).toBe(2);
    expect(outcome.error().code).toBe(code);
  });
});

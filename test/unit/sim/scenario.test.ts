/** The promises of docs/scale.md at two hundred members, and once at five hundred: seeds that CI can afford. */
import { describe, expect, it } from 'vitest';
import { parts, simulate } from '../../../src/sim/scenario.js';
import type { SimReport } from '../../../src/sim/report.js';

function keepsItsPromises(report: SimReport): void {
  const { nodes, hops, degree, flood, healMs, traffic } = report;
  expect(report.misplaced).toBe(0);
  expect(report.delivered).toBe(1);
  expect(hops.mean).toBeLessThanOrEqual(5);
  expect(hops.max).toBeLessThanOrEqual(10);
  expect(degree.mean).toBeLessThanOrEqual(22);
  expect(flood).toMatchObject({ copies: nodes - 1, missed: 0, duplicates: 0 });
  expect(traffic.meanBytesPerS).toBeLessThan(2_000);
  expect(healMs.ring ?? Infinity).toBeLessThanOrEqual(10_000);
  expect(healMs.floods ?? Infinity).toBeLessThanOrEqual(15_000);
}

describe('a simulated network', () => {
  it.each([1, 2, 3])(
    'of 200 members is a ring, routes, broadcasts and heals: seed %i',
    { timeout: 60_000 },
    async (seed) => {
      const { report, picture } = await simulate({ nodes: 200, seed, parts: ['leave', 'crash'] });
      keepsItsPromises(report);
      expect(report.joinMs.p99).toBeLessThan(5_000);
      expect(report.healMs.leave ?? Infinity).toBeLessThanOrEqual(5_000);
      expect(picture.members).toHaveLength(200);
      expect(picture.links.length).toBeGreaterThanOrEqual(6);
    },
  );

  it('of 500 members too', { timeout: 240_000 }, async () => {
    const { report } = await simulate({ nodes: 500, seed: 11, parts: ['crash'] });
    keepsItsPromises(report);
  });

  it('becomes one ring again after it was cut in two', { timeout: 60_000 }, async () => {
    const { report } = await simulate({ nodes: 60, seed: 4, parts: ['split'] });
    expect(report.healMs.merge ?? Infinity).toBeLessThanOrEqual(40_000);
  });

  it('delivers while members come and go', { timeout: 60_000 }, async () => {
    const { report } = await simulate({ nodes: 100, seed: 5, parts: [], churn: 0.01, churnForMs: 30_000 });
    expect(report.churn?.replaced).toBeGreaterThan(10);
    expect(report.churn?.delivered).toBeGreaterThanOrEqual(0.99);
  });

  it('forms without a rendezvous', { timeout: 60_000 }, async () => {
    const { report } = await simulate({ nodes: 50, seed: 6, parts: [], relay: false });
    expect(report.misplaced).toBe(0);
    // Who has no path to its neighbours on the ring is reached by whoever is linked with one of its links.
    expect(report.delivered).toBeGreaterThan(0.99);
  });

  it('is the same for the same seed, and another for another', { timeout: 60_000 }, async () => {
    const play = async (seed: number): Promise<string> => {
      const { report, picture } = await simulate({ nodes: 60, seed, parts, churn: 0.02, churnForMs: 5_000 });
      return JSON.stringify({ ...report, seed: 0, picture });
    };
    const first = await play(7);
    expect(await play(7)).toBe(first);
    expect(await play(8)).not.toBe(first);
  });

  it.each([1, 2, 3])('of %i members is one', async (nodes) => {
    const { report } = await simulate({ nodes, seed: 1, parts: [] });
    expect(report.misplaced).toBe(0);
    expect(report.delivered).toBe(1);
    expect(report.flood).toMatchObject({ copies: nodes - 1, missed: 0, duplicates: 0 });
  });

  it('takes longer ways with the draw that Evio published', { timeout: 60_000 }, async () => {
    const { report: ours } = await simulate({ nodes: 200, seed: 1, parts: [] });
    const { report: published } = await simulate({ nodes: 200, seed: 1, parts: [], baseline: 'log10' });
    expect(published.hops.mean).toBeGreaterThan(1.2 * ours.hops.mean);
  });

  it('ends when it is told to', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const running = simulate({
      nodes: 300,
      seed: 1,
      signal: abort.signal,
      breathe: async () => {
        abort.abort(reason);
      },
    });
    await expect(running).rejects.toBe(reason);
  });
});

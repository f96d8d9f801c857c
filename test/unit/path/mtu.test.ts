import { describe, expect, it } from 'vitest';
import { basePing, PathMtu } from '../../../src/core/path/mtu.js';

const full = 1_368;

/** A path of which `most` says how long a ping may be; loses what `lost` says. Time passes in steps of 10 ms. */
function path(most: number, { joins = true, rttMs = 20, size = full } = {}) {
  const mtu = new PathMtu(size, joins);
  const world = { now: 1_000, most, lost: (_size: number): boolean => false };
  const use = { rttMs, used: false, waitingMs: 0 };
  const sent: { at: number; size: number }[] = [];
  let answers: { at: number; size: number }[] = [];
  const step = (): void => {
    const ripe = answers.filter(({ at }) => at <= world.now);
    answers = answers.filter(({ at }) => at > world.now);
    for (const { size: answered } of ripe) mtu.answered(world.now, answered);
    const due = mtu.dueAt(use);
    const pings = mtu.tick(world.now, use);
    if (world.now < due) expect(pings).toEqual([]);
    for (const ping of pings) {
      sent.push({ at: world.now, size: ping });
      if (ping <= world.most && !world.lost(ping)) answers.push({ at: world.now + rttMs, size: ping });
    }
  };
  const run = (ms: number): void => {
    for (const end = world.now + ms; world.now < end; world.now += 10) step();
  };
  /** The same for hours, from one thing that happens to the next; returns the share of the time at full size. */
  const pass = (ms: number): number => {
    let whole = 0;
    for (const end = world.now + ms; world.now < end;) {
      step();
      const next = Math.min(end, mtu.dueAt(use), ...answers.map(({ at }) => at));
      if (mtu.full) whole += next - world.now;
      world.now = next;
    }
    return whole / ms;
  };
  mtu.begin(world.now);
  return { mtu, world, use, sent, run, pass };
}

describe('what a path carries', () => {
  it('is known after one round trip where that is everything, by two pings', () => {
    const p = path(2_000);
    p.run(100);
    expect(p.mtu.full).toBe(true);
    expect(p.mtu.limit).toBe(1_420);
    p.run(600_000);
    expect(p.sent.map(({ size }) => size)).toEqual([full, basePing]);
    expect(p.mtu.dueAt(p.use)).toBe(Infinity);
  });

  it.each([1_000, 1_001, 1_063, 1_124, 1_219, 1_300, 1_359, 1_367])('is found to 8 bytes: %i', (most) => {
    const p = path(most);
    p.run(100);
    expect(p.mtu.width).toEqual({ limit: basePing + 1, settling: true });
    p.run(3_000);
    expect(p.mtu.width.settling).toBe(p.mtu.proven === basePing);
    expect(p.mtu.proven).toBeLessThanOrEqual(most);
    expect(p.mtu.proven).toBeGreaterThanOrEqual(most - 8);
    expect(p.sent.length).toBeLessThanOrEqual(50);
  });

  it.each([1_364, 1_365, 1_367])('is found to the byte where frames without a tag just pass: %i', (most) => {
    const p = path(most);
    p.run(3_000);
    expect(p.mtu.proven).toBe(1_364);
  });

  it('has no limit where frames pass that are longer than other lines are', () => {
    const p = path(9_018, { size: 9_018 });
    expect(p.mtu.limit).toBeUndefined();
    p.run(100);
    expect(p.mtu.limit).toBe(Infinity);
  });

  it('is found for jumbo frames, too', () => {
    const p = path(1_440, { size: 9_018 });
    p.run(5_000);
    expect(p.mtu.proven).toBeLessThanOrEqual(1_440);
    expect(p.mtu.proven).toBeGreaterThanOrEqual(1_432);
  });

  it('is nothing of use where not even the base size passes, and then it is asked seldom', () => {
    const p = path(999);
    p.run(60_000);
    expect(p.mtu.proven).toBe(0);
    expect(p.sent.length).toBe(16);
  });

  it('is all or nothing for a peer that joins no pieces', () => {
    expect(path(1_367, { joins: false }).mtu.proven).toBe(0);
    const p = path(1_367, { joins: false });
    p.run(10_000);
    expect(p.mtu.proven).toBe(0);
    expect(new Set(p.sent.map(({ size }) => size))).toEqual(new Set([full]));
    const wide = path(full, { joins: false });
    wide.run(100);
    expect(wide.mtu.full).toBe(true);
  });

  it('becomes less in use: noticed within two seconds under silence, within four otherwise', () => {
    for (const [waitingMs, within] of [
      [800, 2_000],
      [0, 4_000],
    ] as const) {
      const p = path(2_000);
      p.use.used = true;
      p.run(3_000);
      p.world.most = 1_219;
      p.use.waitingMs = waitingMs;
      const before = p.world.now;
      while (p.mtu.full && p.world.now < before + 10_000) p.run(10);
      expect(p.world.now - before).toBeLessThan(within);
      p.run(3_000);
      expect(p.mtu.proven).toBeGreaterThan(1_210);
      expect(p.mtu.proven).toBeLessThanOrEqual(1_219);
    }
  });

  it('does not become less by the loss of one ping, nor when nothing at all is answered', () => {
    const p = path(2_000);
    p.use.used = true;
    p.run(100);
    let once = true;
    p.world.lost = (size) => size === full && once && !(once = false);
    p.run(10_000);
    expect(once).toBe(false);
    expect(p.mtu.full).toBe(true);
    p.world.lost = () => true;
    p.run(30_000);
    expect(p.mtu.full).toBe(true);
  });

  it('becomes more: noticed within two minutes, at once when the addresses changed', () => {
    const p = path(1_200);
    p.run(3_000);
    p.world.most = 2_000;
    p.run(121_000);
    expect(p.mtu.full).toBe(true);
    const q = path(1_200);
    q.run(3_000);
    q.world.most = 1_300;
    q.mtu.again(q.world.now);
    q.run(2_000);
    expect(q.mtu.proven).toBeGreaterThan(1_291);
  });

  it.each([
    [0.05, 0.999],
    [0.1, 0.97],
  ])('is not taken for less where %d of the packets are lost each way', (loss, share) => {
    let state = 1;
    const lost = (): boolean => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 < loss;
    const p = path(2_000, { rttMs: 80 });
    p.use.used = true;
    p.run(100);
    p.world.lost = () => lost() || lost();
    expect(p.pass(20 * 3_600_000)).toBeGreaterThan(share);
  });

  it('is tried again in two minutes, however often a ping of the size in force is lost', () => {
    const p = path(1_300);
    p.use.used = true;
    p.run(3_000);
    expect(p.mtu.full).toBe(false);
    p.world.most = 2_000;
    let pings = 0;
    // Every third one of a size is lost, so that there is always something to confirm.
    p.world.lost = (size) => size === p.mtu.proven && ++pings % 3 === 0;
    p.run(121_000);
    expect(p.mtu.full).toBe(true);
  });

  it('comes back to its size after a spell of heavy loss', () => {
    let state = 1;
    const p = path(2_000);
    p.use.used = true;
    p.world.lost = () => (state = (state * 48_271) % 2_147_483_647) % 10 < 3;
    p.run(600_000);
    p.world.lost = () => false;
    p.run(125_000);
    expect(p.mtu.full).toBe(true);
    // A ping each two seconds, and now and then a search.
    expect(p.sent.length).toBeLessThan(3_000);
  });
});

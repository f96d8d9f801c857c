/** How often a node is asked for all its members, and what the page makes of pictures between the answers. */
import { describe, expect, it } from 'vitest';
import { applied, changeOf } from '../../../src/web/change.js';
import type { Picture, WebMember } from '../../../src/web/model.js';
import { MembersPace, restMs } from '../../../src/web/pace.js';
import { noRates, ratesOf } from '../../../src/web/page/traffic.js';

/** Looks each two seconds; `rate` passes the interface, bytes a second. Answers take `tookMs`. When it is asked, seconds. */
function looks(rate: (s: number) => number, seconds: number, tookMs = 20): number[] {
  const pace = new MembersPace();
  const asked: number[] = [];
  let bytes = 1e9;
  for (let s = 0; s < seconds; s += 2) {
    bytes += 2 * rate(s);
    if (!pace.due(s * 1_000, bytes, false)) continue;
    asked.push(s);
    pace.asked(s * 1_000, tookMs);
  }
  return asked;
}

const first = [0, 2, 4, 6, 8];

describe('the members of a node are asked for', () => {
  it('at each look at first, then seldom at rest, also where neighbours are looked for now and then', () => {
    expect(looks(() => 0, 40)).toEqual([...first, 18, 28, 38]);
    expect(looks((s) => (s % 4 === 0 ? 120 : 0), 40)).toEqual([...first, 18, 28, 38]);
  });

  it('at each look while something passes, and once when it ended', () => {
    const rate = (s: number): number => (s >= 14 && s < 22 ? 5_000 : 0);
    expect(looks(rate, 44)).toEqual([...first, 14, 16, 18, 20, 22, 32, 42]);
  });

  it('more seldom where an answer takes long', () => {
    expect(looks(() => 5_000, 30, 200)).toEqual([0, 10, 20]);
    expect(looks(() => 0, 60, 500)).toEqual([0, 26, 52]);
    expect(restMs).toBe(10_000);
  });

  it('at once when something happened, but not for every event of many', () => {
    const pace = new MembersPace();
    for (let ms = 0; ms <= 20_000; ms += 2_000) if (pace.due(ms, 0, false)) pace.asked(ms, 30);
    expect(pace.due(20_150, 0, true)).toBe(true);
    pace.asked(20_150, 30);
    const asked: number[] = [];
    for (let ms = 20_160; ms < 22_160; ms += 10) {
      if (!pace.due(ms, 0, true)) continue;
      asked.push(ms);
      expect(pace.newsAt).toBeLessThanOrEqual(ms);
      pace.asked(ms, 60);
    }
    // After 0.3 s, since the answer before took 30 ms, and then each 0.6 s.
    expect(asked).toEqual([20_450, 21_050, 21_650]);
  });
});

describe('traffic of a member', () => {
  const member = (rxBytes: number): WebMember => ({
    ...{ id: 'a1'.repeat(16), name: 'berta', ip: '10.144.0.2', state: 'connected', path: 'direct' },
    ...{ endpoint: '', rttMs: 1, link: null, rxBytes, txBytes: 0, seenAt: null },
  });
  const picture = (s: number, members: readonly WebMember[], membersS: number): Picture => ({
    ...{
      kind: 'picture',
      at: s * 1_000,
      membersAt: membersS * 1_000,
      members,
      relays: [],
      size: 2,
      told: [],
    },
    network: { id: 'ab', name: 'home', cidr: '', mtu: 1_350 },
    self: {
      ...{ id: 'ff'.repeat(16), name: 'anna', ip: '10.144.0.1', ip6: '', version: '', uptimeMs: 0, nat: '' },
      ...{ rxBytes: 0, txBytes: 0, drops: {} },
    },
  });

  it('is told by the time between two answers, and stays as it is in between', () => {
    const first = [member(0)];
    const second = [member(10_000)];
    const pictures = [
      picture(0, first, 0),
      picture(2, first, 0),
      picture(10, second, 10),
      picture(12, second, 10),
      picture(14, [member(10_100)], 14),
    ];
    let seen: Picture | undefined;
    let rates = noRates;
    const rate: number[] = [];
    for (const [i, now] of pictures.entries()) {
      const change = i > 0 ? changeOf(pictures[i - 1] as Picture, now) : undefined;
      const next: Picture = seen && change ? applied(seen, change) : now;
      if (seen && i % 2 === 1) expect(next.members).toBe(seen.members);
      rates = ratesOf(seen, next, rates);
      rate.push(rates.members.get('a1'.repeat(16)) ?? 0);
      seen = next;
    }
    expect(rate).toEqual([0, 0, 1_000, 1_000, 0]);
  });
});

/** The judges by themselves: verdicts by numbers and times. */
import { describe, expect, it } from 'vitest';
import type { PeerCounters } from '../../../src/core/dataplane/plane/plane.js';
import { zeroCounters } from '../../../src/core/peer/zero-counters.js';
import { LinkLiveness } from '../../../src/core/peer/link-liveness.js';
import {
  nextLook,
  PathLiveness,
  SessionLiveness,
  spares,
  type PingedPath,
} from '../../../src/core/peer/liveness.js';
import { Traffic } from '../../../src/core/peer/traffic.js';

/** Counters that a test sets, on a clock that is 1000 ms behind the machine's. */
function rig() {
  const counters: PeerCounters = zeroCounters();
  const traffic = new Traffic();
  const look = (now: number, change: Partial<PeerCounters> = {}): Traffic => {
    Object.assign(counters, change);
    traffic.look(now, counters, now - 1_000);
    return traffic;
  };
  return { counters, traffic, look };
}

describe('traffic', () => {
  it('tells times by the clock of the machine, and never for what did not happen', () => {
    const { look } = rig();
    expect(look(5_000)).toMatchObject({ rxAt: -Infinity, rxDirectAt: -Infinity, movedAt: -Infinity });
    expect(look(6_000, { lastRxMs: 4_500, lastRxDirectMs: 4_400 })).toMatchObject({
      rxAt: 5_500,
      rxDirectAt: 5_400,
    });
  });

  it('waits from the first packet that nothing answers, also when something came in before it', () => {
    const { traffic, look } = rig();
    look(5_000, { txFrames: 1 });
    look(5_400, { txFrames: 2 });
    expect(traffic.waiting(5_600)).toBe(600);
    look(5_700, { lastRxMs: 4_650, lastTxMs: 4_400 });
    expect(traffic.waiting(5_700)).toBe(0);
    // Both since the last look: the frame went after what came.
    look(15_000, { lastRxMs: 6_000, txFrames: 3, lastTxMs: 13_950 });
    expect(traffic.waiting(15_000)).toBe(50);
    look(15_100, { lastRxMs: 14_050 });
    look(15_200, { txTransit: 1 });
    expect(traffic.waiting(15_300)).toBe(100);
  });

  it('is looked at for two seconds after it moved or stirred, each 250 ms', () => {
    const { traffic, look } = rig();
    expect(nextLook(look(5_000), -Infinity)).toBe(Infinity);
    expect(nextLook(traffic, 5_000)).toBe(5_250);
    look(6_000, { rxTransit: 1 });
    expect(nextLook(traffic, -Infinity)).toBe(6_250);
    look(7_999);
    expect(nextLook(traffic, -Infinity)).toBe(8_249);
    look(8_000);
    expect(nextLook(traffic, -Infinity)).toBe(Infinity);
  });
});

describe('a path', () => {
  const path = (wish: Partial<PingedPath> = {}): PingedPath => ({
    rttMs: 10,
    rttVarMs: 0,
    lastPingAt: 9_500,
    lastPongAt: 9_510,
    missed: 0,
    ...wish,
  });
  const nobody = (): undefined => undefined;

  /** In use from 10 s on, with frames that nothing answers; the last packet came at 9.5 s. */
  function silent() {
    const { look, traffic } = rig();
    const life = new PathLiveness();
    life.look(9_800, look(9_800, { lastRxDirectMs: 8_510, lastRxMs: 8_510 }));
    life.look(10_000, look(10_000, { txDirect: 1, lastTxMs: 9_000 }));
    return { life, look, traffic };
  }

  it('is suspected a second after the first unanswered frame, and dead after two', () => {
    const { life } = silent();
    const calm = path({ lastPingAt: 10_900, lastPongAt: 9_510 });
    expect(life.judge(10_999, calm, nobody).kind).toBe('fine');
    expect(life.dueAt(calm)).toBe(11_000);
    expect(life.judge(11_000, calm, nobody).kind).toBe('suspect');
    expect(life.dueAt(path({ lastPingAt: 11_900 }))).toBe(12_000);
    expect(life.judge(11_999, calm, nobody).kind).toBe('suspect');
    expect(life.judge(12_000, calm, nobody)).toEqual({ kind: 'dead', why: 'nothing came back for 2000 ms' });
  });

  it('has the time of four round trips where they are long', () => {
    const { life } = silent();
    expect(life.judge(13_999, path({ rttMs: 1_000 }), nobody).kind).toBe('suspect');
    expect(life.judge(14_000, path({ rttMs: 1_000 }), nobody).kind).toBe('dead');
  });

  it('is not dead by pings alone while frames come in, unless that goes on for long', () => {
    const { look } = rig();
    const life = new PathLiveness();
    const missed = (now: number): PingedPath => path({ missed: 9, lastPingAt: now - 500, lastPongAt: 9_510 });
    const carry = (now: number): void => {
      life.look(now, look(now, { rxDirect: now, lastRxDirectMs: now - 1_000, lastRxMs: now - 1_000 }));
    };
    for (let now = 9_600; now <= 17_500; now += 100) {
      carry(now);
      expect(life.judge(now, missed(now), nobody).kind).toBe('fine');
    }
    carry(17_509);
    expect(life.judge(17_510, missed(17_510), nobody).kind).toBe('dead');
    // What comes now comes from another endpoint.
    const moved = new PathLiveness();
    moved.look(10_000, look(10_000, { rxDirect: 99_000 }));
    moved.elsewhere(10_000);
    expect(moved.judge(10_100, missed(10_100), nobody).kind).toBe('dead');
    // Only pings come any more, by a peer that has left the path: it is open one way.
    const left = new PathLiveness();
    left.look(10_000, look(10_000, { rxDirect: 1 }));
    left.look(10_600, look(10_600, { lastRxDirectMs: 9_600, lastRxMs: 9_600 }));
    expect(left.judge(10_699, missed(10_699), nobody).kind).toBe('fine');
    expect(left.judge(10_700, missed(10_700), nobody).kind).toBe('dead');
  });

  it('has the time of four round trips and more where they vary', () => {
    const { life } = silent();
    const varies = path({ rttMs: 1_000, rttVarMs: 300 });
    expect(life.judge(12_199, varies, nobody).kind).toBe('fine');
    expect(life.judge(14_399, varies, nobody).kind).toBe('suspect');
    expect(life.judge(14_400, varies, nobody).kind).toBe('dead');
  });

  it('is left as soon as it is suspected when another one answers', () => {
    const { life } = silent();
    expect(life.judge(10_999, path(), () => 'spare').kind).toBe('fine');
    expect(life.judge(11_000, path(), () => 'spare')).toEqual({
      kind: 'dead',
      why: 'silent, while spare answers',
    });
  });

  it('is forgiven by whatever comes in, and not suspected when no frame went out', () => {
    const { life, look } = silent();
    life.look(11_500, look(11_500, { lastRxDirectMs: 10_400, lastRxMs: 10_400 }));
    expect(life.judge(11_500, path(), nobody).kind).toBe('fine');
    const idle = new PathLiveness();
    idle.look(11_500, rig().look(11_500));
    expect(idle.judge(99_000, path({ lastPingAt: 98_900 }), nobody).kind).toBe('fine');
  });

  it('is dead when the fifth ping in a row would be due, in use or spare', () => {
    const life = new PathLiveness();
    const missed = path({ missed: 4, lastPingAt: 20_000 });
    expect(life.judge(20_499, missed, nobody).kind).toBe('fine');
    expect(life.judge(20_500, missed, nobody)).toEqual({ kind: 'dead', why: '4 pings went unanswered' });
    expect([spares.dead(20_499, missed), spares.dead(20_500, missed)]).toEqual([false, true]);
    expect(life.judge(30_000, path({ missed: 3, lastPingAt: 20_000 }), nobody).kind).toBe('fine');
  });

  it('is pinged every 10 s, in use every 3 s, fallen quiet every second, missed after half a second', () => {
    const life = new PathLiveness();
    expect(life.pingAt(path())).toBe(19_500);
    const { look } = rig();
    const used = (now: number, rx: number, tx: number): void => {
      life.look(now, look(now, { lastRxDirectMs: rx - 1_000, txDirect: tx, rxDirect: tx }));
    };
    used(12_000, 12_000, 1);
    expect(life.pingAt(path())).toBe(12_500);
    expect(life.pingAt(path({ lastPingAt: 11_000 }))).toBe(13_000);
    expect(life.pingAt(path({ missed: 1 }))).toBe(10_000);
    expect(life.pingAt(path({ missed: 1, rttMs: 900 }))).toBe(11_300);
    // Use ends 5 s after the last frame: what would be due then is not.
    expect(life.pingAt(path({ lastPingAt: 16_500 }))).toBe(26_500);
  });

  it('eats nothing where the peer was held up, and answers several pings with one count', () => {
    const { look } = rig();
    const life = new PathLiveness();
    life.look(1_000, look(1_000, { txDirect: 60 }));
    expect([10, 35, 60].map((sent) => life.eaten(sent, 60))).toEqual([0, 0, 0]);
    life.look(2_000, look(2_000, { txDirect: 80 }));
    expect(life.eaten(80, 60)).toBe(20);
  });

  it('eats payload when the count of the peer stands still over 20 frames', () => {
    const life = new PathLiveness();
    expect(life.eaten(100, 50)).toBe(0);
    expect(life.eaten(119, 50)).toBe(0);
    expect(life.eaten(120, 50)).toBe(20);
    expect(life.eaten(500, 51)).toBe(0);
    life.changed();
    expect(life.eaten(900, 51)).toBe(0);
  });
});

describe('a link', () => {
  const beat = 2_000;

  it('is asked, suspected and dead as a beat gets later', () => {
    const life = new LinkLiveness(0);
    expect(life.dueAt(1_000, beat, 1_000)).toBe(2_401);
    expect(life.judge(12_400, beat, 2_400, 0)).toBe('alive');
    expect(life.judge(12_401, beat, 2_401, 0)).toBe('ask');
    expect(life.judge(12_600, beat, 2_600, 0)).toBe('alive');
    expect(life.suspect).toBe(false);
    expect(life.judge(13_101, beat, 3_101, 0)).toBe('ask');
    expect(life.suspect).toBe(true);
    expect(life.judge(15_400, beat, 5_400, 0)).toBe('ask');
    expect(life.judge(15_401, beat, 5_401, 0)).toBe('dead');
  });

  it('is judged sooner when packets go out unanswered', () => {
    const life = new LinkLiveness(0);
    expect(life.judge(10_000, beat, 1_000, 600)).toBe('alive');
    expect(life.judge(10_001, beat, 1_000, 601)).toBe('ask');
    expect(life.judge(10_499, beat, 1_100, 1_101)).toBe('alive');
    expect(life.suspect).toBe(false);
    expect(life.judge(10_501, beat, 1_101, 1_101)).toBe('ask');
    expect(life.suspect).toBe(true);
    expect(life.judge(14_000, 60_000, 4_001, 4_001)).toBe('dead');
  });

  it('has 1.6 s to show that it lives when the rendezvous says that it went', () => {
    const life = new LinkLiveness(0);
    life.doubt(10_000);
    expect(life.judge(10_000, beat, 500, 0)).toBe('alive');
    expect(life.judge(10_100, beat, 600, 0)).toBe('ask');
    expect(life.judge(11_601, beat, 2_101, 0)).toBe('dead');
    // Something came after the doubt.
    expect(life.judge(11_602, beat, 100, 0)).toBe('alive');
    expect(life.judge(13_000, beat, 1_498, 0)).toBe('alive');
  });

  it('begins anew when it comes up', () => {
    const life = new LinkLiveness(0);
    life.judge(13_200, beat, 3_200, 0);
    life.came(13_300);
    expect(life.suspect).toBe(false);
    expect(life.judge(15_600, beat, 60_000, 60_000)).toBe('ask');
    expect(life.judge(13_400, beat, 60_000, 60_000)).toBe('alive');
  });
});

describe('a session', () => {
  it('is renewed after 15 s and lost after 35 s without a word; new keys have a right to their time', () => {
    const { traffic, look } = rig();
    const life = new SessionLiveness();
    look(10_000, { lastRxMs: 9_000 });
    expect(life.dueAt(traffic, false)).toBe(25_000);
    expect([24_999, 25_000].map((now) => life.judge(now, traffic))).toEqual(['fine', 'renew']);
    expect(life.dueAt(traffic, false)).toBe(45_000);
    expect([44_999, 45_000].map((now) => life.judge(now, traffic))).toEqual(['renew', 'lost']);
    life.established(45_000);
    expect(life.judge(45_000, traffic)).toBe('fine');
  });

  it('behind a relay: silent after 1.5 s of unanswered frames, to be renewed after 3 s, while frames go out', () => {
    const { traffic, look } = rig();
    const life = new SessionLiveness();
    look(10_000, { lastRxMs: 9_000 });
    let frames = 0;
    const verdicts = new Map<number, string>();
    for (let now = 20_000; now <= 23_250; now += 250) {
      frames++;
      look(now, { txFrames: frames, txRelayed: frames, lastTxMs: now - 1_000 });
      verdicts.set(now, life.judgeRelayed(now, traffic, true, 0));
    }
    const told = [...verdicts].filter(([, verdict]) => verdict !== 'fine');
    expect(told).toEqual([
      [21_500, 'silent'],
      [23_000, 'renew'],
    ]);
    // No more frames, no more verdicts; and none about a direct path.
    look(26_000);
    expect(life.judgeRelayed(26_000, traffic, true, 0)).toBe('fine');
    look(27_000, { txFrames: 99, txRelayed: 99 });
    expect(life.judgeRelayed(27_000, traffic, false, 0)).toBe('fine');
  });

  it('behind a relay: quiet each second for 5 s after use, and then at rest', () => {
    const { traffic, look } = rig();
    const life = new SessionLiveness();
    const quiet: number[] = [];
    look(10_000, { lastRxMs: 9_000, rxFrames: 1 });
    for (let now = 10_000; now < 20_000; now += 250) {
      look(now);
      if (life.judgeRelayed(now, traffic, true, 0) === 'quiet') quiet.push(now);
      if (now > 15_000) expect(life.dueAt(traffic, true)).toBe(25_000);
    }
    expect(quiet).toEqual([11_000, 12_000, 13_000, 14_000]);
    // Beats and heartbeats are not use.
    look(20_000, { lastRxMs: 19_000 });
    look(21_500);
    expect(life.judgeRelayed(21_500, traffic, true, 0)).toBe('fine');
  });
});

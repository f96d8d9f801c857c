/** A peer against its other side: sessions, paths and keys are real, the net is in memory. */
import { describe, expect, it } from 'vitest';
import { peerPair, type Pace, type PeerPair, type Told } from '../../support/peer-pair.js';

/** Runs `ms`, calling `each` every `stepMs`. */
async function during(pair: PeerPair, ms: number, stepMs: number, each: () => void): Promise<void> {
  for (let t = 0; t < ms; t += stepMs) {
    each();
    await pair.run(stepMs);
  }
}

const names = (told: readonly Told[]): string[] => told.map(({ what }) => what);

/** Both sides connected, by a direct path. */
async function connectedPair(pace: Pace = 'every'): Promise<PeerPair> {
  const pair = await peerPair({ pace });
  pair.a.peer.connect(pair.clock.now());
  await pair.run(2_000);
  expect(pair.a.peer.prober.active?.kind).toBe('direct');
  expect(pair.b.peer.prober.active?.kind).toBe('direct');
  return pair;
}

describe('a peer', () => {
  it('tells once that it is connected, by the relay, and then that its path is direct', async () => {
    const { a, b } = await connectedPair();
    const direct = (host: string): string => `path ${host}:5000`;
    expect(names(a.told)).toEqual(['path ws://192.0.2.100:80', 'connected', direct('192.0.2.2')]);
    expect(names(b.told)).toEqual(['path ws://192.0.2.100:80', 'connected', direct('192.0.2.1')]);
    expect(a.peer.state).toBe('connected');
  });

  it('tells that it is connected when the first path comes after the session', async () => {
    const pair = await peerPair();
    const { a, b, clock } = pair;
    a.peer.connect(clock.now());
    // The answer is under way when the relay goes; nothing direct gets through.
    pair.net.route = () => null;
    await pair.run(30);
    pair.setRelay(false);
    await pair.run(3_000);
    expect([a.peer.session.established, a.peer.state]).toEqual([true, 'connecting']);
    expect(names(a.told)).not.toContain('connected');
    pair.setRelay(true);
    await pair.run(6_000);
    expect(names(a.told)).toContain('connected');
    expect(names(b.told).filter((what) => what === 'connected')).toHaveLength(1);
  });

  it('carries frames, and says since when they go unanswered', async () => {
    const pair = await connectedPair();
    const { a, b, clock } = pair;
    a.transmit(7);
    await pair.run(100);
    expect(b.frames[0]?.[50]).toBe(7);
    b.transmit();
    await pair.run(50);
    expect(a.peer.waitingMs(clock.now())).toBe(0);
    expect(a.peer.silenceMs).toBeLessThan(100);
    pair.net.route = () => null;
    await during(pair, 800, 100, () => {
      a.transmit();
    });
    expect(a.peer.waitingMs(clock.now())).toBeGreaterThan(600);
    expect(a.peer.silenceMs).toBeGreaterThan(700);
  });

  it('goes on over the relay 2 to 3 s after its path died under traffic', async () => {
    const pair = await connectedPair();
    const { a, b, clock } = pair;
    const talk = (): void => {
      a.transmit();
      b.transmit();
    };
    await during(pair, 2_000, 100, talk);
    pair.net.route = () => null;
    const died = clock.now();
    a.told.length = 0;
    await during(pair, 5_000, 100, talk);
    const moved = a.told.find(({ what }) => what.startsWith('path ws:'));
    expect((moved?.at ?? 0) - died).toBeGreaterThan(1_900);
    expect((moved?.at ?? 0) - died).toBeLessThan(3_000);
    expect(names(a.told)).not.toContain('disconnected');
    const before = b.frames.length;
    await during(pair, 1_000, 100, talk);
    expect(b.frames.length - before).toBeGreaterThan(8);
  });

  it('asks the relay when frames go out by it and nothing comes back, and does not for the first one', async () => {
    const pair = await peerPair();
    const { a, b, clock } = pair;
    pair.net.route = () => null;
    a.peer.connect(clock.now());
    await pair.run(8_500);
    expect(a.peer.prober.active?.kind).toBe('relay');
    a.told.length = 0;
    a.transmit();
    await pair.run(300);
    expect(names(a.told)).not.toContain('relay silent');
    await b.plane.stop();
    await during(pair, 3_000, 100, () => {
      a.transmit();
    });
    expect(names(a.told)).toContain('relay silent');
  });

  it('has UDP to the relay tried when a relayed peer falls quiet after use, and not in peace', async () => {
    const pair = await peerPair();
    const { a, b, clock } = pair;
    pair.net.route = () => null;
    a.peer.connect(clock.now());
    await pair.run(30_000);
    expect(names(a.told)).not.toContain('check relays');
    a.transmit();
    b.transmit();
    await pair.run(10_000);
    const checks = names(a.told).filter((what) => what === 'check relays');
    expect(checks.length).toBeGreaterThanOrEqual(3);
    expect(checks.length).toBeLessThanOrEqual(5);
  });

  it('is renewed after 15 s of silence, lost after 35 s, and comes back', async () => {
    const pair = await connectedPair();
    const { a, clock } = pair;
    // Nothing is heard from the moment on when the last packet under way has come.
    await pair.run(5_000);
    pair.net.route = () => null;
    pair.relay = false;
    const cut = clock.now() - a.peer.silenceMs;
    a.told.length = a.handshakes.length = 0;
    await pair.run(14_900 - (clock.now() - cut));
    expect(a.handshakes).toEqual([]);
    await pair.run(200);
    // No relay, and the direct path was left: it is sought where it was remembered.
    expect(a.handshakes.length).toBeGreaterThan(0);
    await pair.run(34_900 - (clock.now() - cut));
    expect(names(a.told)).not.toContain('disconnected');
    await pair.run(200);
    expect(names(a.told)).toContain('disconnected');
    expect(a.peer.state).toBe('connecting');
    await pair.run(15_000);
    expect(a.peer.state).toBe('unreachable');
    pair.net.route = (from, to) => ({ from, to });
    pair.setRelay(true);
    await pair.run(20_000);
    expect(a.peer.state).toBe('connected');
  });

  it('says goodbye, and both sides are idle', async () => {
    const pair = await connectedPair();
    pair.a.peer.disconnect('nobody needs it');
    await pair.run(100);
    expect([pair.a.peer.state, pair.b.peer.state]).toEqual(['idle', 'idle']);
    expect(names(pair.b.told).at(-1)).toBe('disconnected');
    expect(pair.a.peer.why.entries.map(({ detail }) => detail)).toContain('nobody needs it');
  });

  it('takes four offers at once, and more as time goes by', async () => {
    const pair = await connectedPair();
    const { a, b } = pair;
    const offers = (): number => b.peer.why.entries.filter(({ event }) => event === 'offer').length;
    await pair.run(5_000);
    const before = offers();
    for (let i = 0; i < 12; i++) a.peer.offer(pair.clock.now());
    await pair.run(100);
    expect(offers() - before).toBe(4);
    // What was refused is the last one too, which is repeated until it is taken.
    await pair.run(1_500);
    expect(offers() - before).toBe(5);
  });
});

/** What happens to two peers in ten minutes, and what they make of it. */
async function story(pace: Pace): Promise<{ pair: PeerPair; idleTicks: number; passed: number }> {
  const pair = await peerPair({ pace });
  const { a, b, net, clock } = pair;
  const begun = clock.now();
  /** Datagrams are lost in these windows, ms from the beginning; longer than `longest` anywhere in a lossy time. */
  const dead: [number, number][] = [
    [30_000, 45_000],
    [195_000, 300_000],
    [400_000, 460_000],
  ];
  const lossy: [number, number] = [10_000, 28_000];
  let longest = Infinity;
  const inside = ([from, to]: [number, number], at: number): boolean => at >= from && at < to;
  net.route = (from, to, bytes) => {
    const at = clock.now() - begun;
    if (dead.some((window) => inside(window, at))) return null;
    // Every second a gap of 300 ms.
    if (inside(lossy, at) && at % 1_000 < 300) return null;
    return bytes.length > longest ? null : { from, to };
  };
  const both = (): void => {
    a.transmit();
    b.transmit();
  };
  const until = async (at: number): Promise<void> => {
    await pair.run(Math.max(0, begun + at - clock.now()));
  };
  a.peer.connect(clock.now());
  await until(5_000);
  await during(pair, 20_000, 90, both); // through the lossy time
  await until(29_000);
  await during(pair, 10_000, 100, both); // the path dies under traffic
  await until(60_000);
  await until(120_000); // it is found again, a minute later
  a.transmit(); // a single frame that needs no answer
  await until(130_000);
  await during(pair, 5_000, 100, () => {
    a.transmit(); // one-way
  });
  await until(150_000);
  const before = a.ticks;
  await until(185_000); // nothing at all
  const idleTicks = a.ticks - before;
  await until(230_000); // the path dies in peace
  await during(pair, 3_000, 100, both);
  await until(390_000);
  pair.relay = false;
  await until(405_000);
  await until(470_000); // everything is dead, then the net heals
  pair.setRelay(true);
  await until(500_000);
  longest = 500; // the path loses its MTU in use
  await during(pair, 20_000, 100, both);
  await until(600_000);
  return { pair, idleTicks, passed: a.frames.length + b.frames.length };
}

/** The same things in the same order, each within `ms`; kinds in `loose` may come more or less often. */
function compare(left: readonly Told[], right: readonly Told[], ms: number): void {
  expect(names(right)).toEqual(names(left));
  left.forEach(({ at, what }, i) => {
    expect(Math.abs(at - (right[i] as Told).at), `${what} at ${at}`).toBeLessThanOrEqual(ms);
  });
}

describe('a peer that ticks only when it is due', () => {
  it('pings its candidates in a burst though nobody stirs', async () => {
    const pair = await peerPair({ pace: 'due' });
    const { a, b, clock, net } = pair;
    net.route = () => null;
    a.peer.connect(clock.now());
    await pair.run(1_300);
    expect(a.peer.prober.active?.kind).toBe('relay');
    net.route = (from, to) => ({ from, to });
    // The next pings of the burst are due 1.7 s after its beginning.
    await pair.run(700);
    expect([a, b].map(({ peer }) => peer.prober.active?.kind)).toEqual(['direct', 'direct']);
  });

  it('comes to the same as one that ticks every 50 ms', async () => {
    const every = await story('every');
    const due = await story('due');
    for (const side of ['a', 'b'] as const) {
      // Asking the relays costs nothing, and how often that is done is told below.
      const verdicts = (told: readonly Told[]): Told[] =>
        told.filter(({ what }) => what !== 'check relays' && what !== 'relay silent');
      const [left, right] = [every.pair[side], due.pair[side]];
      expect(verdicts(left.told).length).toBeGreaterThan(8);
      compare(verdicts(left.told), verdicts(right.told), 700);
      const asked = (told: readonly Told[]): number => told.length - verdicts(told).length;
      expect(Math.abs(asked(right.told) - asked(left.told))).toBeLessThanOrEqual(6);
    }
    expect(Math.abs(due.passed - every.passed)).toBeLessThan(0.02 * every.passed);
    // In 35 s of peace: heartbeats, offers and their like. Its other would have looked 700 times.
    expect(every.idleTicks).toBeGreaterThan(600);
    expect(due.idleTicks).toBeLessThan(20);
    expect(due.pair.a.ticks).toBeLessThan(every.pair.a.ticks / 8);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/core/lib/endpoint.js';
import { RelayLink } from '../../../src/core/relays/relay-link.js';
import { encodeBound, encodeUnbound, peekAssociation, verifyBind } from '../../../src/core/wire/relay.js';

const relay = { host: '192.0.2.1', port: 3478 };
const observed = { host: '198.51.100.7', port: 40_000 };
const key = new Uint8Array(32).fill(3);

function rig() {
  const binds: Uint8Array[] = [];
  /** Where each went. */
  const asked: Endpoint[] = [];
  const routes: unknown[] = [];
  const seen: unknown[] = [];
  const heard = { at: -Infinity };
  const link = new RelayLink({
    heardAt: () => heard.at,
    sendBind: (packet, endpoint) => {
      binds.push(packet);
      asked.push(endpoint);
    },
    route: (route) => routes.push(route),
    reflexive: (_server, at) => seen.push(at),
  });
  const answer = (now: number, which = -1): boolean => {
    const { association, counter } = peekAssociation(binds.at(which) as Uint8Array) as {
      association: number;
      counter: number;
    };
    return link.receive(now, encodeBound(association, counter, observed, key), asked.at(which) as Endpoint);
  };
  return { link, binds, asked, routes, seen, answer, heard };
}

/** Binds go unanswered until it says so. */
function dieOf(link: RelayLink): void {
  for (let now = 10; now < 30_000; now += 50) link.tick(now);
  expect(link.blocked).toBe(true);
}

describe('relay link', () => {
  it('binds at once, and a bound answer opens the UDP route and tells our reflexive address', () => {
    const { link, binds, routes, seen, answer } = rig();
    link.up(1_000, 5_000_000, relay, 42, key);
    expect(binds).toHaveLength(1);
    expect(verifyBind(binds[0] as Uint8Array, key)).toBe(true);
    expect(link.settling).toBe(true);
    expect(answer(1_020)).toBe(true);
    expect(link.bound).toBe(true);
    expect(link.rttMs).toBe(20);
    expect(routes).toEqual([{ endpoint: relay, association: 42 }]);
    expect(seen).toEqual([observed]);
  });

  it('says blocked after unanswered binds, and recovers when the firewall opens', () => {
    const { link, routes, answer } = rig();
    link.up(0, 1, relay, 42, key);
    for (let now = 0; now <= 3_000; now += 50) link.tick(now);
    expect(link.blocked).toBe(true);
    expect(routes).toEqual([]);
    link.tick(20_000);
    answer(20_010);
    expect(link.bound).toBe(true);
  });

  it('asks a dead one soon again, since the line may have been out for a moment, and then ever more seldom', () => {
    const { link, binds } = rig();
    link.up(0, 1, relay, 42, key);
    const at: number[] = [];
    for (let now = 50; now <= 120_000; now += 50) {
      const before = binds.length;
      link.tick(now);
      if (binds.length > before && link.blocked) at.push(now);
    }
    const pauses = at.slice(1).map((now, i) => now - (at[i] as number));
    expect(pauses.slice(0, 6)).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  it('is not dead by time in which we were late ourselves: the answer may wait for us', () => {
    const { link, routes, answer } = rig();
    link.up(0, 1, relay, 42, key);
    answer(10);
    // The process stood still just after it asked.
    link.tick(link.dueAt);
    const stoodUntil = link.dueAt + 3_000;
    link.tick(stoodUntil);
    expect(link.bound).toBe(true);
    expect(answer(stoodUntil + 20)).toBe(true);
    // And when nothing comes, it has as long as ever.
    link.tick(link.dueAt);
    const askedAt = link.dueAt;
    link.tick(askedAt + 3_000);
    for (let now = askedAt + 3_000; now < askedAt + 3_900; now += 50) link.tick(now);
    expect(link.bound).toBe(true);
    for (let now = askedAt + 3_900; now < askedAt + 4_400; now += 50) link.tick(now);
    expect(link.bound).toBe(false);
    expect(routes.at(-1)).toBeNull();
  });

  it('closes the route when keepalives stop being answered', () => {
    const { link, routes, answer } = rig();
    link.up(0, 1, relay, 42, key);
    answer(10);
    for (let now = 10; now <= 20_000; now += 50) link.tick(now);
    expect(link.bound).toBe(false);
    expect(routes.at(-1)).toBeNull();
  });

  it('learns how long an answer takes, also from late ones, and waits for that', () => {
    const { link, binds, routes, heard } = rig();
    const late = (i: number, now: number): boolean => {
      const { association, counter } = peekAssociation(binds[i] as Uint8Array) as {
        association: number;
        counter: number;
      };
      return link.receive(now, encodeBound(association, counter, observed, key), relay);
    };
    link.up(0, 1, relay, 42, key);
    late(0, 20);
    // A queue fills in an instant: each answer takes 1.8 s from now on.
    const answers: [number, number][] = [];
    let sent = binds.length;
    for (let now = 1_000; now < 40_000; now += 50) {
      if (now % 1_000 === 0) link.nudge(now);
      link.tick(now);
      for (; sent < binds.length; sent++) answers.push([sent, now + 1_800]);
      while (answers[0] && answers[0][1] <= now) late((answers.shift() as [number, number])[0], now);
      // Members' packets come all the while.
      heard.at = now;
      expect(link.bound).toBe(true);
    }
    expect(link.rttMs).toBeGreaterThan(1_500);
    expect(routes).toHaveLength(1);
    // The queue is empty again, and soon forgotten.
    for (let now = 40_000; now < 100_000; now += 50) {
      const before = binds.length;
      link.tick(now);
      if (binds.length > before) late(binds.length - 1, now + 20);
    }
    // Then it dies: within the time that it had at first.
    heard.at = -Infinity;
    link.nudge(101_000);
    for (let now = 101_000; now < 102_300; now += 50) link.tick(now);
    expect(link.bound).toBe(false);
  });

  it('is expected to answer once the relay is back, for 800 ms, where it did before', () => {
    const { link, routes, answer } = rig();
    link.up(0, 1, relay, 42, key);
    expect(link.expected).toBe(false);
    answer(10);
    link.down();
    expect([link.expected, link.dueAt]).toEqual([true, Infinity]);
    link.up(3_000, 2, relay, 43, key);
    expect(link.expected).toBe(true);
    answer(3_010);
    expect([link.expected, link.bound]).toEqual([false, true]);
    link.down();
    link.up(6_000, 3, relay, 44, key);
    const told = routes.length;
    for (let now = 6_000; now < 6_800; now += 10) link.tick(now);
    expect([link.expected, routes.length]).toEqual([true, told]);
    expect(link.dueAt).toBe(6_800);
    link.tick(6_800);
    expect([link.expected, link.settling, routes.length]).toEqual([false, true, told + 1]);
    expect(routes.at(-1)).toBeNull();
  });

  it.each([
    ['it was never answered', relay, () => undefined],
    ['it was dead before the relay went', relay, (link: RelayLink) => dieOf(link)],
    ['the relay has another address', { ...relay, port: 3479 }, () => undefined],
    ['the relay names no address', undefined, () => undefined],
    ['it is bound still', relay, () => undefined],
  ])('is not expected to answer where %s', (why, endpoint, before) => {
    const { link, answer } = rig();
    link.up(0, 1, relay, 42, key);
    if (why !== 'it was never answered') answer(10);
    before(link);
    if (why !== 'it is bound still') link.down();
    link.up(50_000, 2, endpoint, 43, key);
    expect(link.expected).toBe(false);
  });

  it.each([
    ['nothing comes through it', () => -Infinity, 1_250],
    ['the last packet came through it a second later', () => 2_000, 3_500],
    ['packets come through it for ever', (now: number) => now, 6_000],
  ])('is dead in the end when no bind is answered and %s', (_name, heardAt, afterMs) => {
    const { link, heard, answer } = rig();
    link.up(0, 1, relay, 42, key);
    answer(10);
    link.nudge(1_000);
    let dead = 0;
    for (let now = 1_000; now < 10_000 && dead === 0; now += 10) {
      heard.at = now >= 2_000 ? heardAt(now) : heardAt(0);
      link.tick(now);
      if (!link.bound) dead = now;
    }
    expect(dead).toBe(1_000 + afterMs);
  });

  it('waits for a relay that another process goes on for, and not for ever', () => {
    const { link, answer } = rig();
    link.up(0, 1, relay, 42, key);
    answer(10);
    link.patient(20_000);
    let dead = 0;
    for (let now = 10; now < 30_000 && dead === 0; now += 10) {
      link.tick(now);
      if (!link.bound) dead = now;
    }
    expect(dead).toBeGreaterThanOrEqual(20_000);
    expect(dead).toBeLessThan(20_300);
  });

  it('takes no answer twice, and none to a bind of long ago', () => {
    const { link, binds } = rig();
    link.up(0, 1, relay, 42, key);
    const { counter } = peekAssociation(binds[0] as Uint8Array) as { counter: number };
    const bound = encodeBound(42, counter, observed, key);
    expect(link.receive(10, bound, relay)).toBe(true);
    expect(link.receive(20, bound, relay)).toBe(false);
  });

  it('binds again at an unbound hint, but not more often than every 250 ms', () => {
    const { link, binds, answer } = rig();
    link.up(0, 1, relay, 42, key);
    answer(10);
    for (let now = 1_000; now < 1_500; now += 10) link.receive(now, encodeUnbound(42), relay);
    expect(binds.length).toBeGreaterThanOrEqual(2);
    expect(binds.length).toBeLessThanOrEqual(4);
  });

  it('ignores answers from elsewhere, of another association, and forged ones', () => {
    const { link } = rig();
    link.up(0, 1, relay, 42, key);
    expect(link.receive(5, encodeBound(42, 2, observed, key), { host: '203.0.113.9', port: 3478 })).toBe(
      false,
    );
    expect(link.receive(5, encodeBound(41, 2, observed, key), relay)).toBe(false);
    expect(link.receive(5, encodeBound(42, 2, observed, new Uint8Array(32)), relay)).toBe(false);
    expect(link.receive(5, encodeBound(42, 999, observed, key), relay)).toBe(false);
    expect(link.bound).toBe(false);
  });
});

describe('relay link to a name of several addresses', () => {
  const other = { host: '2001:db8::1', port: 3478 };

  it('asks the next where the one that TCP took does not answer, and stays there when TCP takes that', () => {
    const { link, asked, routes, answer } = rig();
    link.up(0, 1, relay, 42, key);
    link.known([other, relay]);
    for (let now = 0; now <= 800; now += 50) link.tick(now);
    expect(asked).toEqual([relay, relay, relay, other]);
    answer(820);
    expect(routes).toEqual([{ endpoint: other, association: 42 }]);
    link.up(5_000, 2, other, 43, key);
    link.up(6_000, 3, relay, 44, key);
    answer(6_010);
    expect(asked.slice(4)).toEqual([other, other]);
    expect(routes.slice(1)).toEqual([{ endpoint: other, association: 44 }]);
  });

  it('takes the answer of the one before, which was late, and asks there again at once', () => {
    const { link, asked, routes, answer } = rig();
    link.up(0, 1, relay, 42, key);
    link.known([other]);
    for (let now = 0; now <= 800; now += 50) link.tick(now);
    expect(asked.at(-1)).toEqual(other);
    expect(answer(840, 0)).toBe(true);
    expect(routes).toEqual([{ endpoint: relay, association: 42 }]);
    link.tick(850);
    expect(asked.at(-1)).toEqual(relay);
    // By the other one it is asked for no more.
    expect(answer(860, 3)).toBe(false);
  });

  it('is blocked where none answers, and asks all of them then, now and then', () => {
    const { link, asked, answer } = rig();
    link.up(0, 1, relay, 42, key);
    link.known([other]);
    for (let now = 0; now < 14_000; now += 50) link.tick(now);
    expect(link.blocked).toBe(true);
    const before = asked.length;
    for (let now = 14_000; now < 29_000; now += 50) link.tick(now);
    expect(asked.slice(before).sort((a, b) => a.host.localeCompare(b.host))).toEqual([relay, other]);
    link.nudge(29_500);
    link.tick(29_750);
    expect(new Set(asked.slice(-2))).toEqual(new Set([relay, other]));
    answer(29_760);
    expect(link.bound).toBe(true);
  });

  it('goes on where the process before was, though TCP takes another', () => {
    const { link, asked, answer } = rig();
    link.adopt(0, { endpoint: other, association: 42, key, counter: 5, rttMs: 20, rttVarMs: 5 });
    link.up(100, 6, relay, 43, key);
    answer(120);
    expect([link.bound, link.endpoint]).toEqual([true, other]);
    expect(asked).toEqual([other]);
  });
});

/** Everything here happens at multiples of this, so that polling can be exact, ms. */
const gridMs = 50;

interface Script {
  /** Steps of the grid at which each thing happens. */
  readonly ups: readonly number[];
  readonly downs: readonly number[];
  readonly nudges: readonly number[];
  readonly hints: readonly number[];
  /** Steps until each bind in turn is answered; null: it is lost. Used over and over. */
  readonly answers: readonly (number | null)[];
}

/** What a link does with a script, step by step, and how often it was ticked. */
function play(script: Script, when: 'always' | 'due'): { log: unknown[]; ticks: number } {
  const log: unknown[] = [];
  const answers = new Map<number, Uint8Array[]>();
  let now = 0;
  let sent = 0;
  let ticks = 0;
  const link = new RelayLink({
    heardAt: () => -Infinity,
    sendBind: (packet) => {
      const head = peekAssociation(packet) as { association: number; counter: number };
      log.push([now, 'bind', head.counter]);
      const after = script.answers[sent++ % script.answers.length] ?? null;
      if (after === null) return;
      const bound = encodeBound(head.association, head.counter, observed, key);
      const at = now / gridMs + after;
      answers.set(at, [...(answers.get(at) ?? []), bound]);
    },
    route: (route) => log.push([now, 'route', route !== null]),
    reflexive: () => log.push([now, 'reflexive']),
  });
  for (let step = 0; step < 2_000; step++) {
    now = step * gridMs;
    if (script.downs.includes(step)) link.down();
    if (script.ups.includes(step)) link.up(now, 1, relay, 42, key);
    if (script.nudges.includes(step)) link.nudge(now);
    if (script.hints.includes(step)) link.receive(now, encodeUnbound(42), relay);
    for (const answer of answers.get(step) ?? []) link.receive(now, answer, relay);
    if (when === 'always' || now >= link.dueAt) {
      ticks++;
      link.tick(now);
    }
    log.push([link.bound, link.blocked, link.settling, link.expected, link.rttMs]);
  }
  return { log, ticks };
}

describe('dueAt of a relay link', () => {
  const steps = fc.array(fc.nat(1_999), { maxLength: 4 });
  const scripts = fc.record({
    ups: fc.array(fc.nat(200), { minLength: 1, maxLength: 3 }),
    downs: steps,
    nudges: steps,
    hints: steps,
    answers: fc.array(fc.option(fc.integer({ min: 1, max: 8 }), { freq: 2 }), {
      minLength: 1,
      maxLength: 12,
    }),
  });

  it('does not change what happens: ticked only then, a link does what one does that is polled', () => {
    fc.assert(
      fc.property(scripts, (script) => {
        expect(play(script, 'due').log).toEqual(play(script, 'always').log);
      }),
      { numRuns: 60 },
    );
  });

  it('is far away when all is well, and never without an association', () => {
    const quiet = play({ ups: [0], downs: [], nudges: [], hints: [], answers: [1] }, 'due');
    expect(quiet.ticks).toBeLessThanOrEqual(7); // 100 s with a keepalive every 15 s
    const { link, answer } = rig();
    expect(link.dueAt).toBe(Infinity);
    link.up(1_000, 1, relay, 42, key);
    expect(link.dueAt).toBe(1_250);
    answer(1_020);
    expect(link.dueAt).toBe(16_020);
    link.down();
    expect(link.dueAt).toBe(Infinity);
  });
});

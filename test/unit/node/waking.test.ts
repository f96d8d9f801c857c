/** A machine that sleeps: its timers fire when it wakes, what came meanwhile waits in its socket, and its peer has given it up. */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/lib/env.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { selfOf } from '../../../src/core/membership/self.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { MemoryNet, type Routed } from '../../support/memory-net.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, frameOf } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

/** The calendar goes on while the machine sleeps; its clock does where it was stopped (SIGSTOP), and does not where it was suspended. */
class SleepyClock implements Clock {
  readonly #clock: VirtualClock;
  #held: (() => void)[] = [];
  #asleepAt: number | undefined;
  #stoodMs = 0;
  #forwardMs = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get asleep(): boolean {
    return this.#asleepAt !== undefined;
  }

  now(): number {
    return this.#clock.now() - this.#stoodMs;
  }

  date(): number {
    return this.#clock.date() + this.#forwardMs;
  }

  putForward(ms: number): void {
    this.#forwardMs += ms;
  }

  after(ms: number, fire: () => void): () => void {
    let cancelled = false;
    const due = (): void => {
      if (cancelled) return;
      if (this.asleep) this.#held.push(due);
      else fire();
    };
    const cancel = this.#clock.after(ms, due);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  sleep(): void {
    this.#asleepAt = this.#clock.now();
  }

  wake(suspended: boolean): void {
    if (suspended) this.#stoodMs += this.#clock.now() - (this.#asleepAt ?? this.#clock.now());
    this.#asleepAt = undefined;
    for (const fire of this.#held.splice(0)) fire();
  }
}

/** Two members that reach each other directly and have no relay; the first one sleeps. */
async function sleeper() {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const [pa, pb] = memberProfiles(2, clock) as [Profile, Profile];
  const sleepy = new SleepyClock(clock);
  const env = { clock: sleepy, random: new SeededRandom(11), log: silentLogger };
  const a = boxOf({
    ...{ net, clock, profile: pa, host: '192.0.2.1', seed: 11, options: { env } },
    state: { members: [pb.credential], endpoints: { [selfOf(pb).idText]: ['192.0.2.2:5000'] } },
  });
  const b = boxOf({
    ...{ net, clock, profile: pb, host: '192.0.2.2', seed: 12 },
    state: { members: [pa.credential], endpoints: { [selfOf(pa).idText]: ['192.0.2.1:5000'] } },
  });
  const held: { routed: Routed; bytes: Uint8Array }[] = [];
  net.route = (from, to, bytes) => {
    if (from.host === a.host && sleepy.asleep) return null;
    if (to.host !== a.host || !sleepy.asleep) return { from, to };
    held.push({ routed: { from, to }, bytes: bytes.slice() });
    return null;
  };
  await a.engine.start();
  await b.engine.start();
  await clock.run(8_000);
  const connected = (): boolean => a.engine.peers()[0]?.path?.kind === 'direct';
  expect(connected()).toBe(true);

  /**
   * Sleeps, calling `talk` again and again from its beginning on until `there`. How long that took from waking on, ms.
   *
   * @param buffered what waited in the socket is read `first`, or after what timers do, or it was lost
   */
  const sleep = async (
    ms: number,
    way: { suspended: boolean; buffered: 'first' | 'afterwards' | 'lost' },
    talk: () => void,
    there: () => boolean,
  ): Promise<number> => {
    sleepy.sleep();
    for (let t = 0; t < ms; t += 100) {
      talk();
      await clock.run(100);
    }
    const read = (): void => {
      for (const { routed, bytes } of held.splice(0)) net.arrive(routed, bytes);
    };
    if (way.buffered === 'lost') held.length = 0;
    const woke = clock.now();
    if (way.buffered === 'first') {
      // Timers are as late as that.
      clock.after(8, () => {
        sleepy.wake(way.suspended);
      });
      read();
    } else {
      sleepy.wake(way.suspended);
      read();
    }
    a.frames.length = b.frames.length = 0;
    while (!there() && clock.now() < woke + 20_000) {
      talk();
      await clock.run(50);
    }
    return clock.now() - woke;
  };
  return { clock, a, b, sleepy, sleep, connected };
}

describe('a machine that slept for a minute', () => {
  it.each([
    ['first', 1],
    ['afterwards', 1],
    ['lost', 3],
  ] as const)(
    'is reached again within a tenth of a second, though its peer gave it up; what waited in its socket: %s',
    async (buffered, times) => {
      const { clock, a, b, sleep } = await sleeper();
      for (let i = 0; i < times; i++) {
        const took = await sleep(
          60_000 + 731 * i,
          { suspended: false, buffered },
          () => b.plane.transmit(frameOf(a, b, 1)),
          () => a.frames.length > 0,
        );
        expect(took).toBeLessThan(120);
        await clock.run(15_000);
      }
    },
    60_000,
  );

  it('reaches its peer again within a second of being noticed, where its own clock stood still', async () => {
    const { clock, a, b, sleep } = await sleeper();
    for (let i = 0; i < 3; i++) {
      const took = await sleep(
        60_000 + 731 * i,
        { suspended: true, buffered: 'lost' },
        () => a.plane.transmit(frameOf(b, a, 1)),
        () => b.frames.length > 0,
      );
      // The calendar is looked at each second.
      expect(took).toBeLessThan(1_200);
      await clock.run(15_000);
    }
  }, 60_000);

  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])(
    'stays connected, and hardly a frame is lost, where it did not sleep: the calendar was put %s',
    async (_how, ms) => {
      const { clock, a, b, sleepy, connected } = await sleeper();
      const lost = (): number =>
        [...a.events, ...b.events].filter(({ event }) => event === 'peer-lost').length;
      const before = lost();
      sleepy.putForward(ms);
      let sent = 0;
      // Beyond two times that keys are replaced.
      for (let t = 0; t < 60_000; t += 50) {
        a.plane.transmit(frameOf(b, a, 1));
        b.plane.transmit(frameOf(a, b, 1));
        sent++;
        await clock.run(50);
      }
      expect(lost()).toBe(before);
      expect(connected()).toBe(true);
      for (const { frames } of [a, b]) expect(sent - frames.length).toBeLessThan(5);
    },
    60_000,
  );
});

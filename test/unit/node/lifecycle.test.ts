/**
 * A node's life: whatever is asked of it in whatever order, nothing stays behind. Under a virtual clock, on a net in
 * memory; relays and planes are the usual ones that can also be slow, refuse, fail and die.
 */
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/core/membership/profile.js';
import type { NodeEvent } from '../../../src/core/node/events.js';
import type { PlaneListener, PlaneOptions } from '../../../src/core/dataplane/plane/plane.js';
import { silentLogger, type Clock } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { RelaySet } from '../../../src/core/relays/relay-set.js';
import { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

/** Knows which timers wait. Those of the net are not among them: packets on their way are nobody's. */
class WatchedClock implements Clock {
  readonly #clock: VirtualClock;
  pending = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  date(): number {
    return this.#clock.date();
  }

  after(ms: number, fire: () => void): () => void {
    let waits = true;
    this.pending++;
    const end = (): void => {
      if (waits) this.pending--;
      waits = false;
    };
    const cancel = this.#clock.after(ms, () => {
      end();
      fire();
    });
    return () => {
      end();
      cancel();
    };
  }
}

/** What becomes of the next start. */
interface Plan {
  /** How long the plane takes to start, and to stop. */
  startMs: number;
  stopMs: number;
  fault: 'none' | 'plane' | 'compose' | 'dies while it stops';
}

const calm: Plan = { startMs: 0, stopMs: 0, fault: 'none' };

class StagePlane extends MemoryPlane {
  readonly #stage: Stage;
  readonly #plan: Plan;
  #told: PlaneListener | undefined;

  constructor(stage: Stage, options: PlaneOptions) {
    super(options, { net: stage.net, host: '192.0.2.1' });
    this.#stage = stage;
    this.#plan = stage.plan;
  }

  override async start(listener: PlaneListener): Promise<void> {
    await this.#stage.sleep(this.#plan.startMs);
    if (this.#plan.fault === 'plane') throw new EvioError('EVIO_DEVICE', 'no interface');
    await super.start(listener);
    this.#stage.planesUp.add(this);
    this.#told = listener;
  }

  override async stop(): Promise<void> {
    if (this.#plan.fault === 'dies while it stops') this.die();
    await this.#stage.sleep(this.#plan.stopMs);
    await super.stop();
    this.#stage.planesUp.delete(this);
    if (this.#plan.fault === 'dies while it stops') throw new Error('the worker is gone');
  }

  die(): void {
    this.#told?.failed(new EvioError('EVIO_DEVICE', 'the interface was removed'));
  }
}

/** Reaches nobody, and refuses when it is told to. */
class StageRelays extends RelaySet {
  readonly #stage: Stage;
  readonly #told: ConstructorParameters<typeof RelaySet>[1];

  constructor(stage: Stage, made: ConstructorParameters<typeof RelaySet>) {
    super(...made);
    this.#stage = stage;
    this.#told = made[1];
  }

  override start(): void {
    super.start();
    this.#stage.relaysUp.add(this);
  }

  override stop(): void {
    super.stop();
    this.#stage.relaysUp.delete(this);
  }

  refuse(): void {
    this.#told.refused(new EvioError('EVIO_ADDRESS_TAKEN', 'taken'), 'address-taken');
  }
}

const profiles = memberProfiles(2, new VirtualClock()) as [Profile, Profile];

class Stage {
  readonly #clock = new VirtualClock();
  readonly watched = new WatchedClock(this.#clock);
  readonly net = new MemoryNet({ clock: this.#clock, latencyMs: 5 });
  readonly planesUp = new Set<StagePlane>();
  readonly relaysUp = new Set<StageRelays>();
  readonly addresses: number[] = [];
  readonly fatals: Error[] = [];
  readonly node: Box;
  readonly other: Box;
  plan: Plan = { ...calm };

  /** @param stopsAtFatal as an owner does: a node that cannot go on is stopped */
  constructor(seed = 1, stopsAtFatal = false) {
    const [other, profile] = profiles;
    const members = [other.credential];
    const endpoints = { [selfOf(other).idText]: ['192.0.2.2:5000'] };
    this.node = boxOf({
      net: this.net,
      clock: this.#clock,
      profile,
      host: '192.0.2.1',
      state: { members, endpoints },
      seed,
      options: {
        env: { clock: this.watched, random: new SeededRandom(seed), log: silentLogger },
        onFatal: (error) => {
          this.fatals.push(error);
          if (stopsAtFatal) void this.node.engine.stop();
        },
      },
      ports: {
        makePlane: (options) => {
          this.addresses.push(options.ip);
          return new StagePlane(this, options);
        },
        makeRelays: (...made) => {
          if (this.plan.fault === 'compose') throw new Error('a part is broken');
          return new StageRelays(this, made);
        },
      },
    });
    const state = { members: [profile.credential] };
    this.other = boxOf({ net: this.net, clock: this.#clock, profile: other, host: '192.0.2.2', state, seed });
  }

  get engine(): Box['engine'] {
    return this.node.engine;
  }

  get events(): NodeEvent['event'][] {
    return this.node.events.map(({ event }) => event);
  }

  /** Of the life, without what happened in it. */
  get told(): NodeEvent['event'][] {
    return this.events.filter((event) => event === 'started' || event === 'ready' || event === 'stopped');
  }

  sleep(ms: number): Promise<void> {
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => this.#clock.after(ms, resolve));
  }

  /** Lets time pass, and every promise settle that can. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left >= 0; left -= 20) {
      this.#clock.advance(Math.min(20, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Waits for promises in virtual time. */
  async settle<T>(...asked: Promise<T>[]): Promise<PromiseSettledResult<T>[]> {
    let done = false;
    const all = Promise.allSettled(asked).finally(() => (done = true));
    for (let turn = 0; !done && turn < 1_000; turn++) await this.pass(20);
    expect(done).toBe(true);
    return all;
  }

  expectNothingLeft(): void {
    expect({
      planes: this.planesUp.size,
      relays: this.relaysUp.size,
      sockets: this.net.openSockets,
      timers: this.watched.pending,
    }).toEqual({ planes: 0, relays: 0, sockets: 0, timers: 0 });
    expect(() => this.engine.status()).toThrow(
      expect.objectContaining({ code: 'EVIO_NOT_RUNNING' }) as Error,
    );
  }
}

const codes = (results: PromiseSettledResult<unknown>[]): string[] =>
  results.map((result) =>
    result.status === 'fulfilled'
      ? 'ok'
      : result.reason instanceof EvioError
        ? result.reason.code
        : (result.reason as Error).message,
  );

describe("a node's life", () => {
  it('leaves nothing behind after it ran with a peer, and tells what it did once', async () => {
    const stage = new Stage();
    await stage.other.engine.start();
    await stage.settle(stage.engine.start());
    await stage.pass(2_000);
    expect(stage.engine.peers()[0]).toMatchObject({ state: 'connected' });
    await stage.settle(stage.engine.stop(), stage.engine.stop());
    await stage.other.engine.stop();
    stage.expectNothingLeft();
    await stage.pass(60_000);
    stage.expectNothingLeft();
    expect(stage.told).toEqual(['started', 'ready', 'stopped']);
  });

  it('stops while the plane starts: the start ends first, then all is down', async () => {
    const stage = new Stage();
    stage.plan.startMs = 300;
    const starting = stage.engine.start();
    await stage.pass(100);
    let stopped = false;
    const stopping = stage.engine.stop().then(() => (stopped = true));
    await stage.pass(100);
    expect(stopped).toBe(false);
    expect(codes(await stage.settle<unknown>(starting, stopping))).toEqual(['EVIO_INTERRUPTED', 'ok']);
    stage.expectNothingLeft();
    expect(stage.addresses).toHaveLength(1);
    expect(stage.told).toEqual([]);
  });

  it('starts once when it is asked twice', async () => {
    const stage = new Stage();
    stage.plan.startMs = 100;
    expect(codes(await stage.settle(stage.engine.start(), stage.engine.start()))).toEqual(['ok', 'ok']);
    expect(codes(await stage.settle(stage.engine.start()))).toEqual(['ok']);
    expect(stage.planesUp.size).toBe(1);
    await stage.settle(stage.engine.stop());
    stage.expectNothingLeft();
    expect(stage.told).toEqual(['started', 'ready', 'stopped']);
  });

  it('starts again after a stop that is still under way', async () => {
    const stage = new Stage();
    stage.plan.stopMs = 200;
    await stage.settle(stage.engine.start());
    const results = await stage.settle(stage.engine.stop(), stage.engine.start());
    expect(codes(results)).toEqual(['ok', 'ok']);
    expect(stage.planesUp.size).toBe(1);
    expect(stage.told).toEqual(['started', 'ready', 'stopped', 'started', 'ready']);
    await stage.settle(stage.engine.stop());
    stage.expectNothingLeft();
  });

  it('gives the plane back when a part cannot be made, and can start later', async () => {
    const stage = new Stage();
    stage.plan.fault = 'compose';
    expect(codes(await stage.settle(stage.engine.start()))).toEqual(['a part is broken']);
    stage.expectNothingLeft();
    await stage.engine.stop();
    stage.plan = { ...calm };
    expect(codes(await stage.settle(stage.engine.start()))).toEqual(['ok']);
    await stage.settle(stage.engine.stop());
    stage.expectNothingLeft();
    expect(stage.told).toEqual(['started', 'ready', 'stopped']);
  });

  it('fails to start without an interface, with the reason, and leaves nothing', async () => {
    const stage = new Stage();
    stage.plan = { ...calm, startMs: 50, fault: 'plane' };
    expect(codes(await stage.settle(stage.engine.start()))).toEqual(['EVIO_DEVICE']);
    stage.expectNothingLeft();
    expect(stage.told).toEqual([]);
  });

  it('goes down in order when the plane dies while it stops, and troubles nobody with it', async () => {
    const stage = new Stage();
    stage.plan = { ...calm, stopMs: 100, fault: 'dies while it stops' };
    await stage.settle(stage.engine.start());
    expect(codes(await stage.settle(stage.engine.stop()))).toEqual(['ok']);
    stage.expectNothingLeft();
    expect(stage.fatals).toEqual([]);
    expect(stage.told).toEqual(['started', 'ready', 'stopped']);
  });

  it('makes an interface that others remove again, and says that it cannot go on where that goes on', async () => {
    const stage = new Stage();
    await stage.settle(stage.engine.start());
    const remove = async (): Promise<void> => {
      for (const plane of stage.planesUp) plane.die();
      await stage.pass(100);
    };
    for (let i = 0; i < 5; i++) {
      await remove();
      expect(stage.planesUp.size).toBe(1);
      expect(stage.events.filter((event) => event === 'interface-mended')).toHaveLength(i + 1);
    }
    expect(stage.fatals).toEqual([]);
    await remove();
    expect(stage.fatals).toEqual([expect.objectContaining({ code: 'EVIO_DEVICE' })]);
    await stage.settle(stage.engine.stop());
    stage.expectNothingLeft();
  });

  it('begins anew for another address, which users see as one run', async () => {
    const stage = new Stage();
    await stage.settle(stage.engine.start());
    for (const relays of stage.relaysUp) relays.refuse();
    await stage.pass(100);
    expect(new Set(stage.addresses).size).toBe(2);
    expect(stage.engine.status().node.ip).not.toBe('');
    expect(stage.planesUp.size).toBe(1);
    await stage.settle(stage.engine.stop());
    stage.expectNothingLeft();
    expect(stage.told).toEqual(['started', 'ready', 'stopped']);
  });

  it('stays stopped when it is stopped while it begins anew', async () => {
    for (const afterMs of [0, 20, 100, 140, 220, 400]) {
      const stage = new Stage();
      stage.plan = { ...calm, startMs: 200, stopMs: 120 };
      await stage.settle(stage.engine.start());
      for (const relays of stage.relaysUp) relays.refuse();
      await stage.pass(afterMs);
      expect(codes(await stage.settle(stage.engine.stop()))).toEqual(['ok']);
      stage.expectNothingLeft();
      await stage.pass(1_000);
      stage.expectNothingLeft();
      expect(stage.fatals).toEqual([]);
      expect(stage.told).toEqual(['started', 'ready', 'stopped']);
    }
  });

  it('says that it cannot go on when it cannot begin anew', async () => {
    const stage = new Stage();
    await stage.settle(stage.engine.start());
    stage.plan.fault = 'plane';
    for (const relays of stage.relaysUp) relays.refuse();
    await stage.pass(100);
    expect(stage.fatals).toEqual([expect.objectContaining({ code: 'EVIO_DEVICE' })]);
    await stage.settle(stage.engine.stop());
    stage.expectNothingLeft();
    expect(stage.told).toEqual(['started', 'ready', 'stopped']);
  });

  it('lets go whoever waits for it, and ends pings, when it stops', async () => {
    const stage = new Stage();
    await stage.settle(stage.engine.start());
    const ping = stage.engine.ping('n0', 100, 1_000, 1_000);
    await stage.pass(500);
    const waiting = stage.engine.waitConnected(60_000);
    const [stopped, pinged] = await stage.settle<unknown>(stage.engine.stop(), ping, waiting);
    expect(stopped?.status).toBe('fulfilled');
    expect(pinged).toMatchObject({ status: 'fulfilled', value: { sent: 1, received: 0 } });
    expect(await stage.engine.waitConnected(60_000)).toBe(false);
    stage.expectNothingLeft();
  });

  it('leaves nothing behind whatever is asked of it in whatever order', async () => {
    for (let seed = 1; seed <= 200; seed++) await wander(seed);
  }, 60_000);
});

/** A dozen things at random, then a stop. */
async function wander(seed: number): Promise<void> {
  const random = new SeededRandom(seed * 7_919);
  const chance = (limit: number): number => Math.floor(random.unit() * limit);
  const stage = new Stage(seed, true);
  if (chance(2) === 0) await stage.other.engine.start();
  const asked: Promise<unknown>[] = [];
  const ask = (answer: Promise<unknown>): void => {
    answer.catch(() => undefined);
    asked.push(answer);
  };
  const steps: string[] = [];
  for (let step = 0; step < 14; step++) {
    const faults = ['none', 'none', 'none', 'plane', 'compose', 'dies while it stops'] as const;
    stage.plan = { startMs: chance(3) * 40, stopMs: chance(3) * 40, fault: faults[chance(6)] ?? 'none' };
    const actions: Record<string, () => void> = {
      start: () => ask(stage.engine.start()),
      'start again': () => ask(stage.engine.start()),
      stop: () => ask(stage.engine.stop()),
      refuse: () => {
        for (const relays of stage.relaysUp) relays.refuse();
      },
      die: () => {
        for (const plane of stage.planesUp) plane.die();
      },
      wait: () => ask(stage.engine.waitConnected(chance(500))),
      ping: () => ask(stage.engine.ping('n0', 3, 100, 50)),
    };
    const names = Object.keys(actions);
    const name = names[chance(names.length)] as string;
    steps.push(name);
    actions[name]?.();
    if (chance(3) > 0) await stage.pass(chance(12) * 20);
  }
  ask(stage.engine.stop());
  await stage.settle(...asked);
  await stage.other.engine.stop();
  const what = `seed ${seed}: ${steps.join(', ')}`;
  expect({
    what,
    planes: stage.planesUp.size,
    relays: stage.relaysUp.size,
    sockets: stage.net.openSockets,
    timers: stage.watched.pending,
  }).toEqual({ what, planes: 0, relays: 0, sockets: 0, timers: 0 });
  // Again and again: started, ready at most once, stopped.
  expect(stage.told.join(' '), what).toMatch(/^(started (ready )?stopped ?)*$/);
}

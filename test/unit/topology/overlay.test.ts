/** Whole overlays against each other under a virtual clock: a rendezvous that knows everybody, links that take a while. */
import { describe, expect, it } from 'vitest';
import type { MemberRole } from '../../../src/core/identity/invite.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { Overlay } from '../../../src/core/topology/overlay.js';
import type { LinkRoute, OverlayOptions } from '../../../src/core/topology/overlay-ports.js';
import { positionOfText } from '../../../src/core/topology/position.js';
import { parseRing, encodeRing } from '../../../src/core/wire/ring.js';
import { SimClock } from '../../../src/sim/clock.js';
import { SeededRandom } from '../../support/virtual.js';

const latencyMs = 20;

class Box {
  readonly id: string;
  readonly role: MemberRole;
  readonly overlay: Overlay;
  readonly world: World;
  routes: readonly LinkRoute[] = [];
  alive = true;
  /** Times that it wanted to be called. */
  ticks = 0;
  /** Links that stand, and when something came by them. */
  readonly heard = new Map<string, number>();
  #cancel: () => void = () => undefined;

  constructor(world: World, id: string, role: MemberRole, seed: number, options?: OverlayOptions) {
    this.world = world;
    this.id = id;
    this.role = role;
    const { clock } = world;
    this.overlay = new Overlay(
      { id, role },
      {
        env: { clock, random: new SeededRandom(seed), log: silentLogger },
        connect: (other) => world.connect(this, other),
        disconnect: (other) => world.disconnect(this, other),
        send: (other, message) => {
          const bytes = encodeRing(message);
          clock.after(latencyMs, () => world.deliver(this.id, other, bytes));
        },
        silence: (other) => clock.now() - (this.heard.get(other) ?? -Infinity),
        waiting: () => 0,
        locate: (positions) => world.locate(this, positions),
        card: () => new Uint8Array(0),
        received: () => undefined,
        routes: (routes) => {
          this.routes = routes;
        },
      },
      options,
    );
  }

  start(): void {
    this.overlay.start(this.world.clock.now());
    this.tick();
  }

  tick(): void {
    this.#cancel();
    if (!this.alive) return;
    this.ticks++;
    const at = this.overlay.tick(this.world.clock.now());
    this.#cancel = this.world.clock.after(Math.max(1, at - this.world.clock.now()), () => this.tick());
  }

  crash(): void {
    this.alive = false;
    this.#cancel();
  }
}

class World {
  readonly clock = new SimClock();
  readonly boxes = new Map<string, Box>();
  readonly random = new SeededRandom(7);
  relay = true;
  /** Connections that were asked for. */
  connects = 0;
  /** Links that were closed while one of the two still passed packets or broadcasts on by them, and all that were. */
  readonly closed = { used: 0, all: 0 };
  /** False: the two cannot reach each other. */
  reachable: (a: string, b: string) => boolean = () => true;

  pass(ms: number): void {
    this.clock.run(this.clock.now() + ms);
  }

  add(role: MemberRole = 'switch', options?: OverlayOptions): Box {
    const id = toHex(this.random.fill(new Uint8Array(16)));
    const box = new Box(this, id, role, this.boxes.size + 100, options);
    this.boxes.set(id, box);
    return box;
  }

  alive(role?: MemberRole): Box[] {
    return [...this.boxes.values()]
      .filter((box) => box.alive && (role === undefined || box.role === role))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The box starts and registers: the relay names its neighbours. */
  join(box: Box): void {
    const others = this.alive().filter((other) => other !== box && other.routes !== undefined);
    box.start();
    if (!this.relay) return;
    const after = others.filter((other) => other.id > box.id);
    const before = others.filter((other) => other.id < box.id);
    const ring = [...after, ...before];
    const near = [...ring.slice(0, 4), ...ring.slice(-4)].map((other) => other.id);
    this.clock.after(latencyMs, () => {
      box.overlay.sized(this.clock.now(), this.alive().length);
      box.overlay.found(this.clock.now(), near);
      box.tick();
    });
  }

  connect(from: Box, to: string): void {
    this.connects++;
    this.clock.after(3 * latencyMs, () => {
      const other = this.boxes.get(to);
      const now = this.clock.now();
      if (!from.alive) return;
      if (!other?.alive || !this.reachable(from.id, to)) {
        this.clock.after(3_000, () => {
          from.overlay.unreachable(this.clock.now(), to);
          from.tick();
        });
        return;
      }
      for (const [a, b] of [[from, other] as const, [other, from] as const]) {
        a.heard.set(b.id, now);
        a.overlay.connected(now, b.id, false);
        a.tick();
      }
    });
  }

  disconnect(from: Box, to: string): void {
    const uses = (box: Box | undefined, id: string): boolean =>
      box?.routes.some((route) => route.id === id && (route.forwards || route.flood !== 'none')) ?? false;
    this.closed.all++;
    if (uses(from, to) || uses(this.boxes.get(to), from.id)) this.closed.used++;
    from.heard.delete(to);
    this.clock.after(latencyMs, () => {
      const other = this.boxes.get(to);
      if (!other?.alive || !other.heard.delete(from.id)) return;
      other.overlay.disconnected(this.clock.now(), from.id);
      other.tick();
    });
  }

  deliver(from: string, to: string, bytes: Uint8Array): void {
    const box = this.boxes.get(to);
    const sender = this.boxes.get(from);
    if (!box?.alive || !sender?.alive || !box.heard.has(from) || !this.reachable(from, to)) return;
    box.heard.set(from, this.clock.now());
    const message = parseRing(bytes);
    if (message) box.overlay.receive(this.clock.now(), from, message);
    box.tick();
  }

  locate(from: Box, positions: readonly number[]): boolean {
    if (!this.relay) return false;
    this.clock.after(2 * latencyMs, () => {
      const others = this.alive().filter((other) => other !== from);
      if (others.length === 0 || !from.alive) return;
      const ids = positions.map((position) => {
        const at = others.find((other) => positionOfText(other.id) >= position);
        return at?.id ?? others[0]?.id ?? '';
      });
      from.overlay.found(this.clock.now(), ids);
      from.tick();
    });
    return true;
  }

  /** Boxes whose successor or predecessor is not the true one. */
  wrong(): string[] {
    const ring = this.alive('switch');
    return ring.flatMap((box, i) => {
      const next = (ring[(i + 1) % ring.length] as Box).id;
      const previous = (ring[(i + ring.length - 1) % ring.length] as Box).id;
      const report = box.overlay.report();
      return report.successors[0] === next && report.predecessor === previous ? [] : [box.id];
    });
  }
}

function network(count: number, spreadMs = 100): World {
  const world = new World();
  for (let i = 0; i < count; i++) {
    world.join(world.add());
    world.pass(spreadMs);
  }
  return world;
}

describe('overlay', () => {
  it('is a ring within moments of the last join, and everybody is settled', () => {
    const world = network(60, 50);
    world.pass(3_000);
    expect(world.wrong()).toEqual([]);
    expect(world.alive().filter((box) => !box.overlay.settled)).toEqual([]);
  });

  it('keeps few links: three neighbours on each side and about log N long ones each way', () => {
    const world = network(100, 50);
    world.pass(40_000);
    const degrees = world.alive().map((box) => box.overlay.links().filter((link) => link.up).length);
    const mean = degrees.reduce((sum, n) => sum + n, 0) / degrees.length;
    expect(mean).toBeGreaterThan(8);
    expect(mean).toBeLessThan(17);
    for (const box of world.alive()) expect(box.overlay.size).toBeGreaterThan(30);
    const sizes = world.alive().map((box) => Math.log2(box.overlay.size));
    expect(sizes.reduce((sum, n) => sum + n, 0) / sizes.length).toBeCloseTo(Math.log2(100), 0);
  });

  it('sends nothing more over a link that is about to be closed', () => {
    const world = network(100);
    world.pass(30_000);
    expect(world.closed.all).toBeGreaterThan(20);
    expect(world.closed.used).toBe(0);
  });

  it('heals after a tenth crashed without a word', () => {
    const world = network(80, 50);
    world.pass(20_000);
    const all = world.alive();
    for (let i = 0; i < 8; i++) (all[(i * 37) % all.length] as Box).crash();
    world.pass(10_000);
    expect(world.wrong()).toEqual([]);
  });

  it('lets a newcomer without a rendezvous in by one member it knows', () => {
    const world = network(50, 50);
    world.pass(10_000);
    world.relay = false;
    const box = world.add();
    box.start();
    box.overlay.found(world.clock.now(), [(world.alive()[20] as Box).id]);
    box.tick();
    world.pass(6_000);
    expect(world.wrong()).toEqual([]);
  });

  it('becomes one ring again after two halves could not see each other', () => {
    const world = network(40, 50);
    world.pass(10_000);
    world.relay = false;
    const half = new Set(
      world
        .alive()
        .filter((_, i) => i % 3 === 0)
        .map((box) => box.id),
    );
    world.reachable = (a, b) => half.has(a) === half.has(b);
    world.pass(30_000);
    expect(world.wrong().length).toBeGreaterThan(0);
    world.reachable = () => true;
    world.pass(45_000);
    expect(world.wrong()).toEqual([]);
  });

  it('links everybody with everybody when they are few', () => {
    const world = network(10, 50);
    world.pass(5_000);
    for (const box of world.alive()) expect(box.overlay.links().filter((link) => link.up)).toHaveLength(9);
  });

  it.each([15, 17, 19, 21, 24, 30])('comes to rest with %i members: no link comes or goes', (count) => {
    const world = network(count, 300);
    world.pass(40_000);
    const before = world.connects;
    world.pass(60_000);
    // A long link that finds a better home now and then, nothing more.
    expect(world.connects - before).toBeLessThan(count / 2);
    expect(world.wrong()).toEqual([]);
  });

  it('gives a leaf two anchors on each side, one of which brings it broadcasts, and lets it forward nothing', () => {
    const world = network(30, 50);
    world.pass(5_000);
    const leaf = world.add('leaf');
    world.join(leaf);
    world.pass(20_000);
    const up = leaf.overlay.links().filter((link) => link.up);
    expect(up.length).toBeGreaterThanOrEqual(4);
    expect(up.length).toBeLessThanOrEqual(6);
    const copies = world.alive('switch').filter((box) => {
      return box.routes.some((route) => route.id === leaf.id && route.flood === 'copy');
    });
    expect(copies).toHaveLength(1);
    expect(leaf.routes.filter((route) => route.flood === 'range').map((route) => route.id)).toEqual([
      (copies[0] as Box).id,
    ]);
    for (const box of world.alive('switch')) {
      expect(box.routes.find((route) => route.id === leaf.id)?.forwards ?? false).toBe(false);
    }
    expect(world.wrong()).toEqual([]);
  });

  it('lets a leaf rest: nothing is to be done for it but beats', () => {
    const world = network(30, 50);
    const leaf = world.add('leaf');
    world.join(leaf);
    world.pass(30_000);
    const before = leaf.ticks;
    world.pass(10_000);
    // It is called for what comes, too: some messages a second.
    expect(leaf.ticks - before).toBeLessThan(85);
  });

  it('opens a tunnel on demand and closes it when it falls idle', () => {
    const world = network(40, 50);
    world.pass(10_000);
    const a = world.add('switch', { demandIdleMs: 20_000 });
    world.join(a);
    world.pass(10_000);
    const linked = new Set(a.overlay.links().map((link) => link.id));
    const far = world.alive().find((box) => box !== a && !linked.has(box.id)) as Box;
    a.overlay.demand(world.clock.now(), far.id);
    a.tick();
    world.pass(1_000);
    expect(a.overlay.links()).toContainEqual({ id: far.id, up: true, role: 'on-demand' });
    expect(a.overlay.report().onDemand).toEqual([far.id]);
    world.pass(40_000);
    expect(a.overlay.links().map((link) => link.id)).not.toContain(far.id);
    expect(far.overlay.links().map((link) => link.id)).not.toContain(a.id);
  });
  it('rests again after traffic to somebody who could not be reached', () => {
    const world = network(3, 50);
    const box = world.add('switch', { demandIdleMs: 5_000 });
    world.join(box);
    world.pass(5_000);
    box.overlay.demand(world.clock.now(), 'f'.repeat(32));
    box.tick();
    world.pass(10_000);
    const before = box.ticks;
    world.pass(10_000);
    expect(box.ticks - before).toBeLessThan(150);
  });
});

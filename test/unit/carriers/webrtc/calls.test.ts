/** Calls between two nodes over connections in memory, under a virtual clock. The real ones are in test/lab/webrtc.test.ts. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Carriers } from '../../../../src/core/carriers/carrier.js';
import { Calls, maxCalls } from '../../../../src/core/carriers/webrtc/calls.js';
import type { Connection, ConnectionListener } from '../../../../src/core/carriers/webrtc/connection.js';
import { toHex } from '../../../../src/core/lib/bytes.js';
import { encodeIce, parseIce, type IceCandidate, type IceMessage } from '../../../../src/core/wire/ice.js';
import { batchOf } from '../../../../src/core/wire/relay.js';
import { virtualEnv, VirtualClock } from '../../../support/virtual.js';

const idOf = (n: number): Uint8Array => {
  const id = new Uint8Array(16);
  id[0] = n >> 8;
  id[1] = n & 0xff;
  return id;
};
const candidate = (host: string): IceCandidate => ({
  kind: 'relay',
  priority: 1,
  endpoint: { host, port: 1 },
});

/** One end of a connection: it opens once both ends know of a candidate of the other. */
class MemoryConnection implements Connection {
  accepted = false;
  readonly heard: string[] = [];
  other: MemoryConnection | undefined;
  open = false;
  cut = false;
  closed = false;
  readonly #side: Side;
  readonly listener: ConnectionListener;
  readonly #offers: boolean;

  constructor(side: Side, offers: boolean, listener: ConnectionListener) {
    this.#side = side;
    this.listener = listener;
    this.#offers = offers;
    if (offers) this.#describe();
  }

  #describe(): void {
    this.#side.clock.after(5, () => {
      this.listener.described({ user: 'abcd', password: 'a'.repeat(22), fingerprint: new Uint8Array(32) });
    });
    // TURN answers later than a description is made.
    this.#side.clock.after(300, () => {
      this.listener.found(candidate(this.#side.address));
    });
  }

  accept(): void {
    expect(this.accepted).toBe(false);
    this.accepted = true;
    if (!this.#offers) this.#describe();
  }

  add({ endpoint }: IceCandidate): void {
    this.heard.push(endpoint.host);
    const other = this.#side.far().connections.at(-1);
    if (!other || this.#side.world.blocked || !other.heard.includes(this.#side.address)) return;
    this.other = other;
    other.other = this;
    for (const end of [this, other]) {
      end.open = true;
      this.#side.clock.after(20, () => {
        end.listener.opened('198.51.100.1:9', 'relay to relay');
      });
    }
  }

  send(message: Uint8Array): boolean {
    if (!this.open || this.closed) return false;
    const copy = message.slice();
    if (!this.cut) this.#side.clock.after(10, () => this.other?.listener.received(copy));
    return true;
  }

  close(): void {
    this.closed = true;
  }
}

class Side {
  readonly id: Uint8Array;
  readonly address: string;
  readonly clock: VirtualClock;
  readonly world: World;
  readonly calls: Calls;
  readonly connections: MemoryConnection[] = [];
  /** Hosts of the servers that each connection was to ask, best first. */
  readonly named: string[][] = [];
  servers = [{ host: '192.0.2.9', port: 3478 }];
  readonly said: IceMessage[] = [];
  readonly log: string[] = [];
  changes = 0;
  lose: (message: IceMessage) => boolean = () => false;
  apart = true;

  constructor(world: World, n: number, seed: number) {
    this.world = world;
    this.clock = world.clock;
    this.id = idOf(n);
    this.address = `198.51.100.${n}`;
    const plane = { sendPacket: () => undefined, carried: () => undefined };
    this.calls = new Calls({
      env: virtualEnv(world.clock, seed),
      idText: toHex(this.id),
      carriers: new Carriers(plane),
      connect: (offers, named, listener) => {
        this.named.push(named.map(({ host }) => host));
        const made = new MemoryConnection(this, offers, listener);
        this.connections.push(made);
        return made;
      },
      servers: () => this.servers,
      usable: () => true,
      tell: (_idText, message) => {
        this.said.push(message);
        if (this.lose(message)) return;
        const far = this.far();
        const bytes = encodeIce(message);
        world.clock.after(15, () => {
          far.calls.receive(world.clock.now(), this.id, parseIce(bytes) as IceMessage, far.apart);
        });
      },
      log: (_idText, _event, detail) => this.log.push(detail),
      changed: () => this.changes++,
      input: (deed) => {
        deed();
      },
    });
  }

  far(): Side {
    return this === this.world.a ? this.world.b : this.world.a;
  }

  need(needed: boolean): void {
    const { id } = this.far();
    this.calls.need(this.clock.now(), id, toHex(id), needed);
  }

  get way(): string | undefined {
    return this.calls.way(toHex(this.far().id))?.label;
  }
}

class World {
  readonly clock = new VirtualClock();
  blocked = false;
  /** The lesser id: it calls. */
  readonly a = new Side(this, 1, 1);
  readonly b = new Side(this, 2, 2);

  /** Ticks both as the pulse would: when they are due, and not before. */
  run(ms: number): void {
    const end = this.clock.now() + ms;
    let beats = 0;
    while (this.clock.now() < end) {
      const now = this.clock.now();
      for (const { calls } of [this.a, this.b]) if (now >= calls.dueAt) calls.tick(now);
      const due = Math.min(this.a.calls.dueAt, this.b.calls.dueAt, end);
      this.clock.advance(Math.min(Math.max(due - now, 1), 5));
      if (due <= now) beats++;
    }
    // What stays due would have the pulse run for nothing.
    expect(beats).toBeLessThan(20 + ms / 100);
  }
}

describe('WebRTC calls', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  it('are asked for by who needs one, made by the lesser id, and used by both', () => {
    world.b.need(true);
    world.run(2_900);
    expect(world.b.said).toEqual([]);
    world.run(2_000);
    expect([world.a.way, world.b.way]).toEqual(['webrtc://198.51.100.1:9', 'webrtc://198.51.100.1:9']);
    expect(world.a.connections).toHaveLength(1);
    // Who calls was told a server where it learns its outer address.
    expect(world.a.named).toEqual([['192.0.2.9']]);
    expect([world.a.changes, world.b.changes]).toEqual([1, 1]);
  });

  it('are not begun by one member again and again, and are for others meanwhile', () => {
    const { b, clock } = world;
    const description = {
      user: 'abcd',
      password: 'a'.repeat(22),
      fingerprint: new Uint8Array(32),
      candidates: [candidate('203.0.113.7')],
    };
    const offer = (from: number, call: number): void => {
      b.calls.receive(clock.now(), idOf(from), { type: 'offer', call, description, servers: [] }, true);
    };
    for (let call = 1; call <= 60; call++) {
      offer(1, call);
      b.calls.receive(clock.now(), idOf(1), { type: 'end', call }, true);
      b.calls.tick(clock.now());
      clock.advance(1_000);
    }
    expect(b.connections.length).toBeLessThanOrEqual(4 + 3);
    const before = b.connections.length;
    offer(0, 1);
    expect(b.connections).toHaveLength(before + 1);
  });

  it('come about though the first words about them are lost', () => {
    let lost = 0;
    for (const side of [world.a, world.b]) side.lose = (message) => message.type !== 'want' && lost++ < 4;
    world.a.need(true);
    world.run(9_000);
    expect(world.b.way).toBeDefined();
    expect(lost).toBeGreaterThan(3);
  });

  it('end when neither side has needed them for a while, and not while the other does', () => {
    world.a.need(true);
    world.run(6_000);
    expect(world.b.way).toBeDefined();
    world.b.need(true);
    world.run(1_000);
    world.a.need(false);
    world.run(200_000);
    expect(world.b.way).toBeDefined();
    world.b.need(false);
    world.run(200_000);
    expect([world.a.way, world.b.way]).toEqual([undefined, undefined]);
    expect(world.a.connections.every(({ closed }) => closed)).toBe(true);
    expect(world.b.connections.every(({ closed }) => closed)).toBe(true);
  });

  it('are left within some seconds when packets go out and nothing comes back', () => {
    world.a.need(true);
    world.run(6_000);
    for (const { connections } of [world.a, world.b]) for (const end of connections) end.cut = true;
    world.a.calls.send(world.b.id, batchOf(new Uint8Array(40)));
    world.run(3_100);
    expect(world.a.way).toBeUndefined();
    expect(world.a.log.at(-1)).toBe('over: silent');
  });

  it('stand while packets go one way only, since the other end answers when it is asked', () => {
    world.a.need(true);
    world.run(6_000);
    for (let i = 0; i < 100; i++) {
      world.a.calls.send(world.b.id, batchOf(new Uint8Array(40)));
      world.run(100);
    }
    expect(world.a.way).toBeDefined();
    expect(world.a.calls.dropped).toBe(0);
  });

  it('are tried ever more seldom where they do not come about', () => {
    world.blocked = true;
    world.a.need(true);
    world.run(30 * 60_000);
    expect(world.a.connections.length).toBeGreaterThan(3);
    expect(world.a.connections.length).toBeLessThan(12);
    expect(world.a.connections.filter(({ closed }) => !closed).length).toBeLessThan(2);
  });

  it('have each server of the other side be the first in turn, where they do not come about', () => {
    world.blocked = true;
    world.a.servers = [
      { host: '192.0.2.9', port: 3478 },
      { host: '2001:db8::9', port: 3478 },
    ];
    world.a.need(true);
    world.run(60_000);
    expect(world.b.named.slice(0, 2)).toEqual([
      ['192.0.2.9', '2001:db8::9'],
      ['2001:db8::9', '192.0.2.9'],
    ]);
  });

  it('are not answered where a direct path is there', () => {
    world.b.apart = false;
    world.a.need(true);
    world.run(20_000);
    expect(world.b.connections).toHaveLength(0);
  });

  it('that a hostile member offers by the hundred make a bounded number of connections', () => {
    const description = {
      user: 'abcd',
      password: 'a'.repeat(22),
      fingerprint: new Uint8Array(32),
      candidates: [],
    };
    for (let n = 0; n < 500; n++) {
      const now = world.clock.now();
      world.b.calls.receive(now, idOf(1), { type: 'offer', call: n, description, servers: [] }, true);
      world.run(10);
    }
    expect(world.b.connections.length).toBeLessThan(15);
    expect(world.b.connections.filter(({ closed }) => !closed).length).toBeLessThan(2);
  });

  it('that a hostile member wants and ends are made ever more seldom', () => {
    const { a, b, clock } = world;
    const servers = [{ host: '203.0.113.7', port: 3_478 }];
    for (let s = 0; s < 600; s++) {
      a.calls.receive(clock.now(), b.id, { type: 'want', call: 0, servers }, true);
      world.run(1_000);
      const call = a.said.findLast(({ type }) => type === 'offer')?.call ?? 0;
      a.calls.receive(clock.now(), b.id, { type: 'end', call }, true);
    }
    expect(a.connections.length).toBeGreaterThan(3);
    expect(a.connections.length).toBeLessThan(12);
  });

  it('are no more than so many at once', () => {
    const { calls, connections } = world.a;
    for (let n = 0; n < 100; n++) calls.need(world.clock.now(), idOf(300 + n), toHex(idOf(300 + n)), true);
    world.clock.advance(4_000);
    calls.tick(world.clock.now());
    expect(connections).toHaveLength(maxCalls);
  });

  it('end with the membership, and with the node', () => {
    world.a.need(true);
    world.run(6_000);
    world.a.calls.forget(toHex(world.b.id));
    expect(world.a.way).toBeUndefined();
    world.b.calls.close();
    expect([...world.a.connections, ...world.b.connections].every(({ closed }) => closed)).toBe(true);
    expect(world.b.calls.dueAt).toBe(Infinity);
  });
});

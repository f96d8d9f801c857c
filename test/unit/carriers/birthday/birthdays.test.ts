/** Birthdays between two nodes over NATs in memory, under a virtual clock. Real ones are in test/lab/birthday.test.ts. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Birthdays, type Celebrant } from '../../../../src/core/carriers/birthday/birthdays.js';
import {
  packetsOfOne,
  portCount,
  PortDraw,
  socketCount,
} from '../../../../src/core/carriers/birthday/draw.js';
import { Carriers } from '../../../../src/core/carriers/carrier.js';
import { toHex } from '../../../../src/core/lib/bytes.js';
import { formatEndpoint, type Endpoint } from '../../../../src/core/lib/endpoint.js';
import { encodeKnock, type BirthdayMessage } from '../../../../src/core/wire/birthday.js';
import type { NatFacts } from '../../../../src/core/wire/nat.js';
import { SeededRandom, virtualEnv, VirtualClock } from '../../../support/virtual.js';

const strict = 'address-and-port-dependent';
const random: NatFacts = { mapping: strict, filtering: strict, ports: 'random' };
const told: NatFacts = { mapping: 'endpoint-independent', filtering: strict, ports: 'preserved' };

/** Long, and begins as data of a session does. */
const packet = Uint8Array.from({ length: 200 }, (_, i) => (i === 0 ? 0x50 : i));

class Side {
  readonly id: Uint8Array;
  readonly idText: string;
  readonly birthdays: Birthdays;
  readonly outside: Endpoint;
  readonly nat: NatFacts;
  /** Outside port of a socket, by its number and where it sends. */
  readonly mapped = new Map<string, number>();
  readonly strikes: Endpoint[] = [];
  readonly sent: { socket: number; packet: Uint8Array; to: Endpoint }[] = [];
  readonly open = new Set<number>();
  readonly holes: { socket: number; endpoint: Endpoint; received: number; sent: number; closed: boolean }[] =
    [];
  readonly log: string[] = [];
  readonly said: BirthdayMessage[] = [];
  readonly arrived: Uint8Array[] = [];
  far!: Side;
  placed = true;
  /** Members beside the far one, which hear nothing of what is told. */
  readonly others = new Map<string, Celebrant>();
  direct = false;
  deaf = false;
  readonly #clock: VirtualClock;
  readonly #draw: SeededRandom;

  constructor(clock: VirtualClock, n: number, nat: NatFacts, both = false) {
    this.#clock = clock;
    this.#draw = new SeededRandom(77 * n);
    this.id = Uint8Array.from({ length: 16 }, () => n);
    this.idText = toHex(this.id);
    this.nat = nat;
    this.outside = { host: `203.0.113.${n}`, port: 4_000 + n };
    this.birthdays = new Birthdays({
      env: virtualEnv(clock, 5 * n),
      idText: this.idText,
      carriers: new Carriers({
        sendPacket: () => undefined,
        carried: (_id, _from, batch) => this.#take(batch),
      }),
      sockets: {
        send: (socket, bytes, to, hops) => {
          this.open.add(socket);
          this.sent.push({ socket, packet: bytes, to });
          const port = this.#map(socket, to);
          if (hops === undefined) this.far.reach({ host: this.outside.host, port }, to, bytes);
        },
        close: (socket) => this.open.delete(socket),
      },
      hole: (socket, { endpoint }) => {
        const hole = { socket, endpoint, received: 0, sent: 0, closed: false };
        this.holes.push(hole);
        return {
          number: this.holes.length - 1,
          counters: () => ({ ...hole }),
          close: () => {
            hole.closed = true;
          },
        };
      },
      both,
      nat: () => nat,
      outside: () => [this.outside],
      member: (idText) => (idText === this.far.idText ? this.celebrant : this.others.get(idText)),
      placed: () => Promise.resolve(this.placed),
      proven: () => false,
      strike: (_idText, endpoint) => {
        this.strikes.push(endpoint);
        this.far.reach(this.outside, endpoint, packet);
      },
      tell: (idText, message) => {
        this.said.push(message);
        if (idText !== this.far.idText) return;
        clock.after(20, () => this.far.birthdays.receive(clock.now(), this.idText, message));
      },
      log: (_idText, detail) => this.log.push(detail),
      changed: () => undefined,
      input: (deed) => {
        deed();
      },
    });
  }

  /** The other one, as this side sees it. */
  get celebrant(): Celebrant {
    const { id, idText, nat, outside } = this.far;
    return { id, idText, nat, outside: [outside], apart: !this.direct };
  }

  #map(socket: number, to: Endpoint): number {
    const key = `${socket} ${formatEndpoint(to)}`;
    const port = this.mapped.get(key) ?? 1_024 + Math.floor(this.#draw.unit() * portCount);
    this.mapped.set(key, port);
    return port;
  }

  /** A packet comes to our NAT, which lets in what answers. */
  reach(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    if (this.deaf || to.host !== this.outside.host) return;
    for (const [key, port] of this.mapped) {
      if (port !== to.port || !key.endsWith(` ${formatEndpoint(from)}`)) continue;
      const copy = bytes.slice();
      this.#clock.after(10, () => this.birthdays.packet(Number(key.split(' ')[0]), copy, from));
    }
  }

  /** What the data plane does with a batch: it is genuine. */
  #take(batch: Uint8Array): void {
    this.arrived.push(batch);
    this.birthdays.heard(this.far.idText);
  }
}

let clock: VirtualClock;
let a: Side, b: Side;
function pair(natA: NatFacts, natB: NatFacts, both = false): void {
  clock = new VirtualClock();
  [a, b] = [new Side(clock, 1, natA, both), new Side(clock, 2, natB, both)];
  [a.far, b.far] = [b, a];
}

/** Batches of packets that came in one turn are handed on after it. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 20) {
    clock.advance(20);
    for (const side of [a, b]) {
      if (at % 500 === 0) side.birthdays.consider(clock.now(), side.celebrant);
      side.birthdays.tick(clock.now());
    }
    await turn();
  }
}

describe('a NAT that draws at random, and one whose port is told', () => {
  beforeEach(() => {
    pair(random, told);
  });

  it('meet, with no more packets than there may be, and nowhere but at each other', async () => {
    await pass(6_000);
    expect(a.birthdays.way(b.idText)).toMatchObject({ kind: 'direct', label: '203.0.113.2:4002' });
    expect(b.birthdays.way(a.idText)).toBeUndefined();
    expect(b.strikes.length).toBeLessThanOrEqual(packetsOfOne);
    expect(new Set(b.strikes.map(({ host }) => host))).toEqual(new Set(['203.0.113.1']));
    expect(new Set(b.strikes.map(({ port }) => port)).size).toBe(b.strikes.length);
    // The data plane has the one that was hit, and it alone.
    expect([a.holes.length, a.holes[0]?.endpoint, a.open.size]).toEqual([1, b.outside, 0]);
    expect(a.sent.every(({ to }) => formatEndpoint(to) === '203.0.113.2:4002')).toBe(true);
    expect(a.sent.length).toBeLessThanOrEqual(2 * socketCount);
    const struck = b.strikes.length;
    await pass(3_000);
    expect(b.strikes.length).toBe(struck);
  });

  it('carry packets by the port that was hit, until nothing comes back', async () => {
    await pass(6_000);
    const [hole] = a.holes as [Side['holes'][number]];
    // What answers keeps it open, and what is idle.
    for (let i = 0; i < 10; i++) {
      hole.sent += 7;
      hole.received += i % 2;
      await pass(1_000);
    }
    hole.received++;
    await pass(60_000);
    hole.sent++;
    await pass(2_900);
    expect([a.birthdays.way(b.idText) === undefined, hole.closed]).toEqual([false, false]);
    await pass(700);
    expect([a.birthdays.way(b.idText), hole.closed]).toEqual([undefined, true]);
    expect(a.log.at(-1)).toContain('silent');
  });

  it('open nothing, and send nothing, where no relay sees the other at that address', async () => {
    b.placed = false;
    await pass(8_000);
    expect(b.strikes).toEqual([]);
    expect(b.log[0]).toContain('no relay');
    pair(random, told);
    a.placed = false;
    await pass(8_000);
    expect([a.sent.length, a.said.length]).toEqual([0, 0]);
  });

  it('give up in time, and try ever more seldom', async () => {
    a.deaf = true;
    await pass(600_000);
    const rounds = a.said.filter(({ type }) => type === 'holes').length;
    expect(rounds).toBeGreaterThan(2);
    expect(rounds).toBeLessThan(7);
    expect(a.open.size).toBe(0);
  });

  it('wait for their turn where the other one is busy, and open their ports again once when it comes', async () => {
    const other = new Side(clock, 3, random);
    other.far = b;
    other.deaf = true;
    const third = {
      ...other.celebrant,
      id: other.id,
      idText: other.idText,
      outside: [other.outside],
      nat: random,
    };
    b.others.set(other.idText, third);
    const asked: BirthdayMessage = {
      type: 'holes',
      round: 7,
      both: false,
      towards: b.outside,
      mark: new Uint8Array(16),
    };
    await pass(1_000);
    b.birthdays.receive(clock.now(), other.idText, asked);
    await pass(5_000);
    // It had three seconds of packets for itself, in which the first one's ports have closed.
    expect(a.birthdays.way(b.idText)).toBeDefined();
    expect(a.log.join()).toContain('busy');
    const struck = new Set(b.strikes.map(({ host }) => host));
    expect(struck).toEqual(new Set([other.outside.host, a.outside.host]));
  });

  it('call for ports no more than once for each try that was begun without its word', async () => {
    a.deaf = true;
    for (let ms = 0; ms < 120_000; ms += 500) {
      await pass(500);
      const last = a.said.findLast(({ type }) => type === 'holes');
      if (last) a.birthdays.receive(clock.now(), b.idText, { type: 'end', round: last.round });
    }
    // At 0, 30 and 90 s, and once more after each.
    expect(a.said.filter(({ type }) => type === 'holes').length).toBeLessThanOrEqual(6);
  });

  it('stop when there is a direct path', async () => {
    a.deaf = true;
    await pass(2_500);
    expect([a.open.size, b.strikes.length > 0]).toEqual([socketCount, true]);
    a.direct = b.direct = true;
    await pass(600);
    const struck = b.strikes.length;
    await pass(2_000);
    expect([a.open.size, b.strikes.length]).toEqual([0, struck]);
  });
});

describe('a member that lies', () => {
  const holes = (round: number, towards: Endpoint, both = false): BirthdayMessage => ({
    type: 'holes',
    round,
    both,
    towards,
    mark: new Uint8Array(16),
  });

  it('has us send few packets, however often it asks', async () => {
    pair(told, told);
    for (let round = 0; round < 600; round++) {
      b.birthdays.receive(clock.now(), a.idText, holes(round, b.outside));
      await pass(100);
      b.birthdays.receive(clock.now(), a.idText, { type: 'end', round });
    }
    // A minute: two at once and one in thirty seconds, of at most a tenth of a second each.
    expect(b.log.filter((line) => line.includes('opened ports')).length).toBeLessThanOrEqual(4);
    expect(b.strikes.length).toBeLessThan(4 * 200);
  });

  it('has us send nothing towards what we are not, nor where both is not wanted', async () => {
    pair(told, told);
    b.birthdays.receive(clock.now(), a.idText, holes(1, { host: '203.0.113.9', port: 4_002 }));
    b.birthdays.receive(clock.now(), a.idText, holes(2, { ...b.outside, port: 1 }));
    b.birthdays.receive(clock.now(), a.idText, holes(3, b.outside, true));
    await pass(3_000);
    expect([b.strikes.length, b.sent.length]).toEqual([0, 0]);
    pair(random, random);
    b.birthdays.receive(clock.now(), a.idText, holes(3, b.outside, true));
    await pass(3_000);
    expect([b.strikes.length, b.sent.length]).toEqual([0, 0]);
  });
});

describe('two NATs that draw at random', () => {
  it('are left alone unless both ends say otherwise', async () => {
    pair(random, random);
    await pass(6_000);
    expect([a.sent.length, b.sent.length, a.said.length]).toEqual([0, 0, 0]);
  });

  it('are tried from many sockets, within bounds; who knocks with the mark is answered, and is the way', async () => {
    pair(random, random, true);
    await pass(4_000);
    const hosts = (side: Side): Set<string> => new Set(side.sent.map(({ to }) => to.host));
    expect([hosts(a), hosts(b)]).toEqual([new Set(['203.0.113.2']), new Set(['203.0.113.1'])]);
    expect(b.open.size).toBeLessThanOrEqual(socketCount);
    const { socket, packet: knock } = b.sent.at(-1) as (typeof b.sent)[0];
    const theirs = knock.subarray(1);
    const mine = (a.sent.at(-1) as (typeof a.sent)[0]).packet.subarray(1);
    const from = { host: '203.0.113.1', port: 5_555 };
    // A wrong mark, a wrong address, and the right ones.
    b.birthdays.packet(socket, encodeKnock('knock', theirs), from);
    b.birthdays.packet(socket, encodeKnock('knock', mine), { ...from, host: '203.0.113.7' });
    expect(b.birthdays.way(a.idText)).toBeUndefined();
    b.birthdays.packet(socket, encodeKnock('knock', mine), from);
    expect(b.birthdays.way(a.idText)?.label).toBe('203.0.113.1:5555');
    expect(b.sent.at(-1)).toMatchObject({ socket, to: from, packet: encodeKnock('answer', theirs) });
    expect(b.holes.map((hole) => [hole.socket, hole.endpoint])).toEqual([[socket, from]]);
    expect(b.open.size).toBe(0);
  });
});

it('ports are drawn each once', () => {
  for (const seed of [1, 2, 3, 99]) {
    const draw = new PortDraw(new SeededRandom(seed));
    const ports = new Set(Array.from({ length: portCount }, () => draw.next()));
    expect(ports.size).toBe(portCount);
    expect(Math.min(...[...ports].slice(0, 9))).toBeGreaterThanOrEqual(1_024);
  }
});

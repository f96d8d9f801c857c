import { describe, expect, it } from 'vitest';
import { BoundedFlood } from '../../../src/core/switch/bounded-flood.js';
import { Multicast, settleMs, type MulticastLink } from '../../../src/core/switch/multicast.js';
import { encodeAnnounce, parseGroups } from '../../../src/core/wire/groups.js';
import { Audience, audienceOf } from '../../../src/core/wire/membership.js';
import { igmp, igmpV3, ip4, keyOf, mldV2, toGroup, viewOf } from '../../support/membership-frames.js';
import { clockwise, isInside, ringSize } from '../../../src/core/topology/position.js';

const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
const camera = '239.1.2.3';

interface Member {
  readonly position: number;
  readonly leaf: boolean;
  readonly machine: Multicast;
  readonly flood: BoundedFlood;
  links: Member[];
  /** Frames that its host got. */
  got: number;
  queries: Uint8Array[];
  gone: boolean;
}

/** A ring in one object: bounded flood as in the packet loop, nothing lost, no time on the way. */
class Ring {
  members: Member[] = [];
  now = 0;
  copies = 0;
  messages = 0;
  /** Tables asked for and sent. */
  tables = 0;

  add(position: number, options: { leaf?: boolean; bridge?: boolean } = {}): Member {
    const { leaf = false, bridge = false } = options;
    const member: Member = {
      position,
      leaf,
      machine: new Multicast(
        { position, mac, bridge, leaf },
        {
          flood: (plaintext) => {
            this.#spread(member, position, undefined, position, (to) => {
              this.messages++;
              expect(to.machine.announced(position, plaintext.subarray(1), this.now)).toBe(true);
            });
          },
          send: (slot, plaintext) => {
            this.messages++;
            if (plaintext[1] === 3) this.tables++;
            const to = this.members[slot];
            if (to)
              expect(to.machine.received(this.members.indexOf(member), plaintext.subarray(1), this.now)).toBe(
                true,
              );
          },
          toHost: (frame) => member.queries.push(frame),
        },
      ),
      flood: new BoundedFlood(position),
      links: [],
      got: 0,
      queries: [],
      gone: false,
    };
    this.members.push(member);
    return member;
  }

  /** Links every switch with `near` successors and predecessors and some others, and leaves with one anchor. */
  link(near = 2, far = 2): void {
    const switches = this.members.filter((m) => !m.leaf).sort((a, b) => a.position - b.position);
    for (const m of this.members) m.links = [];
    const join = (a: Member, b: Member): void => {
      if (a === b || a.links.includes(b)) return;
      a.links.push(b);
      b.links.push(a);
    };
    switches.forEach((m, i) => {
      for (let k = 1; k <= near; k++) join(m, switches[(i + k) % switches.length] as Member);
      for (let k = 0; k < far; k++) join(m, switches[(i * 7 + k * 13 + 5) % switches.length] as Member);
    });
    this.members
      .filter((m) => m.leaf)
      .forEach((leaf, i) => {
        join(leaf, switches[(i * 3) % switches.length] as Member);
      });
    for (const m of this.members) {
      const links = m.links.map(
        (other): MulticastLink & { port: number; position: number; flood: 'range' | 'copy' } => {
          const slot = this.members.indexOf(other);
          return { slot, port: slot, position: other.position, flood: other.leaf ? 'copy' : 'range' };
        },
      );
      m.flood.set(links);
      m.machine.setLinks(links, this.now);
    }
    this.run(0);
  }

  /** Time passes. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      for (const m of this.members) if (!m.gone) m.machine.tick(this.now);
      if (this.now >= end) return;
      this.now = Math.min(end, this.now + 250);
    }
  }

  #spread(
    from: Member,
    end: number,
    reaches: ((m: Member, from: number, bound: number, slot: number) => boolean) | undefined,
    sender: number,
    arrive: (to: Member) => void,
  ): void {
    const copies: [Member, number][] = [];
    from.flood.begin(end);
    for (let slot = from.flood.next(); slot >= 0; slot = from.flood.next()) {
      const to = this.members[slot] as Member;
      if (to.position === sender) continue;
      if (reaches && !reaches(from, from.flood.from, from.flood.bound, slot)) continue;
      copies.push([to, to.leaf ? -1 : from.flood.bound]);
    }
    for (const [to, bound] of copies) {
      arrive(to);
      if (bound >= 0 && bound !== to.position) this.#spread(to, bound, reaches, sender, arrive);
    }
  }

  /** The host of `member` sends a frame; returns whose hosts got it. False when the member dropped it. */
  send(member: Member, frame: Uint8Array): Member[] | false {
    const aim = (m: Member, own = false): boolean => {
      const view = viewOf(frame);
      if (own) return m.machine.fromHost(view, 0, frame.length, this.now);
      return m.machine.aim(view, 0, frame.length, this.now);
    };
    this.copies = 0;
    if (!aim(member, true)) return false;
    const start = member.leaf ? (member.links[0] as Member) : member;
    const got: Member[] = [];
    const arrive = (to: Member): void => {
      this.copies++;
      aim(to);
      if (to.machine.host) got.push(to);
    };
    if (member.leaf) arrive(start);
    this.#spread(
      start,
      start.position,
      (m, from, bound, slot) => {
        aim(m);
        return m.machine.reaches(slot, from, bound);
      },
      member.position,
      arrive,
    );
    return got;
  }

  settle(): void {
    this.run(settleMs + 5_000);
  }
}

/** Positions that look random but are the same in every run. */
function positions(n: number): number[] {
  let x = 12_345;
  return Array.from({ length: n }, () => {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((x / 2 ** 32) * ringSize);
  });
}

function makeRing(n: number): Ring {
  const ring = new Ring();
  for (const position of positions(n)) ring.add(position);
  ring.link();
  return ring;
}

const at = (ring: Ring, i: number): Member => ring.members[i] as Member;
const join = (ring: Ring, i: number, group = camera): void => {
  ring.send(at(ring, i), igmpV3({ type: 4, group }));
};
const leave = (ring: Ring, i: number, group = camera): void => {
  ring.send(at(ring, i), igmpV3({ type: 3, group }));
};
const indexes = (ring: Ring, members: Member[] | false): number[] | false =>
  members && members.map((m) => ring.members.indexOf(m)).sort((a, b) => a - b);

describe('Multicast on a ring', () => {
  it('reaches exactly the members that want the group, over few links', () => {
    const ring = makeRing(60);
    ring.settle();
    for (const i of [7, 21, 33]) join(ring, i);
    ring.run(2_000);
    for (const sender of [0, 7, 42]) {
      expect(indexes(ring, ring.send(at(ring, sender), toGroup(camera)))).toEqual(
        [7, 21, 33].filter((i) => i !== sender),
      );
      expect(ring.copies).toBeLessThan(30);
    }
    expect(indexes(ring, ring.send(at(ring, 0), toGroup('224.0.0.251')))).toHaveLength(59);
    expect(ring.copies).toBe(59);
  });

  it('drops what nobody wants, once it may know', () => {
    const ring = makeRing(20);
    expect(indexes(ring, ring.send(at(ring, 3), toGroup(camera)))).toHaveLength(19);
    ring.run(settleMs - 1);
    expect(ring.send(at(ring, 3), toGroup(camera))).not.toBe(false);
    ring.run(1);
    expect(ring.send(at(ring, 3), toGroup(camera))).toBe(false);
    expect(ring.send(at(ring, 3), toGroup('ff05::5'))).toBe(false);
    expect(indexes(ring, ring.send(at(ring, 3), toGroup('ff02::fb')))).toHaveLength(19);
  });

  it('costs nothing while nobody wants a group', () => {
    const ring = makeRing(30);
    ring.run(600_000);
    // Each asked one link at the start, and got an empty answer.
    expect(ring.messages).toBe(60);
  });

  it('follows who joins and leaves within two seconds', () => {
    const ring = makeRing(20);
    ring.settle();
    join(ring, 5);
    ring.run(1_500);
    expect(indexes(ring, ring.send(at(ring, 0), toGroup(camera)))).toEqual([5]);
    join(ring, 6);
    leave(ring, 5);
    ring.run(1_500);
    expect(indexes(ring, ring.send(at(ring, 0), toGroup(camera)))).toEqual([6]);
    leave(ring, 6);
    ring.run(1_500);
    expect(ring.send(at(ring, 0), toGroup(camera))).toBe(false);
  });

  it('keeps to its word for as long as it is repeated, and not much longer', () => {
    const ring = makeRing(10);
    ring.settle();
    join(ring, 5);
    ring.run(1_000_000);
    expect(indexes(ring, ring.send(at(ring, 0), toGroup(camera)))).toEqual([5]);
    const before = ring.messages;
    ring.run(1_000_000);
    // Nine copies about every two minutes.
    expect(ring.messages - before).toBeLessThan(9 * 10);
    // Its host goes on wanting; the member is gone.
    at(ring, 5).gone = true;
    ring.run(320_000);
    expect(ring.send(at(ring, 0), toGroup(camera))).toBe(false);
  });

  it('a member that comes later learns the table from a link', () => {
    const ring = makeRing(40);
    ring.settle();
    for (const i of [7, 21, 33]) join(ring, i);
    ring.run(20_000);
    const late = ring.add(123_456_789_012);
    ring.link();
    ring.run(1_000);
    const before = ring.messages;
    ring.run(settleMs);
    expect(indexes(ring, ring.send(late, toGroup(camera)))).toEqual([7, 21, 33]);
    expect(ring.copies).toBeLessThan(25);
    expect(ring.messages - before).toBe(0);
    // And is found by who was there before.
    ring.send(late, igmp(0x16, '239.9.9.9'));
    ring.run(1_500);
    expect(indexes(ring, ring.send(at(ring, 0), toGroup('239.9.9.9')))).toEqual([40]);
  });

  it('gives everything to a member with the bridge right, membership reports too', () => {
    const ring = new Ring();
    positions(12).forEach((position, i) => ring.add(position, { bridge: i === 4 }));
    ring.link();
    ring.settle();
    expect(indexes(ring, ring.send(at(ring, 0), toGroup(camera)))).toEqual([4]);
    expect(indexes(ring, ring.send(at(ring, 0), igmpV3({ type: 4, group: camera })))).toEqual([4]);
    expect(indexes(ring, ring.send(at(ring, 0), mldV2({ type: 4, group: 'ff05::9' })))).toEqual([4]);
    expect(at(ring, 4).queries).toEqual([]);
  });

  it('keeps membership reports from everybody else, from the first moment', () => {
    const ring = makeRing(12);
    expect(ring.send(at(ring, 0), igmp(0x16, camera))).toBe(false);
    expect(at(ring, 0).machine.isReport).toBe(true);
    expect(indexes(ring, ring.send(at(ring, 0), igmp(0x11, '0.0.0.0', '224.0.0.1')))).toHaveLength(11);
  });

  it('serves leaves through their anchor', () => {
    const ring = new Ring();
    positions(20).forEach((position, i) => ring.add(position, { leaf: i >= 17 }));
    ring.link();
    ring.settle();
    join(ring, 18);
    ring.run(2_000);
    expect(indexes(ring, ring.send(at(ring, 2), toGroup(camera)))).toEqual([18]);
    expect(indexes(ring, ring.send(at(ring, 17), toGroup(camera)))).toEqual([18]);
    leave(ring, 18);
    ring.run(2_000);
    expect(ring.send(at(ring, 2), toGroup(camera))).toBe(false);
  });

  it('reaches a member that sits unknown between us and our first link', () => {
    // As BoundedFlood walks: the arc of the edge begins at ourselves.
    const self = new BoundedFlood(100);
    self.set([
      { port: 1, position: 200, flood: 'range' },
      { port: 2, position: 300, flood: 'range' },
      { port: 3, position: 9, flood: 'copy' },
    ]);
    const walk: [number, number, number][] = [];
    self.begin(100);
    for (let port = self.next(); port >= 0; port = self.next()) walk.push([port, self.from, self.bound]);
    expect(walk).toEqual([
      [1, 100, 300],
      [2, 300, 100],
      [3, -1, 10],
    ]);
    self.holes(250);
    expect([self.next(), self.from, self.bound]).toEqual([2, 300, 100]);
    expect(isInside(150, 100, 300)).toBe(true);
    expect(clockwise(300, 50)).toBeLessThan(clockwise(300, 100));
  });
});

describe('Multicast of one node', () => {
  function alone(options: { bridge?: boolean; leaf?: boolean } = {}): {
    machine: Multicast;
    flooded: Uint8Array[];
    sent: [number, Uint8Array][];
    host: Uint8Array[];
  } {
    const flooded: Uint8Array[] = [];
    const sent: [number, Uint8Array][] = [];
    const host: Uint8Array[] = [];
    const machine = new Multicast(
      { position: 500, mac, bridge: options.bridge ?? false, leaf: options.leaf ?? false },
      {
        flood: (p) => flooded.push(p),
        send: (slot, p) => sent.push([slot, p]),
        toHost: (frame) => host.push(frame),
      },
    );
    return { machine, flooded, sent, host };
  }
  const hears = (machine: Multicast, frame: Uint8Array, now: number): boolean =>
    machine.fromHost(viewOf(frame), 0, frame.length, now);
  const runTo = (machine: Multicast, from: number, to: number): void => {
    for (let now = from; now <= to; now += 250) machine.tick(now);
  };

  it('asks its host for its groups at the start, again after 3 s, then every 125 s', () => {
    const { machine, host } = alone();
    runTo(machine, 0, 2_750);
    expect(host).toHaveLength(2);
    for (const frame of host) {
      expect(frame[6]).toBe(6);
      expect(audienceOf(viewOf(frame), 0, frame.length)).toBe(Audience.all);
    }
    runTo(machine, 3_000, 127_750);
    expect(host).toHaveLength(4);
    runTo(machine, 128_000, 128_000);
    expect(host).toHaveLength(6);
  });

  it('gives its host everything for 10 s, then what it joined', () => {
    const { machine } = alone();
    machine.tick(0);
    const host = (group: string, now: number): boolean => {
      const frame = toGroup(group);
      machine.aim(viewOf(frame), 0, frame.length, now);
      return machine.host;
    };
    expect(host(camera, settleMs - 1)).toBe(true);
    expect(host(camera, settleMs)).toBe(false);
    expect(host('224.0.0.251', settleMs)).toBe(true);
    hears(machine, igmp(0x16, camera), settleMs);
    expect(host(camera, settleMs)).toBe(true);
    expect(host('239.7.7.7', settleMs)).toBe(false);
  });

  it('says at once what is new, three times, and no more than once a second', () => {
    const { machine, flooded } = alone();
    machine.tick(0);
    machine.setLinks([{ slot: 1, position: 1, flood: 'range' }], 0);
    runTo(machine, 0, 20_000);
    expect(flooded).toEqual([]);
    hears(machine, igmp(0x16, camera), 20_000);
    machine.tick(20_000);
    expect(flooded.map((p) => parseGroups(p.subarray(1)))).toEqual([
      { type: 'announce', wanted: { all: false, keys: Int32Array.of(keyOf(ip4(camera))) } },
    ]);
    for (let i = 0; i < 100; i++) hears(machine, igmp(0x16, `239.5.0.${i}`), 20_010);
    runTo(machine, 20_010, 20_900);
    expect(flooded).toHaveLength(1);
    runTo(machine, 21_000, 40_000);
    expect(flooded).toHaveLength(4);
    const last = parseGroups((flooded.at(-1) as Uint8Array).subarray(1));
    expect(last?.type === 'announce' && last.wanted.keys.length).toBe(101);
  });

  it('wants everything when its host wants too much to name', () => {
    const { machine, flooded } = alone();
    machine.setLinks([{ slot: 1, position: 1, flood: 'range' }], 0);
    for (let i = 0; i < 300; i++) hears(machine, igmp(0x16, `239.5.${i >> 8}.${i & 255}`), 0);
    machine.tick(0);
    expect(parseGroups((flooded[0] as Uint8Array).subarray(1))).toMatchObject({ wanted: { all: true } });
  });

  it('asks other links until one answers, then a new one now and then', () => {
    const { machine, sent } = alone();
    machine.setLinks(
      [
        { slot: 1, position: 1, flood: 'range' },
        { slot: 2, position: 2, flood: 'copy' },
        { slot: 3, position: 3, flood: 'none' },
      ],
      0,
    );
    runTo(machine, 0, 5_000);
    expect(sent.map(([slot]) => slot)).toEqual([1, 3, 1]);
    machine.received(1, Uint8Array.of(3, 1), 5_000);
    runTo(machine, 5_000, 30_000);
    expect(sent).toHaveLength(3);
    machine.setLinks([{ slot: 4, position: 4, flood: 'range' }], 30_000);
    expect(sent).toHaveLength(3);
    machine.setLinks([{ slot: 5, position: 5, flood: 'range' }], 70_000);
    expect(sent.map(([slot]) => slot)).toEqual([1, 3, 1, 5]);
  });

  it('takes a table only from whom it asked, and against nobody’s own word', () => {
    const { machine } = alone();
    machine.setLinks([{ slot: 1, position: 1, flood: 'range' }], 0);
    runTo(machine, 0, 11_000);
    const camera1 = { all: false, keys: Int32Array.of(keyOf(ip4(camera))) };
    const frame = toGroup(camera);
    const wanted = (): boolean => machine.aim(viewOf(frame), 0, frame.length, 11_000);
    // position 1000, 5 s old, wants `camera`.
    const entry = (age: number): Uint8Array =>
      Uint8Array.of(
        3,
        1,
        0,
        0,
        0,
        0,
        0,
        0x3e,
        0x80,
        0,
        age >> 8,
        age & 255,
        ...encodeAnnounce(camera1).subarray(2),
      );
    expect(wanted()).toBe(false);
    machine.received(2, entry(5), 11_000);
    expect(wanted()).toBe(false);
    machine.received(1, entry(301), 11_000);
    expect(wanted()).toBe(false);
    machine.received(1, entry(5), 11_000);
    expect(wanted()).toBe(true);
    machine.announced(1_000, encodeAnnounce({ all: false, keys: Int32Array.of(5) }).subarray(1), 11_000);
    expect(wanted()).toBe(false);
    machine.received(1, entry(5), 11_000);
    expect(wanted()).toBe(false);
  });

  it('answers an asker once in five seconds', () => {
    const { machine, sent } = alone({ bridge: true });
    for (const now of [0, 100, 4_999, 5_000]) machine.received(9, Uint8Array.of(2), now);
    expect(sent.map(([slot, p]) => [slot, p[1]])).toEqual([
      [9, 3],
      [9, 3],
    ]);
    expect(parseGroups((sent[0]?.[1] as Uint8Array).subarray(1))).toMatchObject({
      last: true,
      entries: [{ position: 500, wanted: { all: true } }],
    });
  });

  it('wants for a member that hangs on us alone, whether it told us or everybody', () => {
    const { machine, flooded } = alone();
    const links = [
      { slot: 1, position: 1, flood: 'range' },
      { slot: 2, position: 700, flood: 'copy' },
    ] as const;
    machine.setLinks(links, 0);
    runTo(machine, 0, 20_000);
    const frame = toGroup(camera);
    const reaches = (): boolean => {
      machine.aim(viewOf(frame), 0, frame.length, 20_000);
      return machine.reaches(2, -1, 0);
    };
    expect(reaches()).toBe(false);
    const wanted = encodeAnnounce({ all: false, keys: Int32Array.of(keyOf(ip4(camera))) });
    machine.announced(700, wanted.subarray(1), 20_000);
    expect(reaches()).toBe(true);
    machine.tick(20_000);
    expect(flooded).toEqual([wanted]);
    // What it tells us for ourselves counts more.
    machine.received(2, Uint8Array.of(1, 0, 0, 0), 20_000);
    expect(reaches()).toBe(false);
    // It found its place: others reach it on their own.
    machine.forget(2);
    machine.setLinks([links[0], { ...links[1], flood: 'range' }], 21_000);
    machine.tick(22_000);
    expect(flooded.at(-1)).toEqual(encodeAnnounce({ all: false, keys: new Int32Array(0) }));
  });

  it('refuses what is malformed, and groups of a flood that are no announcement', () => {
    const { machine } = alone();
    expect(machine.received(1, Uint8Array.of(9), 0)).toBe(false);
    expect(machine.announced(1, Uint8Array.of(2), 0)).toBe(false);
    expect(machine.announced(1, Uint8Array.of(1, 0, 0, 0), 0)).toBe(true);
  });

  it('aims without allocating', () => {
    const { machine } = alone();
    machine.tick(0);
    machine.setLinks([{ slot: 1, position: 1, flood: 'range' }], 0);
    machine.announced(
      1_000,
      encodeAnnounce({ all: false, keys: Int32Array.of(keyOf(ip4(camera))) }).subarray(1),
      0,
    );
    const frames = [toGroup(camera), toGroup('ff05::5'), toGroup('224.0.0.251')].map(
      (f) => [viewOf(f), f.length] as const,
    );
    let hits = 0;
    const rounds = (n: number): void => {
      for (let i = 0; i < n; i++) {
        const [view, length] = frames[i % 3] as (typeof frames)[0];
        if (machine.aim(view, 0, length, 20_000) && machine.reaches(1, 900, 1_100)) hits++;
      }
    };
    rounds(60_000);
    const before = process.memoryUsage().heapUsed;
    rounds(300_000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000);
    expect(hits).toBe(240_000);
  });
});

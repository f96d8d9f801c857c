import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/lib/env.js';
import { LinkTable } from '../../../src/core/topology/link-table.js';
import type { Link } from '../../../src/core/topology/link.js';
import { Tables } from '../../../src/core/topology/tables.js';
import { Claim, type RingMessage, type TableMessage } from '../../../src/core/wire/ring.js';
import { SimClock } from '../../../src/sim/clock.js';
import { SeededRandom } from '../../support/virtual.js';
import { idAt, memberAt, tableOf } from './places.js';

const self = memberAt(0x80);

/** Our tables, and the links that they are told to. */
class Rig {
  sent: [to: string, message: RingMessage][] = [];
  readonly tables = new Tables(self, false, { send: (to, message) => this.sent.push([to, message]) });
  readonly links = new LinkTable(self.id, {
    env: { clock: new SimClock(), random: new SeededRandom(1), log: silentLogger },
    connect: () => undefined,
    disconnect: () => undefined,
    silence: () => 0,
    waiting: () => 0,
  });

  up(now: number, n: number, claims: number = Claim.ring, indirect = false): Link {
    const link = this.links.came(now, idAt(n), indirect, false);
    this.links.claimed(now, link, claims);
    return link;
  }

  list(now: number, settled = true): void {
    this.tables.list(now, this.links, settled);
  }

  /** What is sent meanwhile, each with its time. */
  run(from: number, to: number): [at: number, to: string, type: string][] {
    const out: [number, string, string][] = [];
    for (let now = from; now <= to; now++) {
      if (now < this.tables.dueAt) continue;
      this.sent = [];
      this.tables.tick(now, this.links);
      for (const [id, { type }] of this.sent) out.push([now, id, type]);
    }
    this.sent = [];
    return out;
  }

  table(link: Link): TableMessage {
    this.sent = [];
    this.tables.tell(0, link);
    const message = this.sent[0]?.[1];
    if (message?.type !== 'table') throw new Error('no table');
    return message;
  }
}

describe('our table', () => {
  it('names each link once: four on each side, all others, and apart from them whom we reach through members', () => {
    const rig = new Rig();
    const numbers = [0x81, 0x82, 0x83, 0x84, 0x85, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b];
    const [first] = numbers.map((n) => rig.up(0, n)) as [Link];
    rig.up(0, 0x86, Claim.ring, true);
    rig.links.take(0, rig.up(0, 0x87), tableOf({ leaf: true }));
    rig.links.begin(0, idAt(0x88));
    rig.list(0);
    const table = rig.table(first);
    expect(table.successors).toEqual([0x81, 0x82, 0x83, 0x84].map(idAt));
    expect(table.predecessors).toEqual([0x7f, 0x7e, 0x7d, 0x7c].map(idAt));
    expect(table.others).toEqual([0x85, 0x7b].map(idAt));
    expect(table.indirect).toEqual([idAt(0x86)]);
  });

  it('is a new one only when something in it changed', () => {
    const rig = new Rig();
    const link = rig.up(0, 0x90);
    const versions: number[] = [];
    const note = (): void => {
      rig.list(0);
      versions.push(rig.table(link).version);
    };
    note();
    note();
    const other = rig.up(0, 0x70);
    note();
    rig.links.moved(other, true);
    note();
    rig.links.lost(0, other, false);
    note();
    const third = rig.up(0, 0x72);
    note();
    rig.links.lost(0, third, false);
    rig.up(0, 0x71);
    note();
    rig.tables.list(0, rig.links, false);
    versions.push(rig.table(link).version);
    expect(versions).toEqual([2, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('goes to neighbours at once when ours change, to others only some time after the last', () => {
    const rig = new Rig();
    const near = rig.up(0, 0x90, Claim.ring);
    const far = rig.up(0, 0x10, Claim.long);
    rig.list(0);
    expect(rig.run(0, 1_000)).toEqual([
      [60, near.id, 'table'],
      [60, far.id, 'table'],
    ]);
    rig.up(1_000, 0x88, Claim.ring);
    rig.list(1_000);
    expect(rig.run(1_000, 1_100)).toContainEqual([1_060, near.id, 'table']);
    expect(rig.tables.dueAt).toBe(2_060);
    // Half a second early where something else is told then anyway.
    rig.tables.claimed(1_559);
    expect(rig.run(1_559, 1_559)).toEqual([]);
    rig.tables.claimed(1_560);
    expect(rig.run(1_560, 3_000)).toEqual([[1_560, far.id, 'table']]);
  });

  it('goes to five others a second, however many there are', () => {
    const rig = new Rig();
    for (let n = 0; n < 40; n++) rig.up(0, n * 3, Claim.long);
    rig.list(0);
    rig.run(0, 100);
    // One more link far away, again and again.
    let tables = 0;
    for (let now = 100; now < 20_100; now += 100) {
      const link = rig.up(now, 0xf0, Claim.long);
      rig.list(now);
      tables += rig.run(now, now + 99).filter(([, to, type]) => type === 'table' && to !== link.id).length;
      rig.links.lost(now, link, false);
      rig.tables.forget(link);
    }
    expect(tables).toBeGreaterThan(60);
    expect(tables).toBeLessThan(20 * 5 * 1.2);
  });

  it('goes again to whoever does not have it after 900 ms', () => {
    const rig = new Rig();
    const link = rig.up(0, 0x90);
    rig.list(0);
    rig.run(0, 100);
    const { version } = rig.table(link);
    rig.sent = [];
    rig.tables.heard(900, link, { seen: version - 1, answer: false });
    expect(rig.run(900, 900)).toEqual([]);
    rig.tables.heard(901, link, { seen: version, answer: false });
    expect(rig.run(901, 1_000)).toEqual([]);
    rig.tables.heard(1_001, link, { seen: version - 1, answer: false });
    expect(rig.run(1_001, 1_001)).toEqual([[1_001, link.id, 'table']]);
  });
});

describe('a beat', () => {
  it('goes when it is due, a little early, and not while something else was told', () => {
    const rig = new Rig();
    const link = rig.up(0, 0x90);
    rig.links.take(0, link, tableOf({ claims: Claim.ring, version: 7 }));
    rig.tables.tell(0, link);
    rig.sent = [];
    expect(rig.tables.beatWhenDue(1_749, link, false)).toBe(2_000);
    expect(rig.sent).toEqual([]);
    expect(rig.tables.beatWhenDue(1_750, link, false)).toBe(3_750);
    expect(rig.sent).toEqual([[link.id, { type: 'beat', seen: 7, claims: 0, answer: false }]]);
  });

  it('goes half as often where nobody is a neighbour', () => {
    const rig = new Rig();
    const link = rig.up(0, 0x90, Claim.long);
    rig.links.take(0, link, tableOf({ claims: Claim.long }));
    rig.tables.tell(0, link);
    expect(rig.tables.beatWhenDue(3_000, link, false)).toBe(4_000);
  });

  it('asks for an answer, and answers', () => {
    const rig = new Rig();
    const link = rig.up(0, 0x90);
    rig.tables.beatWhenDue(0, link, true);
    rig.tables.heard(10, link, { seen: 1, answer: true });
    expect(rig.sent.map(([, message]) => message.type === 'beat' && message.answer)).toEqual([true, false]);
  });

  it('asks for the first table of a link that has not come after 300 ms', () => {
    const rig = new Rig();
    const link = rig.up(1_000, 0x90);
    rig.tables.tell(1_000, link);
    rig.sent = [];
    rig.tables.beatWhenDue(1_299, link, false);
    expect(rig.sent).toEqual([]);
    expect(rig.tables.beatWhenDue(1_300, link, false)).toBe(1_600);
    expect(rig.sent).toEqual([[link.id, { type: 'beat', seen: 0, claims: 0, answer: false }]]);
  });

  it('tells at once what we need the link for from now on', () => {
    const rig = new Rig();
    const link = rig.up(0, 0x90);
    rig.list(0);
    rig.run(0, 100);
    if (rig.links.claim(200, [Claim.long])) rig.tables.claimed(200);
    expect(rig.run(200, 400)).toEqual([[200, link.id, 'beat']]);
  });
});

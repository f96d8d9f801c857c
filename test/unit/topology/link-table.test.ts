import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/lib/env.js';
import { LinkTable, type Sight } from '../../../src/core/topology/link-table.js';
import type { Link } from '../../../src/core/topology/link.js';
import { Claim } from '../../../src/core/wire/ring.js';
import { SimClock } from '../../../src/sim/clock.js';
import { SeededRandom } from '../../support/virtual.js';
import { idAt, tableOf } from './places.js';

const self = idAt(0x80);

/** A table whose connections come and go as the test says. Nothing is silent, unless `silence` or `waiting` say so. */
class Rig {
  readonly connects: [id: string, via: string | undefined][] = [];
  readonly disconnects: string[] = [];
  readonly asked: string[] = [];
  readonly silence = new Map<string, number>();
  readonly waiting = new Map<string, number>();
  readonly cutOff = new Set<string>();
  onDisconnect: (id: string) => void = () => undefined;
  readonly table = new LinkTable(self, {
    env: { clock: new SimClock(), random: new SeededRandom(1), log: silentLogger },
    connect: (id, via) => this.connects.push([id, via]),
    disconnect: (id) => {
      this.disconnects.push(id);
      this.onDisconnect(id);
    },
    silence: (id) => this.silence.get(id) ?? 0,
    waiting: (id) => this.waiting.get(id) ?? 0,
    cutOff: (id) => this.cutOff.has(id),
  });

  up(now: number, n: number, indirect = false): Link {
    return this.table.came(now, idAt(n), indirect, false);
  }

  look(now: number): [id: string, sight: Sight][] {
    const beats = {
      beatWhenDue: (at: number, link: Link, ask: boolean): number => {
        if (ask) this.asked.push(link.id);
        return at + link.beatMs;
      },
    };
    const seen: [string, Sight][] = [];
    this.table.look(now, beats, (link, sight) => seen.push([link.id, sight]));
    return seen;
  }

  /** Looks whenever that is due; what was seen, with the time. */
  lookUntil(end: number): [at: number, id: string, sight: Sight][] {
    const seen: [number, string, Sight][] = [];
    for (let now = this.table.lookAt; now <= end; now = this.table.lookAt) {
      for (const [id, sight] of this.look(now)) seen.push([now, id, sight]);
    }
    return seen;
  }

  /** Says what we need all links for. */
  claim(now: number, claims: number): boolean {
    return this.table.claim(
      now,
      [...this.table].map(() => claims),
    );
  }
}

describe('a link that there is no way to', () => {
  const cut = (): { rig: Rig; link: Link } => {
    const rig = new Rig();
    const link = rig.up(0, 1);
    rig.claim(0, Claim.long);
    rig.look(0);
    rig.cutOff.add(link.id);
    rig.silence.set(link.id, Infinity);
    rig.waiting.set(link.id, 60_000);
    rig.table.unanswered(0);
    return { rig, link };
  };

  it('is kept, and nothing is sent through it', () => {
    const { rig, link } = cut();
    expect(rig.lookUntil(30_000).map(([, , sight]) => sight)).toEqual(['suspect']);
    expect([...rig.table]).toEqual([link]);
    expect(rig.asked).toEqual([]);
  });

  it('is asked when there is one again, and not believed before it answers', () => {
    const { rig, link } = cut();
    rig.lookUntil(10_000);
    rig.cutOff.clear();
    rig.lookUntil(11_000);
    expect(rig.asked).toContain(link.id);
    expect(link.suspect).toBe(true);
    rig.silence.set(link.id, 0);
    rig.waiting.clear();
    rig.lookUntil(12_000);
    expect(link.suspect).toBe(false);
  });

  it('is dead when it does not answer then, for as long as others need to come back to the relay', () => {
    const { rig, link } = cut();
    rig.lookUntil(10_000);
    rig.cutOff.clear();
    const [at = 0] = rig.lookUntil(30_000).find(([, , sight]) => sight === 'dead') ?? [];
    expect(at).toBeGreaterThan(19_000);
    expect(at).toBeLessThan(21_000);
    expect(rig.disconnects).toEqual([link.id]);
  });
});

describe('beginning links', () => {
  it('asks for each once, through a link that reaches the other by itself', () => {
    const { table, connects } = new Rig();
    const friend = table.came(0, idAt(1), false, false);
    table.take(0, friend, tableOf({ others: [idAt(2)], indirect: [idAt(3)] }));
    for (const id of [idAt(2), idAt(3), idAt(2), self, friend.id]) table.begin(0, id);
    expect(connects).toEqual([
      [idAt(2), friend.id],
      [idAt(3), undefined],
    ]);
  });

  it('has 32 under way at most', () => {
    const { table, connects } = new Rig();
    for (let n = 0; n < 40; n++) table.begin(0, idAt(n));
    expect(connects).toHaveLength(32);
    table.came(0, idAt(0), false, false);
    table.begin(0, idAt(40));
    expect(connects).toHaveLength(33);
  });

  it('gives up after ten seconds, and leaves the member alone for four, unless somebody says that it lives', () => {
    const rig = new Rig();
    const { table } = rig;
    table.begin(0, idAt(1));
    const seen = rig.lookUntil(12_000);
    expect(seen).toEqual([[10_000, idAt(1), 'failed']]);
    expect(rig.disconnects).toEqual([idAt(1)]);
    expect([table.shuns(13_999, idAt(1)), table.shuns(14_000, idAt(1))]).toEqual([true, false]);
    table.forgive(idAt(1));
    expect(table.shuns(12_000, idAt(1))).toBe(false);
  });
});

describe('a link that passes packets on', () => {
  it.each([
    ['does', {}, true],
    ['is a leaf', { leaf: true }, false],
    ['reaches the other through members only', { others: [], indirect: [idAt(2)] }, false],
  ])('when it %s: %s', (_what, fields, expected) => {
    const { table } = new Rig();
    const link = table.came(0, idAt(1), false, false);
    table.take(0, link, tableOf({ others: [idAt(2)], ...fields }));
    expect(table.friendOf(idAt(2))).toBe(expected ? link.id : undefined);
    table.moved(link, true);
    expect(table.friendOf(idAt(2))).toBeUndefined();
  });
});

describe('a link that nobody needs', () => {
  it('retires after eight seconds and goes after ten', () => {
    const rig = new Rig();
    rig.up(0, 1);
    rig.claim(0, 0);
    const seen = rig.lookUntil(20_000);
    expect(seen.map(([, , sight]) => sight)).toEqual(['retiring', 'retired']);
    expect(seen[0]?.[0]).toBeGreaterThanOrEqual(8_000);
    expect(seen[0]?.[0]).toBeLessThan(8_500);
    expect(seen[1]?.[0]).toBeGreaterThanOrEqual(10_000);
    expect(seen[1]?.[0]).toBeLessThan(10_500);
    expect(rig.table.size).toBe(0);
    // That says nothing against its member.
    expect(rig.table.shuns(seen[1]?.[0] ?? NaN, idAt(1))).toBe(false);
  });

  it.each(['we', 'the other side'])('stays when needed again by: %s', (who) => {
    const rig = new Rig();
    const link = rig.up(0, 1);
    rig.claim(0, 0);
    rig.lookUntil(9_000);
    expect(link.retiring).toBe(true);
    if (who === 'we') rig.claim(9_000, Claim.long);
    else rig.table.claimed(9_000, link, Claim.long);
    const seen = rig.lookUntil(30_000);
    expect(seen.map(([, , sight]) => sight)).toEqual(['retiring']);
    if (who === 'we') expect(seen[0]?.[0]).toBe(9_000);
    expect(link.retiring).toBe(false);
  });

  it('says what is news of a claim', () => {
    const rig = new Rig();
    rig.up(0, 1);
    expect([rig.claim(0, 0), rig.claim(0, Claim.ring), rig.claim(0, Claim.ring)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe('a link that does not answer', () => {
  it('is looked at soon; one that does, only when it is to beat', () => {
    const rig = new Rig();
    rig.up(0, 1);
    rig.claim(0, Claim.ring);
    expect(rig.table.lookAt).toBeLessThanOrEqual(500);
    rig.look(500);
    expect(rig.table.lookAt).toBe(2_500);
    rig.table.unanswered(600);
    expect(rig.table.lookAt).toBe(1_100);
    rig.up(550, 2);
    expect(rig.table.lookAt).toBe(1_050);
    rig.waiting.set(idAt(1), 500);
    rig.look(1_100);
    expect(rig.table.lookAt).toBe(1_600);
  });

  it('leaves what is asked for meanwhile to be looked at', () => {
    const rig = new Rig();
    const [first, second] = [rig.up(0, 1), rig.up(0, 2)];
    rig.claim(0, Claim.ring);
    rig.look(500);
    rig.silence.set(second.id, 60_000);
    // The first has been looked at when the second ends.
    rig.onDisconnect = () => {
      rig.table.doubt(60_000, first);
    };
    rig.look(60_000);
    expect(rig.table.lookAt).toBe(60_250);
  });

  it('is asked, then suspect, then dead; a ring neighbour is come back to', () => {
    const rig = new Rig();
    const link = rig.up(0, 1);
    rig.claim(0, Claim.ring);
    rig.look(10_000);
    rig.waiting.set(link.id, 700);
    rig.silence.set(link.id, 2_000);
    rig.look(10_100);
    expect(rig.asked).toEqual([link.id]);
    rig.waiting.set(link.id, 1_200);
    expect(rig.look(10_600)).toEqual([[link.id, 'suspect']]);
    expect(link.suspect).toBe(true);
    rig.waiting.set(link.id, 0);
    rig.silence.set(link.id, 0);
    expect(rig.look(10_700)).toEqual([[link.id, 'suspect']]);
    expect(link.suspect).toBe(false);
    rig.silence.set(link.id, 6_000);
    expect(rig.look(12_700)).toEqual([[link.id, 'dead']]);
    expect(rig.table.get(link.id)).toBeUndefined();
    expect(rig.table.shuns(12_700, link.id)).toBe(true);
    rig.table.beginAgain(12_800);
    expect(rig.connects).toEqual([]);
    rig.table.beginAgain(15_000);
    expect(rig.connects).toEqual([[link.id, undefined]]);
  });

  it('is no friend and no more come back to when it was a long one', () => {
    const rig = new Rig();
    const link = rig.up(0, 1);
    rig.claim(0, Claim.long);
    rig.silence.set(link.id, 9_000);
    expect(rig.look(20_000)).toEqual([[link.id, 'dead']]);
    expect(rig.table.dueAt).toBe(rig.table.lookAt);
    rig.table.beginAgain(60_000);
    expect(rig.connects).toEqual([]);
  });

  it('is dead sooner once the rendezvous has said that it is gone', () => {
    const rig = new Rig();
    const link = rig.up(0, 1);
    rig.claim(0, Claim.ring);
    rig.look(10_000);
    rig.silence.set(link.id, 100);
    rig.table.doubt(10_100, link);
    expect(rig.table.lookAt).toBe(10_100);
    rig.silence.set(link.id, 1_800);
    expect(rig.look(11_800)).toEqual([[link.id, 'dead']]);
  });

  it('is gone before its connection is closed: whoever hears of that finds no link to close', () => {
    const rig = new Rig();
    const link = rig.up(0, 1);
    const found: unknown[] = [];
    rig.onDisconnect = (id) => found.push(rig.table.get(id));
    rig.silence.set(link.id, 60_000);
    rig.look(60_000);
    expect(found).toEqual([undefined]);
  });
});

describe('a link whose other side is another process now', () => {
  it('has told nothing and needs us for nothing', () => {
    const { table } = new Rig();
    const link = table.came(0, idAt(1), false, false);
    table.take(0, link, tableOf({ claims: Claim.ring, others: [idAt(2)] }));
    expect([link.theirs, link.names.length, link.reaches.length]).toEqual([Claim.ring, 1, 1]);
    table.restarted(5, link);
    expect([link.theirs, link.names.length, link.reaches.length, link.since]).toEqual([0, 0, 0, 5]);
    expect(link.table).toBeUndefined();
  });
});

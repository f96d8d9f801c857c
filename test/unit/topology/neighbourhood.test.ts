import { describe, expect, it } from 'vitest';
import { Neighbourhood, type Around } from '../../../src/core/topology/neighbourhood.js';
import type { Place } from '../../../src/core/topology/ring.js';
import { positionOfText } from '../../../src/core/topology/position.js';
import type { TableMessage } from '../../../src/core/wire/ring.js';
import { idAt, memberAt, tableOf } from './places.js';

interface FakeLink extends Place {
  up: boolean;
  leaf: boolean;
  suspect: boolean;
  table: TableMessage | undefined;
  names: readonly string[];
  positions: readonly number[];
}

/** A link that is up and named these. */
function link(n: number, names: readonly string[] = [], fields: Partial<FakeLink> = {}): FakeLink {
  const table = tableOf({ others: names });
  const positions = names.map(positionOfText);
  return { ...memberAt(n), up: true, leaf: false, suspect: false, table, names, positions, ...fields };
}

function aroundOf(links: readonly FakeLink[], shunned: readonly string[] = []): Around {
  return {
    [Symbol.iterator]: () => links[Symbol.iterator](),
    get: (id) => links.find((one) => one.id === id),
    shuns: (_now, id) => shunned.includes(id),
  };
}

const self = memberAt(0x80);
const numbers = (places: readonly Place[]) => places.map(({ id }) => parseInt(id.slice(0, 2), 16));
/** `count` ids spread evenly over the ring. */
const spread = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    Math.floor((i * 2 ** 32) / count + 5)
      .toString(16)
      .padStart(8, '0')
      .padEnd(32, '0'),
  );

function started(leaf = false): Neighbourhood {
  const around = new Neighbourhood(self, leaf);
  around.start(0);
  return around;
}

describe('who is around us', () => {
  it('are the nearest on both sides of all that links and the rendezvous name', () => {
    const around = started();
    around.named(idAt(0x7e), false);
    const links = aroundOf([link(0x90, [idAt(0x84), idAt(0x81), self.id]), link(0x10, [idAt(0x70)])]);
    const pool = around.look(0, links);
    expect(numbers(pool.ahead)).toEqual([0x81, 0x84, 0x90]);
    expect(numbers(pool.behind)).toEqual([0x7e, 0x70, 0x10]);
  });

  it('are two on each side for a leaf', () => {
    const pool = started(true).look(0, aroundOf([link(0x90, [0x91, 0x92, 0x71, 0x72, 0x73].map(idAt))]));
    expect(numbers(pool.ahead)).toEqual([0x90, 0x91]);
    expect(numbers(pool.behind)).toEqual([0x73, 0x72]);
  });

  it('are no leaves, nobody that only a silent link names, and nobody to be left alone', () => {
    const links = aroundOf(
      [link(0x88, [], { leaf: true }), link(0xa0, [idAt(0x81)], { suspect: true }), link(0x90, [idAt(0x82)])],
      [idAt(0x82)],
    );
    const pool = started().look(0, links);
    expect(numbers(pool.ahead)).toEqual([0x90, 0xa0]);
    // Whoever is left alone is there all the same.
    expect(pool.ids.has(idAt(0x82))).toBe(true);
    expect(pool.ids.has(idAt(0x81))).toBe(false);
  });

  it('remembers the last 64 that the rendezvous named', () => {
    const around = started();
    for (let n = 0; n < 70; n++) around.named(idAt(n), false);
    around.gone(idAt(69));
    const pool = around.look(0, aroundOf([]));
    expect(pool.ids.has(idAt(5))).toBe(false);
    expect(pool.ids.has(idAt(6))).toBe(true);
    expect(pool.ids.has(idAt(69))).toBe(false);
  });

  it('are gathered again after a second, and at once after news from among them', () => {
    const around = started();
    const links = [link(0x90)];
    const first = around.look(0, aroundOf(links));
    links.push(link(0x85));
    expect(around.look(999, aroundOf(links))).toBe(first);
    expect(numbers(around.look(1_000, aroundOf(links)).ahead)).toEqual([0x85, 0x90]);
    links.push(link(0x83));
    around.appeared(idAt(0x83), false);
    expect(numbers(around.look(1_001, aroundOf(links)).ahead)).toEqual([0x83, 0x85, 0x90]);
  });

  it('are the same when we are named ourselves', () => {
    const around = started();
    const first = around.look(0, aroundOf([link(0x90)]));
    around.named(self.id, false);
    expect(around.look(1, aroundOf([]))).toBe(first);
  });

  it('takes a name for news when it is near and was not known', () => {
    const around = started();
    const ids = spread(400);
    const links = aroundOf([link(0x90, ids)]);
    // The size decides how far is near.
    around.look(0, links);
    around.renew();
    around.look(0, links);
    const heard = (id: string): boolean => around.heard([id], [positionOfText(id)]);
    expect(heard(ids[200] as string)).toBe(false);
    expect(heard(idAt(0x10))).toBe(false);
    expect(heard(self.id)).toBe(false);
    expect(heard('80000100'.padEnd(32, '0'))).toBe(true);
  });
});

describe('how many there are', () => {
  it('is counted where they are few', () => {
    const around = started();
    around.look(0, aroundOf([link(0x90, spread(20))]));
    expect(around.size).toBe(22);
  });

  it('is estimated where they are many, within a few percent when they sit evenly', () => {
    const around = started();
    const links = aroundOf([link(0x90, spread(1_000))]);
    around.look(0, links);
    around.renew();
    around.look(0, links);
    expect(around.size).toBeGreaterThan(900);
    expect(around.size).toBeLessThan(1_300);
  });

  it('is what the rendezvous counted only until we know better', () => {
    const around = started();
    around.counted(500);
    const links = aroundOf([link(0x90), link(0x70)]);
    const pool = around.look(0, links);
    expect(around.size).toBe(500);
    around.settle(0, pool, links);
    around.look(1_999, links);
    expect(around.size).toBe(500);
    around.look(2_000, links);
    expect(around.size).toBe(3);
  });

  it('makes a mesh up to 16, which lasts up to 20', () => {
    const around = started();
    const meshWith = (count: number): boolean => {
      around.renew();
      around.look(10_000, aroundOf([link(0x90, spread(count - 2))]));
      expect(around.size).toBe(count);
      return around.mesh;
    };
    expect([16, 20, 21, 20, 17, 16, 17].map(meshWith)).toEqual([true, true, false, false, false, true, true]);
    const leaf = started(true);
    leaf.look(0, aroundOf([link(0x90)]));
    expect(leaf.mesh).toBe(false);
  });
});

describe('our place on the ring', () => {
  const settle = (around: Neighbourhood, now: number, links: readonly FakeLink[]): number => {
    around.renew();
    return around.settle(now, around.look(now, aroundOf(links)), aroundOf(links));
  };

  it('is ours at once when the rendezvous knows nobody else, and after a while without an answer', () => {
    const answered = started();
    answered.counted(1);
    expect(settle(answered, 0, [])).toBe(Infinity);
    expect(answered.settled).toBe(true);
    const silent = started();
    expect(settle(silent, 0, [])).toBe(1_500);
    expect(silent.settled).toBe(false);
    settle(silent, 1_500, []);
    expect(silent.settled).toBe(true);
  });

  it('is ours once the nearest on both sides have told whom they know', () => {
    const around = started();
    const [ahead, behind] = [link(0x90, [], { table: undefined }), link(0x70)];
    settle(around, 0, [ahead, behind]);
    expect(around.settled).toBe(false);
    ahead.table = tableOf();
    settle(around, 0, [ahead, behind, link(0x88, [], { up: false, table: undefined })]);
    expect(around.settled).toBe(false);
    settle(around, 0, [ahead, behind]);
    expect(around.settled).toBe(true);
    around.clear();
    expect(around.settled).toBe(false);
  });
});

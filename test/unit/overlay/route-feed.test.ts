import { describe, expect, it } from 'vitest';
import { manyLinks, planeLinks, routeEveryMs, RouteFeed } from '../../../src/core/overlay/route-feed.js';
import type { LinkPeer } from '../../../src/core/overlay/ports.js';
import type { LinkRoute } from '../../../src/core/topology/overlay-ports.js';

function tableOf(links: number, mark = ''): LinkRoute[] {
  return Array.from({ length: links }, (_, i) => ({
    id: `${mark}${i}`,
    forwards: true,
    flood: 'range',
    reaches: [],
  }));
}

function rig() {
  const given: string[] = [];
  const feed = new RouteFeed((routes) => given.push(routes[0]?.id ?? 'none'));
  return { feed, given };
}

describe('RouteFeed', () => {
  it('gives a small table at once, each time', () => {
    const { feed, given } = rig();
    for (const mark of ['a', 'b']) feed.put(1_000, tableOf(manyLinks, mark));
    feed.put(1_000, []);
    expect([given, feed.dueAt]).toEqual([['a0', 'b0', 'none'], Infinity]);
  });

  it('gives a large one no more often than that, and the newest', () => {
    const { feed, given } = rig();
    for (const mark of ['a', 'b', 'c']) feed.put(1_000, tableOf(manyLinks + 1, mark));
    expect([given, feed.dueAt]).toEqual([['a0'], 1_000 + routeEveryMs]);
    feed.tick(999 + routeEveryMs);
    expect(given).toEqual(['a0']);
    feed.tick(1_000 + routeEveryMs);
    feed.tick(1_000 + 2 * routeEveryMs);
    expect([given, feed.dueAt]).toEqual([['a0', 'c0'], Infinity]);
  });

  it('forgets what waits when a small one comes, and when it is cleared', () => {
    const { feed, given } = rig();
    for (const mark of ['a', 'b']) feed.put(1_000, tableOf(manyLinks + 1, mark));
    feed.put(1_001, tableOf(1, 'c'));
    feed.put(1_002, tableOf(manyLinks + 1, 'd'));
    feed.clear();
    feed.tick(9_000);
    expect([given, feed.dueAt]).toEqual([['a0', 'c0'], Infinity]);
  });

  it('names members by their slots, and leaves out who is not known any more', () => {
    const peer = { slot: 7 } as LinkPeer;
    const [link, ...others] = planeLinks(tableOf(2), { get: (id) => (id === '1' ? peer : undefined) });
    expect([link?.slot, link?.forwards, link?.flood, others]).toEqual([7, true, 'range', []]);
  });
});

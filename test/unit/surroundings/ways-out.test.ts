import { describe, expect, it } from 'vitest';
import {
  describeWay,
  isVeiled,
  sameWays,
  wayOut,
  type Egress,
  type Link,
} from '../../../src/core/surroundings/ways-out.js';

const links: readonly Link[] = [
  { index: 2, name: 'eth0', lowers: [] },
  { index: 3, name: 'wlan0', lowers: [] },
  { index: 7, name: 'lan7', lowers: [] },
  { index: 8, name: 'evio1', lowers: [] },
  // A VXLAN on the interface of the network, a VLAN on that, and a macvlan on the cable.
  { index: 9, name: 'vx0', lowers: [7] },
  { index: 10, name: 'vx0.5', lowers: [9] },
  { index: 11, name: 'mac0', lowers: [2] },
  { index: 12, name: 'loop0', lowers: [13] },
  { index: 13, name: 'loop1', lowers: [12] },
  { index: 14, name: 'tun0', lowers: [], veiled: true },
  { index: 15, name: 'wwan0', lowers: [] },
];

const by = (device: number, metric = 0): Egress => ({
  device,
  gateway: `10.0.${device}.1`,
  source: `10.0.${device}.5`,
  metric,
});

function look(routed: (Egress | null)[], defaults: Egress[] = [], over = 0) {
  let dumped = 0;
  const way = wayOut(
    'lan7',
    {
      routed,
      defaults: () => {
        dumped++;
        return defaults;
      },
      link: (index) => links.find((link) => link.index === index),
    },
    over,
  );
  return { way: way && `${way.name} ${way.pinned}`, dumped };
}

describe('an interface of which nobody sees on what it stands', () => {
  it('is veiled, and so is what stands on it', () => {
    const veils = [...links, { index: 20, name: 'work', lowers: [], veiled: true }];
    veils.push({ index: 21, name: 'work.5', lowers: [20], veiled: false });
    const of = (index: number): boolean => isVeiled(index, (i) => veils.find((link) => link.index === i));
    expect([20, 21].map(of)).toEqual([true, true]);
    expect([2, 9, 12, 99].map(of)).toEqual([false, false, false, false]);
  });
});

describe('the way out', () => {
  it('is what the kernel says, and no table is read for that', () => {
    expect(look([by(2), by(2)])).toEqual({ way: 'eth0 false', dumped: 0 });
    expect(look([null, by(11)])).toEqual({ way: 'mac0 false', dumped: 0 });
    expect(look([null, null])).toEqual({ way: null, dumped: 0 });
    expect(look([by(12)])).toEqual({ way: 'loop0 false', dumped: 0 });
  });

  it.each([7, 8, 9, 10])('is the best default route of the others when interface %i is ours', (ours) => {
    const defaults = [by(ours), by(3, 600), by(2, 100), by(0)];
    expect(look([by(ours), by(2)], defaults).way).toBe('eth0 true');
    expect(look([by(2), by(ours)], [by(3, 600)]).way).toBe('wlan0 true');
    expect(look([by(ours)], [by(ours)]).way).toBe(null);
  });

  it('is another default route, by another interface, when the best is passed over', () => {
    const defaults = [by(15, 700), by(2, 100), by(3, 600), by(2, 650), by(14, 1), by(7, 2), by(9, 3)];
    const passed = (over: number): string | null => look([by(2)], defaults, over).way;
    expect([0, 1, 2, 3].map(passed)).toEqual(['eth0 false', 'wlan0 true', 'wwan0 true', 'eth0 false']);
    // Routes lead through the network itself.
    const through = (over: number): string | null => look([by(7)], defaults.slice(0, 4), over).way;
    expect([0, 1, 2, 3].map(through)).toEqual(['eth0 true', 'wlan0 true', 'wwan0 true', 'eth0 true']);
    expect(look([by(2)], [by(2)], 1).way).toBe('eth0 false');
    expect(look([null], [], 1).way).toBe(null);
  });

  it('is no other than a tunnel where that is the best', () => {
    expect(look([by(14)], [by(14), by(2, 100)], 1).way).toBe('tun0 false');
  });

  it('differs by interface, next hop, own address and pin', () => {
    const way = wayOut('lan7', {
      routed: [by(2)],
      defaults: () => [],
      link: (i) => links.find((l) => l.index === i),
    });
    if (!way) throw new Error('no way');
    expect(describeWay(way)).toBe('eth0 via 10.0.2.1');
    const a = { v4: way, v6: null };
    expect(sameWays(a, { v4: { ...way, name: 'renamed' }, v6: null })).toBe(true);
    for (const change of [{ device: 3 }, { gateway: '10.0.2.9' }, { source: '10.0.2.7' }, { pinned: true }])
      expect(sameWays(a, { v4: { ...way, ...change }, v6: null })).toBe(false);
    expect(sameWays(a, { v4: null, v6: null })).toBe(false);
    expect(sameWays(a, { v4: way, v6: way })).toBe(false);
  });
});

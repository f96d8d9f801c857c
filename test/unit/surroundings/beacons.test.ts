import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../src/core/lib/bytes.js';
import { Beacons } from '../../../src/core/surroundings/beacons.js';
import type { LanInterface } from '../../../src/core/surroundings/candidate.js';
import { beaconKey, parseBeacon } from '../../../src/core/wire/beacon.js';
import { SeededRandom } from '../../support/virtual.js';

const key = beaconKey(new Uint8Array(32));
const eth0: LanInterface = { device: 'eth0', addresses: ['10.0.0.1'] };
const eth1: LanInterface = { device: 'eth1', addresses: ['10.1.0.1', 'fd00::1'] };

/** Members on one LAN, where everybody hears everybody, himself too; and what was ever said there. */
function lan(count: number, keys: readonly Uint8Array[] = []) {
  let now = 0;
  const said: { at: number; from: number; device: string; bytes: Uint8Array }[] = [];
  const found: string[][] = Array.from({ length: count }, () => []);
  const stands: string[] = [];
  let cut = false;
  const members = found.map(
    (list, from) =>
      new Beacons(0, {
        random: new SeededRandom(from + 1),
        key: keys[from] ?? key,
        card: (addresses) => utf8(`n${from} ${addresses.join()}`),
        stand: (interfaces) => stands.push(`${from}: ${interfaces.map(({ device }) => device).join()}`),
        send: (device, bytes) => {
          said.push({ at: now, from, device, bytes });
          if (!cut) for (const member of members) member.receive(now, bytes);
        },
        found: (card) => list.push(Buffer.from(card).toString()),
      }),
  );
  const run = (ms: number): void => {
    for (const end = now + ms; ;) {
      const at = Math.min(...members.map((member) => member.dueAt));
      if (at > end) {
        now = end;
        return;
      }
      now = Math.max(now, at);
      for (const member of members) member.tick(now);
    }
  };
  return {
    members,
    said,
    found,
    stands,
    run,
    cut: () => (cut = true),
    get now() {
      return now;
    },
  };
}

describe('beacons', () => {
  it('have two members find each other within seconds, each by the other’s echo', () => {
    const { members, found, run, now } = lan(2);
    members.forEach((member) => {
      member.look(now, [eth0]);
    });
    run(2_000);
    expect(found.map((list) => [...new Set(list)])).toEqual([['n1 10.0.0.1'], ['n0 10.0.0.1']]);
  });

  it('have who comes later found at the next beacon of who was there', () => {
    const net = lan(2);
    net.members[0]?.look(0, [eth0]);
    net.run(60_000);
    net.members[1]?.look(net.now, [eth0]);
    net.run(7_500);
    expect(net.found.map((list) => list.length > 0)).toEqual([true, true]);
  });

  it('of others, of ourselves and recordings find nobody', () => {
    const net = lan(3, [key, key, beaconKey(Uint8Array.of(9))]);
    net.members.forEach((member) => {
      member.look(0, [eth0]);
    });
    net.run(2_000);
    expect(net.found[2]).toEqual([]);
    net.cut();
    const recorded = net.said.filter(({ from }) => from === 0);
    net.run(200_000);
    const before = net.found[1]?.length;
    for (const { bytes } of recorded) net.members[1]?.receive(net.now, bytes);
    expect(net.found[1]?.length).toBe(before);
  });

  it('keep their pace whatever is heard, so a recording tells nobody that it was understood', () => {
    const times = (heard: boolean): number[] => {
      const net = lan(2, [key, heard ? key : beaconKey(Uint8Array.of(9))]);
      net.members.forEach((member) => {
        member.look(0, [eth0]);
      });
      net.run(60_000);
      return net.said.filter(({ from }) => from === 0).map(({ at }) => at);
    };
    expect(times(true).length).toBeGreaterThan(10);
    // The same random numbers are drawn either way.
    expect(times(true)).toEqual(times(false));
  });

  it('go out by each interface with its own addresses, quickly again after a change, and not at all without one', () => {
    const net = lan(1);
    const [member] = net.members as [Beacons];
    member.look(0, [eth0, eth1]);
    const cards = net.said.map(({ device, bytes }) => [
      device,
      Buffer.from(parseBeacon(bytes, key)?.card ?? []).toString(),
    ]);
    expect(cards).toEqual([
      ['eth0', 'n0 10.0.0.1'],
      ['eth1', 'n0 10.1.0.1,fd00::1'],
    ]);
    net.run(60_000);
    const before = net.said.length;
    member.look(net.now, [eth0, eth1]);
    expect(net.said.length).toBe(before);
    member.look(net.now, [eth1]);
    net.run(3_100);
    expect(net.said.slice(before).map(({ device }) => device)).toEqual(['eth1', 'eth1', 'eth1', 'eth1']);
    member.look(net.now, []);
    expect(member.dueAt).toBe(Infinity);
    expect(net.stands).toEqual(['0: eth0,eth1', '0: eth1', '0: ']);
  });

  it('of a flood are opened at a bounded rate, and remembered within a bound', () => {
    const net = lan(2);
    const [member, other] = net.members as [Beacons, Beacons];
    member.look(0, [eth0]);
    other.look(0, [eth0]);
    net.run(500);
    const before = net.found[0]?.length ?? 0;
    const genuine = net.said.findLast(({ from }) => from === 1)?.bytes as Uint8Array;
    for (let i = 0; i < 10_000; i++) member.receive(net.now, genuine);
    expect((net.found[0]?.length ?? 0) - before).toBeLessThanOrEqual(100);
  });
});

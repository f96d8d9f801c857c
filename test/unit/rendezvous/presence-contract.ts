/** What every implementation of presence must do, whatever lies behind it: written against the port alone. */
import { noClaims } from '../../../src/core/identity/claims.js';
import { beforeEach, describe, expect, it } from 'vitest';
import type { KnownMember } from '../../../src/rendezvous/network-record.js';
import type { Presence, PresenceListener } from '../../../src/rendezvous/presence.js';

/**
 * One relay, or several that know of one another. `settled` resolves when what one was told has reached the others.
 */
export interface PresenceRig {
  relay(listener: PresenceListener): Presence;
  settled(): Promise<void>;
}

type Told =
  readonly ['arrived', network: string, id: string, news: boolean] | readonly ['left', string, string];

const idOf = (number: number): string => number.toString(16).padStart(32, '0');

export function member(number: number): KnownMember {
  return {
    ...{
      id: idOf(number),
      name: `n${number}`,
      ip: number,
      signedAt: 0,
      claims: noClaims,
      ephemeral: false,
      notAfter: Infinity,
      lastSeen: 0,
    },
    credential: Uint8Array.of(number),
  };
}

/** Runs the contract. `relays`: how many relays a rig can have; with one, what is said of others is left out. */
export function presenceContract(name: string, makeRig: () => PresenceRig, relays: 1 | 2): void {
  describe(`presence: ${name}`, () => {
    let rig: PresenceRig;
    let told: Told[][];
    let each: Presence[];
    /** The last one asks: the first is told. With one relay they are the same. */
    const ends = (): [Presence, Presence] => [each[0] as Presence, each.at(-1) as Presence];

    beforeEach(() => {
      rig = makeRig();
      told = [];
      each = Array.from({ length: relays }, () => {
        const heard: Told[] = [];
        told.push(heard);
        return rig.relay({
          arrived: (network, { id }, news) => heard.push(['arrived', network, id, news]),
          left: (network, id) => heard.push(['left', network, id]),
        });
      });
    });

    it('knows nobody at first, and says so of any network', () => {
      const [, asked] = ends();
      const online = asked.of('n');
      expect([online.size, online.list, online.has(idOf(1))]).toEqual([0, [], false]);
      expect(online.closest(idOf(1))).toBeUndefined();
      expect(online.neighbours(idOf(1), 4)).toEqual([]);
      expect(online.some(4, () => 0.5)).toEqual([]);
    });

    it('says who is online, in the order of the ring', async () => {
      const [at, asked] = ends();
      for (const number of [5, 1, 9, 3]) at.arrive('n', member(number), true);
      await rig.settled();
      const online = asked.of('n');
      expect(online.list).toEqual([1, 3, 5, 9].map(idOf));
      expect([online.size, online.has(idOf(3)), online.has(idOf(4))]).toEqual([4, true, false]);
      expect(online.closest(idOf(4))).toBe(idOf(5));
      expect(online.closest(idOf(10))).toBe(idOf(1));
      expect(online.closest(idOf(5), idOf(5))).toBe(idOf(9));
      expect(online.neighbours(idOf(1), 1)).toEqual([idOf(3), idOf(9)]);
      expect(new Set(online.some(2, () => 0.9))).toEqual(new Set([idOf(9)]));
    });

    it('keeps networks apart', async () => {
      const [at, asked] = ends();
      at.arrive('n', member(1), true);
      at.arrive('m', member(2), true);
      at.leave('m', idOf(1));
      await rig.settled();
      expect([asked.of('n').list, asked.of('m').list]).toEqual([[idOf(1)], [idOf(2)]]);
    });

    it('tells each relay once of every coming and going, and whether the credential is news', async () => {
      const [at] = ends();
      at.arrive('n', member(3), true);
      at.arrive('n', member(1), true);
      at.arrive('n', member(1), false); // connected anew
      at.leave('n', idOf(1));
      at.leave('n', idOf(1));
      at.leave('n', idOf(2));
      await rig.settled();
      for (const heard of told) {
        expect(heard).toEqual([
          ['arrived', 'n', idOf(3), true],
          ['arrived', 'n', idOf(1), true],
          ['arrived', 'n', idOf(1), false],
          ['left', 'n', idOf(1)],
        ]);
      }
      for (const presence of each) expect(presence.of('n').list).toEqual([idOf(3)]);
    });

    it('counts a member as online before it tells, and as gone before it tells that', async () => {
      const seen: boolean[] = [];
      const presence: Presence = rig.relay({
        arrived: (network, { id }) => seen.push(presence.of(network).has(id)),
        left: (network, id) => seen.push(presence.of(network).has(id)),
      });
      presence.arrive('n', member(1), true);
      presence.leave('n', idOf(1));
      await rig.settled();
      expect(seen).toEqual([true, false]);
    });

    if (relays === 2)
      it('a member that moved to another relay never left', async () => {
        const [one, two] = ends();
        one.arrive('n', member(1), true);
        await rig.settled();
        two.arrive('n', member(1), false);
        await rig.settled();
        one.leave('n', idOf(1));
        await rig.settled();
        for (const heard of told) expect(heard.map(([what]) => what)).toEqual(['arrived', 'arrived']);
        for (const presence of each) expect(presence.of('n').has(idOf(1))).toBe(true);
      });
  });
}

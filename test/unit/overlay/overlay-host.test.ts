import { describe, expect, it } from 'vitest';
import { makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { Role } from '../../../src/core/identity/certificate.js';
import { lonelyAfterMs, lonelyEveryMs, OverlayHost } from '../../../src/core/overlay/overlay-host.js';
import type { LinkPeer } from '../../../src/core/overlay/ports.js';
import type { FindKey } from '../../../src/core/relays/relay-queries.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

/** An overlay among members who are known or not, and relays that only count the questions. */
function rig(anyUp = true) {
  const clock = new VirtualClock();
  const env = virtualEnv(clock);
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'self' };
  const self = selfOf(makeNetwork(plan, env));
  const known = new Map<string, LinkPeer>();
  const connected: string[] = [];
  const asked: string[] = [];
  const completes: boolean[] = [];
  const add = (
    name: string,
    idText: string,
    given: Partial<LinkPeer> = {},
    role: number = Role.switch,
  ): void => {
    const peer: LinkPeer = {
      slot: known.size,
      member: { id: new Uint8Array(16), idText, name, role, credential: new Uint8Array(1) },
      state: 'idle',
      indirect: false,
      remembered: [],
      whereabouts: [],
      silenceMs: Infinity,
      waitingMs: () => 0,
      connect: () => connected.push(name),
      introduced: () => undefined,
      disconnect: () => undefined,
      waysChanged: () => undefined,
      ...given,
    };
    for (const key of [name, idText]) known.set(key, peer);
  };
  const members = {
    lookup: (text: string) => known.get(text),
    get: (id: string) => known.get(id),
    all: () => [...known.values()],
    take: () => undefined,
  };
  const relays = {
    anyUp,
    find: (key: FindKey) => {
      if ('text' in key) asked.push(key.text);
      return Promise.resolve([]);
    },
    ask: () => undefined,
    locate: () => true,
    isOnline: () => false,
  };
  const host = new OverlayHost({
    env,
    self: { idText: self.idText, role: 'switch' },
    send: () => undefined,
    setRoutes: (_routes, complete) => completes.push(complete),
    waysChanged: () => undefined,
    members,
    relays,
    candidates: () => [],
    credential: () => self.credential,
    wake: () => undefined,
  });
  const run = (ms: number): void => {
    for (const end = clock.now() + ms; clock.now() < end; clock.advance(100)) host.tick(clock.now());
  };
  return { clock, host, run, add, asked, connected, completes, known };
}

const id = 'ab'.repeat(16);

describe('links that the operator wants', () => {
  it('are made to members as soon as they are known', () => {
    const { clock, host, run, add, asked, connected } = rig();
    host.start(clock.now(), ['gateway', 'other']);
    run(1_000);
    expect(connected).toEqual([]);
    add('gateway', id);
    host.membersChanged(clock.now());
    run(1_000);
    expect(connected).toContain('gateway');
    // A relay that tells of everybody has nothing to add.
    expect(asked).toEqual([]);
  });

  it('are asked for where relays name only some members, until they are known', () => {
    const { clock, host, run, add, asked } = rig();
    host.start(clock.now(), ['gateway', 'other']);
    host.roster(clock.now(), false, 5_000);
    run(10_000);
    expect(asked).toEqual(['gateway', 'other']);
    add('gateway', id);
    host.membersChanged(clock.now());
    run(60_000);
    expect(asked.slice(2)).toEqual(['other', 'other']);
  });
});

describe('an overlay host', () => {
  it('without a relay seeks members where they were seen last, again and again, but no leaf', () => {
    const { clock, host, run, add, connected } = rig(false);
    add('seen', id, { remembered: ['192.0.2.1:5000'] });
    add('named', 'cd'.repeat(16));
    add('leaf', 'ef'.repeat(16), { remembered: ['192.0.2.2:5000'] }, Role.leaf);
    host.start(clock.now(), []);
    run(lonelyAfterMs - 100);
    expect(connected).toEqual([]);
    run(1_000);
    expect(connected).toEqual(['seen']);
    // An attempt that leads to nothing is given up after 10 s.
    run(3 * lonelyEveryMs);
    expect(connected.length).toBeGreaterThan(1);
    expect(new Set(connected)).toEqual(new Set(['seen']));
  });

  it('leaves that to the relays where one is up', () => {
    const { clock, host, run, add, connected } = rig();
    add('seen', id, { remembered: ['192.0.2.1:5000'] });
    host.start(clock.now(), []);
    run(10_000);
    expect(connected).toEqual([]);
  });

  it('does one thing after the other, also when a peer answers while it is asked', () => {
    const { clock, host, run, add, known } = rig();
    const log: string[] = [];
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      const connect = (now: number): void => {
        log.push(`${name} begins`);
        host.connected(now, known.get(name) as LinkPeer);
        log.push(`${name} ends`);
      };
      add(name, `${i + 1}`.repeat(32), { connect });
    }
    host.start(clock.now(), ['a', 'b', 'c']);
    run(1_000);
    expect(log).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('gives the table again when relays begin or cease to tell of everybody', () => {
    const { clock, host, run, completes } = rig();
    host.start(clock.now(), []);
    run(1_000);
    expect(completes.at(-1)).toBe(true);
    for (const complete of [false, true]) {
      host.roster(clock.now(), complete, 5_000);
      expect(completes.at(-1)).toBe(complete);
    }
    const given = completes.length;
    host.roster(clock.now(), true, 5_001);
    expect(completes).toHaveLength(given);
  });
});

import { describe, expect, it } from 'vitest';
import { makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import type { Peers } from '../../../src/core/peer/peers.js';
import { OverlayHost } from '../../../src/core/overlay/overlay-host.js';
import type { RelaySet } from '../../../src/core/relays/relay-set.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

/** An overlay among members who are known or not, and relays that only count the questions. */
function rig() {
  const clock = new VirtualClock();
  const env = virtualEnv(clock);
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'self' };
  const self = selfOf(makeNetwork(plan, env));
  const known = new Map<
    string,
    {
      member: { idText: string };
      state: string;
      silenceMs: number;
      waitingMs(): number;
      connect(): void;
      disconnect(): void;
    }
  >();
  const connected: string[] = [];
  const asked: string[] = [];
  const add = (name: string, idText: string): void => {
    const peer = {
      member: { idText },
      state: 'idle',
      silenceMs: Infinity,
      waitingMs: () => 0,
      connect: () => connected.push(name),
      disconnect: () => undefined,
    };
    for (const key of [name, idText]) known.set(key, peer);
  };
  const members = {
    lookup: (text: string) => known.get(text),
    get: (id: string) => known.get(id),
    all: () => [...known.values()],
  } as unknown as Peers;
  const relays = {
    anyUp: true,
    find: (key: { text?: string }) => {
      if (key.text !== undefined) asked.push(key.text);
      return Promise.resolve([]);
    },
    ask: () => undefined,
    locate: () => true,
    isOnline: () => false,
  } as unknown as RelaySet;
  const host = new OverlayHost({
    env,
    self: { idText: self.idText, role: 'switch' },
    send: () => undefined,
    setRoutes: () => undefined,
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
  return { clock, host, run, add, asked, connected };
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

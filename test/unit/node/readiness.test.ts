import { describe, expect, it } from 'vitest';
import { Readiness, type ReadinessView } from '../../../src/core/node/readiness.js';
import type { PeerState } from '../../../src/core/peer/peer-state.js';
import { VirtualClock } from '../../support/virtual.js';

interface World {
  peers: { state: PeerState; online: boolean }[];
  relays: number;
  anyUp: boolean;
  settled: boolean;
}

function stage(world: World) {
  const clock = new VirtualClock();
  const told: number[] = [];
  const readiness = new Readiness(clock, (peers) => told.push(peers));
  const view = {
    members: { all: () => world.peers.map(({ state }, i) => ({ state, member: { idText: `${i}` } })) },
    relays: {
      get size() {
        return world.relays;
      },
      get anyUp() {
        return world.anyUp;
      },
      isOnline: (id: string) => world.peers[Number(id)]?.online ?? false,
    },
    overlay: {
      get settled() {
        return world.settled;
      },
    },
  };
  return { clock, told, readiness, view: view as unknown as ReadinessView };
}

describe('Readiness', () => {
  it('is connected by a peer, by a relay where nobody is online, or where there is nobody to connect to', () => {
    const world: World = { peers: [], relays: 1, anyUp: false, settled: false };
    const { readiness, view } = stage(world);
    expect(readiness.connected).toBe(false);
    readiness.follow(view);
    expect(readiness.connected).toBe(false);
    world.anyUp = true;
    expect(readiness.connected).toBe(false);
    world.settled = true;
    expect(readiness.connected).toBe(true);
    world.peers = [{ state: 'connecting', online: true }];
    expect(readiness.connected).toBe(false);
    world.peers = [{ state: 'connecting', online: false }];
    expect(readiness.connected).toBe(true);
    world.peers = [{ state: 'unreachable', online: true }];
    expect(readiness.connected).toBe(true);
    world.anyUp = world.settled = false;
    world.peers = [{ state: 'connected', online: true }];
    expect(readiness.connected).toBe(true);
    Object.assign(world, { peers: [], relays: 0 });
    expect(readiness.connected).toBe(true);
  });

  it('tells once, after the start was told, also when the node begins anew meanwhile', () => {
    const { readiness, view, told } = stage({ peers: [], relays: 0, anyUp: false, settled: false });
    readiness.begin();
    readiness.follow(view);
    readiness.look();
    expect(told).toEqual([]);
    readiness.started();
    readiness.follow(undefined);
    readiness.follow(view);
    readiness.look();
    expect(told).toEqual([0]);
    readiness.end();
    readiness.begin();
    readiness.started();
    expect(told).toEqual([0, 0]);
  });

  it('lets go who waits: connected, after the time, and at the end', async () => {
    const world: World = {
      peers: [{ state: 'connecting', online: true }],
      relays: 1,
      anyUp: true,
      settled: true,
    };
    const { readiness, view, clock } = stage(world);
    expect(await readiness.wait(1_000)).toBe(false);
    readiness.begin();
    readiness.follow(view);
    readiness.started();
    const short = readiness.wait(100);
    const long = readiness.wait(1_000);
    clock.advance(200);
    expect(await short).toBe(false);
    world.peers = [{ state: 'connected', online: true }];
    readiness.look();
    expect(await long).toBe(true);
    world.peers = [{ state: 'connecting', online: true }];
    const last = readiness.wait(1_000);
    readiness.end();
    expect(await last).toBe(false);
  });
});

/** A machine that gets another address, or wakes up: what was bound before is bound again. */
import { describe, expect, it, vi } from 'vitest';
import { fromBase64Url } from '../../../src/core/lib/bytes.js';
import { silentLogger, type Logger } from '../../../src/core/lib/env.js';
import { selfOf } from '../../../src/core/membership/self.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import type { Heritage } from '../../../src/core/node/held.js';
import type { WayOut } from '../../../src/core/surroundings/ways-out.js';
import { heldNode } from '../../support/held-node.js';
import { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, frameOf } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

/** Two nodes on one net that carries packets only to and from addresses that are up; what the first one warned of. */
async function roamer() {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const [pa, pb] = memberProfiles(2, clock) as [Profile, Profile];
  const warned: unknown[] = [];
  const log: Logger = {
    ...silentLogger,
    warn: (message, fields) => warned.push([message, fields]),
  };
  let slept = 0;
  const calendar = {
    now: () => clock.now(),
    date: () => clock.date() + slept,
    after: clock.after.bind(clock),
  };
  const env = { clock: calendar, random: new SeededRandom(11), log };
  const state = { members: [pb.credential], endpoints: { [selfOf(pb).idText]: ['192.0.2.2:5000'] } };
  const a = boxOf({ net, clock, profile: pa, host: '192.0.2.1', state, seed: 11, options: { env } });
  const b = boxOf({
    net,
    clock,
    profile: pb,
    host: '192.0.2.2',
    state: { members: [pa.credential] },
    seed: 12,
  });
  const hosts = (): string[] => [a.host, b.host];
  net.route = (from, to) => (hosts().includes(from.host) && hosts().includes(to.host) ? { from, to } : null);
  await a.engine.start();
  await b.engine.start();
  const rebind = vi.spyOn(a.plane, 'rebind');
  await clock.run(3_000);
  const sleep = (ms: number): void => {
    slept += ms;
  };
  return { clock, a, b, warned, rebind, sleep };
}

describe('a node whose machine moves', () => {
  it('binds its socket again, and is reached at the new address', async () => {
    const { clock, a, b, rebind, warned } = await roamer();
    expect(rebind).not.toHaveBeenCalled();
    a.host = '203.0.113.7';
    for (let i = 0; i < 80; i++) {
      a.plane.transmit(frameOf(b, a, 1));
      await clock.run(100);
    }
    expect(rebind).toHaveBeenCalledTimes(1);
    expect(a.plane.endpoint.host).toBe('203.0.113.7');
    expect(b.engine.peers()[0]?.path).toMatchObject({ kind: 'direct', endpoint: '203.0.113.7:5000' });
    b.frames.length = 0;
    a.plane.transmit(frameOf(b, a, 2));
    await clock.run(50);
    expect(b.frames.map((frame) => frame[50])).toEqual([2]);
    expect(warned).toEqual([]);
  });

  it('does so when the machine slept, and not without a reason', async () => {
    const { clock, a, rebind, sleep } = await roamer();
    await clock.run(20_000);
    expect(rebind).not.toHaveBeenCalled();
    sleep(3_600_000);
    await clock.run(2_000);
    expect(rebind).toHaveBeenCalledTimes(1);
    expect(a.plane.endpoint.host).toBe('192.0.2.1');
  });

  it('says so when there is no other socket to be had, and goes on', async () => {
    const { clock, a, b, rebind, sleep, warned } = await roamer();
    rebind.mockRejectedValueOnce(new Error('IPv6 came or went'));
    sleep(3_600_000);
    await clock.run(2_000);
    expect(warned).toContainEqual(['udp socket not renewed', { reason: 'IPv6 came or went' }]);
    b.frames.length = 0;
    a.plane.transmit(frameOf(b, a, 3));
    await clock.run(50);
    expect(b.frames.map((frame) => frame[50])).toEqual([3]);
  });

  it('keeps its socket, and what waits in it, where it takes seconds until the process before has let go', async () => {
    const clock = new VirtualClock();
    const [profile] = memberProfiles(1, clock) as [Profile];
    const way: WayOut = {
      device: 2,
      name: 'eth0',
      gateway: '192.0.2.254',
      source: '192.0.2.1',
      pinned: false,
    };
    let took = false;
    const heritage = (): Heritage => ({
      plane: {
        device: 'evio0',
        deviceIpv6: true,
        datagramOffload: false,
        taps: [],
        udps: [],
        holes: new Map(),
        port: 5000,
        ipv6: true,
      },
      take: () =>
        Promise.resolve({
          ...heldNode(),
          serial: 0,
          credential: fromBase64Url(profile.credential) as Uint8Array,
          peers: [],
          relays: [],
          overlay: null,
        }),
      commit: () =>
        new Promise((resolve) => {
          clock.after(5_000, resolve);
        }),
      fail: (thrown) => Promise.reject(thrown instanceof Error ? thrown : new Error('failed')),
      took: () => {
        took = true;
      },
    });
    const net = new MemoryNet({ clock });
    const ways = { v4: way, v6: null };
    const a = boxOf({
      net,
      clock,
      profile,
      host: '192.0.2.1',
      seed: 11,
      options: { heritage },
      ports: { ways: () => ways },
    });
    const rebind = vi.spyOn(MemoryPlane.prototype, 'rebind');
    const started = a.engine.start();
    await clock.run(10_000);
    await started;
    expect(took).toBe(true);
    expect(rebind).not.toHaveBeenCalled();
    rebind.mockRestore();
  });
});

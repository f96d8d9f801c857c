/** A NAT that gives a machine another outside port, or address, again and again: nothing tells, and there is no relay. */
import { describe, expect, it } from 'vitest';
import { formatEndpoint, type Endpoint } from '../../../src/core/lib/endpoint.js';
import { selfOf } from '../../../src/core/membership/self.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { MemoryNet } from '../../support/memory-net.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, frameOf, type Box } from '../../support/node-box.js';
import { VirtualClock } from '../../support/virtual.js';

/** The first is behind the NAT (RFC 4787: address- and port-dependent filtering), the second is not. */
async function behindNat() {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 15 });
  const [pa, pb] = memberProfiles(2, clock) as [Profile, Profile];
  const inside: Endpoint = { host: '192.168.1.2', port: 5000 };
  let outside: Endpoint = { host: '198.51.100.7', port: 5000 };
  let open = new Set<string>();
  net.route = (from, to) => {
    if (from.host === inside.host) {
      open.add(formatEndpoint(to));
      return { from: outside, to };
    }
    const passes = formatEndpoint(to) === formatEndpoint(outside) && open.has(formatEndpoint(from));
    return passes ? { from, to: inside } : null;
  };
  const a = boxOf({
    ...{ net, clock, profile: pa, host: inside.host, seed: 11 },
    state: { members: [pb.credential], endpoints: { [selfOf(pb).idText]: ['192.0.2.2:5000'] } },
  });
  const b = boxOf({
    ...{ net, clock, profile: pb, host: '192.0.2.2', seed: 12, state: { members: [pa.credential] } },
  });
  await a.engine.start();
  await b.engine.start();
  await clock.run(5_000);
  const move = (to: Endpoint): void => {
    outside = to;
    open = new Set();
  };
  return { clock, a, b, move };
}

describe('a machine whose NAT moves it', () => {
  it.each([
    ['to another port', (i: number): Endpoint => ({ host: '198.51.100.7', port: 5_001 + i })],
    ['to another address', (i: number): Endpoint => ({ host: `203.0.113.${i + 1}`, port: 5_000 })],
  ])(
    '%s is followed within two seconds each time, while both talk',
    async (_how, at) => {
      const { clock, a, b, move } = await behindNat();
      const gaps: number[] = [];
      const heard = new Map<Box, number>();
      for (let i = 0; i < 5; i++) {
        move(at(i));
        let longest = 0;
        for (const box of [a, b]) heard.set(box, clock.now());
        // Never the same time after a heartbeat.
        for (const end = clock.now() + 30_000 + 370 * i; clock.now() < end;) {
          a.plane.transmit(frameOf(b, a, 1));
          b.plane.transmit(frameOf(a, b, 1));
          await clock.run(50);
          for (const box of [a, b]) {
            if (box.frames.length > 0) heard.set(box, clock.now());
            box.frames.length = 0;
            longest = Math.max(longest, clock.now() - (heard.get(box) as number));
          }
        }
        gaps.push(longest);
      }
      expect(Math.max(...gaps)).toBeLessThan(2_000);
      expect([...a.events, ...b.events].filter(({ event }) => event === 'peer-lost')).toEqual([]);
    },
    60_000,
  );
});

/** How often a node that has nothing to do looks at anything. */
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/core/membership/profile.js';
import { silentLogger, type Clock } from '../../../src/core/lib/env.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { MemoryNet } from '../../support/memory-net.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

/** Timers of one node that fire in a second, once it is connected with so many peers and nobody says anything. */
async function wakesPerSecond(peers: number): Promise<number> {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const [profile, ...others] = memberProfiles(peers + 1, clock) as [Profile, ...Profile[]];
  let fired = 0;
  const counted: Clock = {
    now: () => clock.now(),
    date: () => clock.date(),
    after: (ms, fire) =>
      clock.after(ms, () => {
        fired++;
        fire();
      }),
  };
  const node = boxOf({
    net,
    clock,
    profile,
    host: '192.0.2.1',
    state: { members: others.map((other) => other.credential) },
    seed: 1,
    options: {
      env: { clock: counted, random: new SeededRandom(1), log: silentLogger },
      rekeyAfterMs: 120_000,
    },
  });
  await node.engine.start();
  const state = {
    members: [profile.credential],
    endpoints: { [selfOf(profile).idText]: ['192.0.2.1:5000'] },
  };
  const boxes = others.map((other, i) =>
    boxOf({
      net,
      clock,
      profile: other,
      host: `192.0.2.${i + 2}`,
      state,
      seed: i + 2,
      options: { rekeyAfterMs: 120_000 },
    }),
  );
  for (const box of boxes) await box.engine.start();
  await clock.run(20_000);
  expect(node.engine.peers().filter((peer) => peer.state === 'connected')).toHaveLength(peers);
  fired = 0;
  const seconds = 20;
  await clock.run(seconds * 1_000);
  await node.engine.stop();
  for (const box of boxes) await box.engine.stop();
  return fired / seconds;
}

describe('an idle node', () => {
  it('is woken by what is due: once a second alone, and for each peer a little more', async () => {
    // Own addresses are compared every second; a peer has beats of two sides and heartbeats of its path.
    const [alone, one, eight] = [await wakesPerSecond(0), await wakesPerSecond(1), await wakesPerSecond(8)];
    expect(alone).toBeLessThan(1.5);
    expect(one).toBeLessThan(2.5);
    expect(eight).toBeLessThan(1.5 + 8 * 0.6);
  }, 60_000);
});

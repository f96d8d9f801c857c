/** A node that stops tells the router, and waits until that is said: its process ends right afterwards. */
import { expect, it } from 'vitest';
import { stateSchema } from '../../../src/core/config/schema.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { Engine } from '../../../src/core/node/engine.js';
import { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';
import { memberProfiles } from '../../support/members.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

it('stops only when the router has been told', async () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const net = new MemoryNet({ clock });
  const [profile] = memberProfiles(1, clock) as [Profile];
  const asked: string[] = [];
  let told: () => void = () => undefined;
  const engine = new Engine(
    {
      profile,
      state: stateSchema.parse({ version: 1 }),
      saveState: () => undefined,
      env: { clock, random, log: silentLogger },
      version: '0.0.0',
      port: 5000,
    },
    {
      makePlane: (options) => new MemoryPlane(options, { net, host: '192.168.1.7' }),
      addresses: () => [{ device: 'eth0', address: '192.168.1.7', internal: false }],
      ways: () => ({
        v4: { device: 2, name: 'eth0', gateway: '192.168.1.1', source: '192.168.1.7', pinned: false },
        v6: null,
      }),
      gateway: (gateway) => {
        asked.push(gateway);
        return {
          send: () => asked.push('pcp'),
          search: () => undefined,
          request: () => undefined,
          close: () =>
            new Promise<void>((resolve) => {
              told = resolve;
            }),
        };
      },
    },
  );
  await engine.start();
  expect(asked).toEqual(['192.168.1.1', 'pcp']);
  let stopped = false;
  const stop = engine.stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
  expect(stopped).toBe(false);
  told();
  await stop;
  expect(stopped).toBe(true);
});

/** A node by the machine's clock, with the real relays of a test; its packets go over a net in memory. */
import { stateSchema } from '../../../src/core/config/schema.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { Engine } from '../../../src/core/node/engine.js';
import type { NodeOptions } from '../../../src/core/node/node.js';
import type { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';
import { env, type Kit } from '../rendezvous/relay-kit.js';

/** Not started; the kit stops it. */
export function realTimeNode(
  kit: Kit,
  net: MemoryNet,
  profile: Profile,
  host: string,
  options: Partial<NodeOptions> = {},
): Engine {
  const engine = new Engine(
    {
      profile,
      state: stateSchema.parse({ version: 1 }),
      saveState: () => undefined,
      env,
      version: '0.0.0',
      port: 5000,
      ...options,
    },
    {
      makePlane: (options) => new MemoryPlane(options, { net, host }),
      addresses: () => [{ device: 'eth0', address: host, internal: false }],
    },
  );
  kit.later(() => engine.stop());
  return engine;
}

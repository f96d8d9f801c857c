/** `evio down`: stops one network, or all; the process ends with its last network. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const down = method({
  request: z.object({ network }),
  response: z.object({ stopped: z.array(z.string()) }),
  run: async ({ network }, host) => ({ stopped: await host.stop(network) }),
});

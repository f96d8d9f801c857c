/** `evio leave`: the node tells everybody it reaches that this machine leaves the network for good, and stops. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const leave = method({
  request: z.object({ network }),
  response: z.object({ stopped: z.array(z.string()) }),
  run: async ({ network }, host) => {
    host.node(network).leave();
    return { stopped: await host.stop(network) };
  },
});

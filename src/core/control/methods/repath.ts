/** `evio set`: the profile says something else of how paths are made; the node reads that, and begins anew. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const repath = method({
  request: z.object({ network }),
  response: z.object({ repathed: z.boolean() }),
  run: async ({ network }, host) => {
    await host.node(network).repath();
    return { repathed: true };
  },
});

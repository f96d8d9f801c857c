/** `evio up`: takes up a network of this machine that does not run, or all of them, beside those that run. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const up = method({
  request: z.object({ network }),
  /** Ids of those that were started now. */
  response: z.object({ started: z.array(z.string()) }),
  run: async ({ network }, host) => ({ started: [...(await host.start(network))] }),
});

/** `evio set --new-key`: the node gets another key through an admin, and begins anew by it. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const rekey = method({
  request: z.object({ network }),
  response: z.object({ id: z.string(), was: z.string(), counts: z.boolean() }),
  run: ({ network }, host) => host.node(network).newKey(),
});

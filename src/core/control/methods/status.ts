/** `evio status`. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, statusReport } from '../schema.js';

export const status = method({
  request: z.object({ network }),
  response: statusReport,
  run: ({ network }, host) => host.node(network).status(),
});

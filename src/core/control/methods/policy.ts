/** `evio policy show`. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, policyReport } from '../schema.js';

export const policy = method({
  request: z.object({ network }),
  response: policyReport,
  run: ({ network }, host) => host.node(network).policy(),
});

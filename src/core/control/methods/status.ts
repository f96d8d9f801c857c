/** `evio status`. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, processReport, statusReport } from '../schema.js';

export const status = method({
  request: z.object({ network }),
  response: statusReport.extend({ process: processReport }),
  run: ({ network }, host) => ({ ...host.node(network).status(), process: host.report() }),
});

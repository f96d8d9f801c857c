/** `evio status`. Who names no network is told of those that do not run, too. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, processReport, restingNetworks, statusReport, type StatusAnswer } from '../schema.js';

export const status = method({
  request: z.object({ network }),
  response: statusReport.extend({ process: processReport, resting: restingNetworks.optional() }),
  run: ({ network }, host): StatusAnswer => ({
    ...host.node(network).status(),
    process: host.report(),
    ...(network === undefined ? { resting: [...host.resting()] } : {}),
  }),
});

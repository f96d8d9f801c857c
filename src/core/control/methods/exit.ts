/** `evio exit status`: by which member all traffic of this machine goes, and who offers itself. */
import { z } from 'zod';
import { method } from '../method.js';
import { exitReport, network } from '../schema.js';

export const exit = method({
  request: z.object({ network }),
  response: exitReport.extend({ network: z.string() }),
  run: ({ network }, host) => {
    const node = host.node(network);
    return { network: node.networkName, ...node.local.exit() };
  },
});

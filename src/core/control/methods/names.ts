/** `evio dns status`: how the members' names are found on this machine. */
import { z } from 'zod';
import { method } from '../method.js';
import { namesReport, network } from '../schema.js';

export const names = method({
  request: z.object({ network }),
  response: namesReport.extend({ network: z.string() }),
  run: ({ network }, host) => {
    const node = host.node(network);
    return { network: node.networkName, ...node.names() };
  },
});

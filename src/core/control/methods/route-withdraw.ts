/** `evio route withdraw`: takes back that a subnet lies behind this machine. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, routeReport } from '../schema.js';

export const routeWithdraw = method({
  request: z.object({ network, cidr: z.string().max(64) }),
  response: z.object({ routes: z.array(routeReport) }),
  run: async ({ network, cidr }, host) => {
    const node = host.node(network);
    await node.withdrawRoute(cidr);
    return { routes: node.routes() };
  },
});

/** `evio route accept`: a range whose subnets this machine sends to whoever announces them. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, routeReport } from '../schema.js';

export const routeAccept = method({
  request: z.object({ network, cidr: z.string().max(64), accepted: z.boolean().default(true) }),
  response: z.object({ routes: z.array(routeReport) }),
  run: async ({ network, cidr, accepted }, host) => {
    const node = host.node(network);
    await node.acceptRoute(cidr, accepted);
    return { routes: node.routes() };
  },
});

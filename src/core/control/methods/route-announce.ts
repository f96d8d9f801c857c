/** `evio route announce`: a subnet that lies behind this machine. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, routeReport } from '../schema.js';

export const routeAnnounce = method({
  request: z.object({ network, cidr: z.string().max(64), shared: z.boolean().default(false) }),
  response: z.object({ routes: z.array(routeReport) }),
  run: async ({ network, cidr, shared }, host) => {
    const node = host.node(network);
    await node.announceRoute(cidr, shared);
    return { routes: node.routes() };
  },
});

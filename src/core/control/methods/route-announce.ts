/** `evio route announce` and `withdraw`: a subnet that lies behind this machine. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, routeReport } from '../schema.js';

const cidr = z.string().max(64);
const response = z.object({ routes: z.array(routeReport) });

export const routeAnnounce = method({
  request: z.object({ network, cidr, shared: z.boolean().default(false) }),
  response,
  run: async ({ network, cidr, shared }, host) => {
    const node = host.node(network);
    await node.announceRoute(cidr, shared);
    return { routes: node.routes() };
  },
});

export const routeWithdraw = method({
  request: z.object({ network, cidr }),
  response,
  run: async ({ network, cidr }, host) => {
    const node = host.node(network);
    await node.withdrawRoute(cidr);
    return { routes: node.routes() };
  },
});

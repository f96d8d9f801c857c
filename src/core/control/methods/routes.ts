/** `evio route list`: subnets behind members, and where they lead. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, routeReport } from '../schema.js';

export const routes = method({
  request: z.object({ network }),
  response: z.object({ routes: z.array(routeReport) }),
  run: ({ network }, host) => ({ routes: host.node(network).routes() }),
});

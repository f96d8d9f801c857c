/** `evio services`: what programs connected members offer, and this one. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, offeredService } from '../schema.js';

export const services = method({
  request: z.object({ network }),
  response: z.object({ network: z.string(), domain: z.string(), services: z.array(offeredService) }),
  run: ({ network }, host) => {
    const node = host.node(network);
    return { network: node.networkName, domain: node.names().domain, services: node.local.services() };
  },
});

/** `evio announce NAME PORT`: a program of this machine that members find by its name; `port` null: no more. */
import { z } from 'zod';
import { serviceProtocols } from '../../wire/services.js';
import { method } from '../method.js';
import { network, offeredService } from '../schema.js';

export const serviceSet = method({
  request: z.object({
    network,
    name: z.string().max(64),
    protocol: z.enum(serviceProtocols).default('tcp'),
    port: z.number().int().nullable(),
    text: z.string().max(256).default(''),
  }),
  response: z.object({ network: z.string(), domain: z.string(), services: z.array(offeredService) }),
  run: async ({ network, ...service }, host) => {
    const node = host.node(network);
    await node.local.offerService(service);
    const services = node.local.services().filter(({ own }) => own);
    return { network: node.networkName, domain: node.names().domain, services };
  },
});

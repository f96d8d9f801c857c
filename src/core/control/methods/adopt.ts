/** `evio set`: the node takes the credential of its machine that a command signed again, and begins anew with it. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const adopt = method({
  request: z.object({ network, credential: z.string().max(2048), wantedIp: z.string().optional() }),
  response: z.object({ adopted: z.boolean() }),
  run: async ({ network, credential, wantedIp }, host) => ({
    adopted: await host.node(network).adopt(credential, wantedIp),
  }),
});

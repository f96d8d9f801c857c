/** Keeps the connection and sends the events of a network, or of all, a line each. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const watch = method({
  request: z.object({ network }),
  response: z.object({ watching: z.literal(true) }),
  run: ({ network }, host, asker) => {
    asker.watch(network === undefined ? undefined : host.node(network).networkId);
    return { watching: true } as const;
  },
});

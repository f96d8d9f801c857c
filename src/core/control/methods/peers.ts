/** `evio peers`. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, peerReport } from '../schema.js';

export const peers = method({
  request: z.object({ network }),
  response: z.object({ peers: z.array(peerReport) }),
  run: ({ network }, host) => ({ peers: host.node(network).peers() }),
});

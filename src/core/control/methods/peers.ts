/** `evio peers`. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, peerReport, revokedReport } from '../schema.js';

export const peers = method({
  request: z.object({ network }),
  response: z.object({ peers: z.array(peerReport), revoked: z.array(revokedReport) }),
  run: ({ network }, host) => {
    const node = host.node(network);
    return { peers: node.peers(), revoked: node.revoked() };
  },
});

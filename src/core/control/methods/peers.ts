/** `evio peers`. */
import { z } from 'zod';
import { method } from '../method.js';
import { memberReport, network, peerReport, revokedReport } from '../schema.js';

export const peers = method({
  request: z.object({ network }),
  response: z.object({ self: memberReport, peers: z.array(peerReport), revoked: z.array(revokedReport) }),
  run: ({ network }, host) => {
    const node = host.node(network);
    const { id, name, ip, ip6, mac } = node.status().node;
    return { self: { id, name, ip, ip6, mac }, peers: node.peers(), revoked: node.revoked() };
  },
});

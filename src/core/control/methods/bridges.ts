/** `evio bridge list`: the LANs of this machine that are bridged, one a network. */
import { z } from 'zod';
import { method } from '../method.js';
import { lanReport, network } from '../schema.js';

export const bridges = method({
  request: z.object({ network }),
  response: z.object({ bridges: z.array(lanReport.extend({ network: z.string() })) }),
  run: ({ network }, host) => {
    const nodes =
      network === undefined ? host.networks().map(({ id }) => host.node(id)) : [host.node(network)];
    const found = nodes.flatMap((node) => {
      const report = node.local.bridge();
      return report ? [{ network: node.networkName, ...report }] : [];
    });
    return { bridges: found };
  },
});

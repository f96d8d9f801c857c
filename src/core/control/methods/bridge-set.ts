/** `evio bridge IFACE`: a LAN of this machine that is bridged with the network; null: none is. */
import { z } from 'zod';
import { method } from '../method.js';
import { lanReport, network } from '../schema.js';

const lan = z.object({ interface: z.string().max(64), force: z.boolean().default(false) });

export const bridgeSet = method({
  request: z.object({ network, lan: lan.nullable() }),
  response: z.object({ network: z.string(), bridge: lanReport.nullable(), mtu: z.number() }),
  run: async ({ network, lan }, host) => {
    const node = host.node(network);
    await node.local.setBridge(lan ?? undefined);
    return { network: node.networkName, bridge: node.local.bridge() ?? null, mtu: node.status().network.mtu };
  },
});

/** `evio exit announce | withdraw | use`: this machine as a way out, and the one that it uses; null: none any more. */
import { z } from 'zod';
import { method } from '../method.js';
import { exitReport, network } from '../schema.js';

const use = z.object({ peer: z.string().max(256), allowLan: z.boolean().default(false) });

export const exitSet = method({
  request: z.object({ network, announced: z.boolean().optional(), use: use.nullable().optional() }),
  response: exitReport.extend({ network: z.string() }),
  run: async ({ network, announced, use }, host) => {
    const node = host.node(network);
    if (announced !== undefined) await node.local.announceExit(announced);
    if (use !== undefined) await node.local.useExit(use ?? undefined);
    return { network: node.networkName, ...node.local.exit() };
  },
});

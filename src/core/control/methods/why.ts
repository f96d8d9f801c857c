/** `evio why`. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, whyReport } from '../schema.js';

export const why = method({
  request: z.object({ network, peer: z.string() }),
  response: whyReport,
  run: ({ network, peer }, host) => host.node(network).why(peer),
});

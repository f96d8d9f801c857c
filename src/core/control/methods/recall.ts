/** `evio why --from MEMBER`: another member's decision log. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, whyReport } from '../schema.js';

export const recall = method({
  request: z.object({ network, by: z.string(), about: z.string() }),
  response: z.object({ log: whyReport.shape.log }),
  run: async ({ network, by, about }, host) => ({ log: await host.node(network).recall(by, about) }),
});

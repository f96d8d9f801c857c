/** `evio ping`: `count` pings `intervalMs` apart; answers after the last reply or time-out. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, pingReport } from '../schema.js';

export const ping = method({
  request: z.object({
    network,
    peer: z.string(),
    count: z.number().int().min(1).max(1000),
    timeoutMs: z.number().int().min(1).max(600_000),
    intervalMs: z.number().int().min(10).max(60_000).default(1000),
  }),
  response: pingReport,
  run: ({ network, peer, count, timeoutMs, intervalMs }, host, { signal }) =>
    host.node(network).ping(peer, count, timeoutMs, intervalMs, signal),
});

/** The networks that run. */
import { z } from 'zod';
import { method } from '../method.js';

export const networks = method({
  request: z.object({}),
  response: z.object({ networks: z.array(z.object({ id: z.string(), name: z.string() })) }),
  run: (_params, host) => ({ networks: host.networks() }),
});

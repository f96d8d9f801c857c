/** What other members say that they see, for `evio web`. */
import { z } from 'zod';
import { method } from '../method.js';
import { network, testimony } from '../schema.js';

export const views = method({
  request: z.object({ network }),
  response: z.object({ views: z.array(testimony) }),
  run: ({ network }, host) => ({ views: host.node(network).views() }),
});

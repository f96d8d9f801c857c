/** For the plugin of container runtimes: pods become neighbours in the network. */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const joinPods = method({
  request: z.object({ network }),
  /** False: the port that pods need is not there. */
  response: z.object({ joined: z.boolean() }),
  run: ({ network }, host) => ({ joined: host.node(network).joinPods() }),
});

/**
 * `evio capture --keys`: the session keys of a network, as lines of a key log (wire/key-log.ts). The answer has those there are;
 * each that comes after is told to this connection, and to no other, until it ends.
 */
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const sessionKeys = method({
  request: z.object({ network }),
  response: z.object({ keys: z.string() }),
  run: ({ network }, host, { signal, tellKeys }) => {
    let live: string[] | undefined = [];
    const unwatch = host.node(network).local.watchKeys((lines) => {
      if (live) live.push(lines);
      else tellKeys(lines);
    });
    if (signal.aborted) unwatch();
    else signal.addEventListener('abort', unwatch, { once: true });
    const keys = live.join('');
    live = undefined;
    return { keys };
  },
});

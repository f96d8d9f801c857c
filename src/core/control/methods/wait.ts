/** Answers once the node is connected (a relay is up or a peer is connected, or it has none to connect to), or in vain. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { method } from '../method.js';
import { network } from '../schema.js';

export const wait = method({
  request: z.object({ network, timeoutMs: z.number().int().min(1).max(600_000) }),
  response: z.object({ connected: z.boolean() }),
  run: async ({ network, timeoutMs }, host) => {
    await Promise.race([host.started(), sleep(timeoutMs, undefined, { ref: false })]);
    const wanted = network === undefined ? host.networks().map(({ id }) => id) : [network];
    const connected = await Promise.all(wanted.map((id) => host.node(id).waitConnected(timeoutMs)));
    return { connected: connected.length > 0 && connected.every(Boolean) };
  },
});

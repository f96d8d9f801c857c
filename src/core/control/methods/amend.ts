/** `evio revoke`, `token revoke`, `admin`, `network set`, `policy set`: the ledger says something. */
import { z } from 'zod';
import type { Agree } from '../../lib/agree.js';
import type { WrittenOrder } from '../../membership/orders.js';
import { method } from '../method.js';
import { network } from '../schema.js';

const peer = z.string();
const order = z.discriminatedUnion('do', [
  z.object({ do: z.literal('revoke'), peer, reason: z.string() }),
  z.object({ do: z.literal('revoke-invite'), invite: z.string() }),
  z.object({ do: z.literal('admin-add'), peer, byRoot: z.boolean().optional() }),
  z.object({ do: z.literal('admin-remove'), peer }),
  z.object({
    do: z.literal('facts'),
    name: z.string().optional(),
    mtu: z.number().optional(),
    addRelay: z.object({ address: z.string(), key: z.string() }).optional(),
    removeRelay: z.string().optional(),
  }),
  z.object({ do: z.literal('policy'), document: z.string() }),
  z.object({ do: z.literal('admit'), peer }),
  z.object({ do: z.literal('deny'), peer, reason: z.string() }),
  z.object({ do: z.literal('succeed'), peer }),
  z.object({ do: z.literal('admission'), approvals: z.number() }),
  z.object({
    do: z.literal('root-replace'),
    key: z.string(),
    keptInvites: z.array(z.string().regex(/^[0-9a-f]{32}$/)).readonly(),
  }),
]);
true satisfies Agree<z.infer<typeof order>, WrittenOrder>;

export const amend = method({
  request: z.object({ network, order }),
  response: z.object({
    subject: z.string(),
    serial: z.number(),
    policy: z.number(),
    notes: z.array(z.string()),
  }),
  run: ({ network, order }, host) => host.node(network).amend(order),
});

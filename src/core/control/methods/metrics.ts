/** Every network of the process in numbers: what `evio node --metrics` asks for at each scrape. */
import { z } from 'zod';
import { linkRoles } from '../../topology/overlay-ports.js';
import { pathKinds } from '../../path/path.js';
import { reportedStates } from '../../node/reports.js';
import { method } from '../method.js';
import { statusReport } from '../schema.js';

const rttMs = z.object({ p50: z.number(), p90: z.number(), max: z.number() });

export const metrics = method({
  request: z.object({}),
  response: z.object({
    networks: z.array(
      z.object({
        status: statusReport.pick({
          node: true,
          network: true,
          device: true,
          relays: true,
          nat: true,
          certificate: true,
          peerCount: true,
        }),
        sizeEstimate: z.number(),
        peers: z.record(z.enum(reportedStates), z.number()),
        links: z.record(z.enum(linkRoles), z.number()),
        paths: z.record(z.enum(pathKinds), z.object({ count: z.number(), rttMs: rttMs.nullable() })),
        quarantined: z.number(),
        conflicts: z.number(),
        waiting: z.number(),
        refusedRoutes: z.number(),
        policy: z.object({ allow: z.number(), deny: z.number(), none: z.number() }),
      }),
    ),
    refusedUsers: z.number(),
  }),
  run: (_params, host) => ({
    networks: host.networks().map(({ id }) => host.node(id).metrics()),
    refusedUsers: host.report().refusedUsers,
  }),
});

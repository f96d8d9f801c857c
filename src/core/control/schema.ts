/**
 * What a running node tells over its control socket: the JSON of docs/cli.md. What it is asked: methods.ts.
 *
 * The socket speaks one JSON object a line. Request { id, method, params }, answer { id, result } or
 * { id, error: { code, message, suggestions } }. One socket per home serves every network that runs in it.
 *
 * What the answers hold is decided where they are made; a schema here that differs from its type does not compile.
 */
import { mendables } from '../tap/mend.js';
import { z } from 'zod';
import type { NetworkReport } from '../identity/network.js';
import type { Agree } from '../lib/agree.js';
import type { MemberReport } from '../membership/membership.js';
import type { NodeEvent } from '../node/events.js';
import type { ProcessReport } from './method.js';
import type { PolicyReport } from '../policy/enforcement.js';
import type { PingReport } from '../node/ping-report.js';
import {
  candidateSides,
  conflictKinds,
  reportedStates,
  type OfferedService,
  type PeerReport,
  type RevokedReport,
  type StatusReport,
  type WhyReport,
  renewalStates,
} from '../node/reports.js';
import type { Testimony } from '../node/gathered.js';
import { verdicts, viewPaths, viewRoles } from '../wire/views.js';
import { suspicions } from '../dataplane/plane/plane.js';
import { lies } from '../node/refusal-reasons.js';
import { anomalyKinds } from '../policy/policy.js';
import { pathKinds, type PathReport } from '../path/path.js';
import { relayStates, relayTransports, type RelayReport } from '../relays/relay-report.js';
import { lanStates, type LanReport } from '../bridging/report.js';
import { nameWays, type NamesReport } from '../names/report.js';
import { exitStates, type ExitReport } from '../subnets/exit-report.js';
import { routeFaults, routeStates, type RouteReport } from '../subnets/route-report.js';
import { policyCounts } from '../switch/policy-filter.js';
import { serviceProtocols } from '../wire/services.js';
import { natFilterings, natMappings, natPorts } from '../wire/nat.js';
import { mappingProtocols } from '../wire/port-mapping.js';
import { linkRoles } from '../topology/overlay-ports.js';

export type { MemberReport } from '../membership/membership.js';
export type { NetworkReport } from '../identity/network.js';
export type { NodeEvent } from '../node/events.js';
export type { PingReply, PingReport } from '../node/ping-report.js';
export type { OfferedService, PeerReport, RevokedReport, StatusReport, WhyReport } from '../node/reports.js';
/** The answer of `evio status`: a network, and the process that runs it. */
export type StatusAnswer = StatusReport & {
  readonly process: ProcessReport;
  /** Networks of the home that do not run, where no network was named. */
  readonly resting?: readonly { readonly id: string; readonly name: string }[] | undefined;
};
export type { ProcessReport } from './method.js';
export type { NamesReport } from '../names/report.js';
export type { LanReport } from '../bridging/report.js';
export type { ExitReport } from '../subnets/exit-report.js';
export type { RouteReport } from '../subnets/route-report.js';
export type { Testimony } from '../node/gathered.js';
export type { ReportedState } from '../node/reports.js';
export type { PolicyReport } from '../policy/enforcement.js';
export type { LinkRole } from '../topology/overlay-ports.js';

/** Which network a request is about: an id, the beginning of one, or a name; left out where only one runs. */
export const network = z.string().optional();

export const networkReport = z.object({
  id: z.string(),
  name: z.string(),
  cidr: z.string(),
  cidr6: z.string(),
  mtu: z.number(),
  relays: z.array(z.string()),
});

const member = { id: z.string(), name: z.string(), ip: z.string(), ip6: z.string(), mac: z.string() };
export const memberReport = z.object(member);

export const pathReport = z.object({
  kind: z.enum(pathKinds),
  endpoint: z.string(),
  rttMs: z.number().nullable(),
  lan: z.literal(true).optional(),
});

const service = z.object({
  name: z.string(),
  protocol: z.enum(serviceProtocols),
  port: z.number(),
  text: z.string(),
});
export const offeredService = service.extend({
  peer: z.string(),
  member: z.string(),
  ip: z.string(),
  own: z.boolean(),
});

export const peerReport = z.object({
  ...member,
  state: z.enum(reportedStates),
  addressOf: z.string().nullable(),
  lastSeenAgeMs: z.number().nullable(),
  path: pathReport.nullable(),
  link: z.enum(linkRoles).nullable(),
  rxBytes: z.number(),
  txBytes: z.number(),
  lastHandshakeAgeMs: z.number().nullable(),
  quarantine: z.object({ kind: z.enum(anomalyKinds), remainingMs: z.number() }).nullable(),
  services: z.array(service).optional(),
});

export const namesReport = z.object({
  domain: z.string(),
  way: z.enum(nameWays),
  server: z.string().nullable(),
  tcp: z.boolean(),
  fault: z.string().nullable(),
  queries: z.object({
    answered: z.number(),
    denied: z.number(),
    refused: z.number(),
    dropped: z.number(),
  }),
});

export const revokedReport = z.object({
  id: z.string(),
  name: z.string(),
  reason: z.string(),
  at: z.string(),
  by: z.string(),
});

export const relayReport = z.object({
  url: z.string(),
  home: z.boolean(),
  state: z.enum(relayStates),
  transport: z.enum(relayTransports),
  rttMs: z.number().nullable(),
  reason: z.string().nullable(),
});

export const applicantReport = z.object({
  id: z.string(),
  name: z.string(),
  ip: z.string(),
  invite: z.string(),
  tags: z.array(z.string()),
  since: z.string(),
  approvals: z.number(),
  needed: z.number(),
});

const natFacts = z.object({
  mapping: z.enum(natMappings),
  filtering: z.enum(natFilterings),
  ports: z.enum(natPorts),
});

export const exitReport = z.object({
  use: z.object({ id: z.string(), name: z.string(), allowLan: z.boolean() }).nullable(),
  state: z.enum(exitStates),
  fault: z.string().nullable(),
  announced: z.boolean(),
  announceFault: z.string().nullable(),
  offers: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      ip: z.string(),
      own: z.boolean(),
      connected: z.boolean(),
    }),
  ),
});

export const lanReport = z.object({
  interface: z.string(),
  state: z.enum(lanStates),
  reason: z.string().nullable(),
  by: z.object({ id: z.string(), name: z.string() }).nullable(),
  others: z.array(z.object({ id: z.string(), name: z.string() })),
  refusedHellos: z.number(),
});

export const statusReport = z.object({
  node: z.object({ ...member, pid: z.number(), version: z.string(), uptimeMs: z.number() }),
  network: networkReport,
  device: z.object({
    name: z.string(),
    port: z.number(),
    mtu: z.number(),
    rxBytes: z.number(),
    txBytes: z.number(),
    rxFrames: z.number(),
    txFrames: z.number(),
    transitPackets: z.number(),
    transitBytes: z.number(),
    drops: z.record(z.string(), z.number()),
    restarts: z.number(),
  }),
  relays: z.array(relayReport),
  nat: natFacts.extend({
    udpBlocked: z.boolean(),
    addresses: z.array(z.string()),
    portMapping: z.object({ kind: z.enum(mappingProtocols), external: z.string() }).nullable(),
  }),
  ring: z.object({
    sizeEstimate: z.number(),
    predecessor: z.string().nullable(),
    successors: z.array(z.string()),
    longLinks: z.array(z.string()),
    onDemand: z.array(z.string()),
    names: z.record(z.string(), z.string()).optional(),
  }),
  certificate: z.object({ expires: z.string(), renewal: z.enum(renewalStates) }),
  peerCount: z.number(),
  clock: z.object({ behindMs: z.number(), aheadMs: z.number() }).optional(),
  conflicts: z
    .array(z.object({ ...member, what: z.enum(conflictKinds), holder: z.string() }))
    .readonly()
    .optional(),
  waiting: z.array(applicantReport).optional(),
  refusals: z
    .array(z.object({ peer: z.string(), name: z.string(), count: z.record(z.string(), z.number()) }))
    .optional(),
  refusedRoutes: z
    .array(
      z.object({
        peer: z.string(),
        name: z.string(),
        cidr: z.string(),
        fault: z.enum(routeFaults),
        holder: z.string().nullable(),
      }),
    )
    .optional(),
  clash: z
    .object({
      device: z.string(),
      kind: z.enum(['address', 'gateway', 'route']),
      cidr: z.string(),
      through: z.string().optional(),
    })
    .optional(),
  uplink: z.object({ device: z.string(), instead: z.string() }).optional(),
  bridge: lanReport.optional(),
  anomalies: z.array(
    z.object({
      at: z.string(),
      peer: z.string(),
      name: z.string(),
      kind: z.enum(anomalyKinds),
      count: z.number(),
    }),
  ),
});

export const policyReport = z.object({
  serial: z.number().nullable(),
  text: z.string().nullable(),
  fault: z
    .object({ serial: z.number(), line: z.number(), column: z.number(), message: z.string() })
    .nullable(),
  rules: z.array(
    z.object({ line: z.number(), rule: z.string(), action: z.enum(['allow', 'deny']), hits: z.number() }),
  ),
  others: z.record(z.enum(policyCounts), z.number()),
});

/** Networks that are stored and do not run. */
export const restingNetworks = z.array(z.object({ id: z.string(), name: z.string() }));

/** What `evio status` tells of the process beside its network. */
export const processReport = z.object({
  capabilities: z.array(z.string()),
  noNewPrivileges: z.boolean(),
  refusedUsers: z.number(),
});

export const pingReport = z.object({
  peer: z.string(),
  sent: z.number(),
  received: z.number(),
  minMs: z.number().nullable(),
  avgMs: z.number().nullable(),
  maxMs: z.number().nullable(),
  replies: z.array(z.object({ seq: z.number(), rttMs: z.number(), path: z.enum([...pathKinds, 'self']) })),
});

export const whyReport = z.object({
  peer: z.string(),
  path: pathReport.nullable(),
  loss: z.object({ asked: z.number(), unanswered: z.number() }).optional(),
  candidates: z.array(
    z.object({
      endpoint: z.string(),
      kind: z.string(),
      side: z.enum(candidateSides),
      state: z.string(),
      rttMs: z.number().nullable(),
    }),
  ),
  log: z.array(z.object({ at: z.string(), event: z.string(), detail: z.string() })),
  nat: z.object({ local: natFacts, remote: natFacts.nullable() }),
  advice: z.array(z.string()),
});

export const testimony = z.object({
  by: z.string(),
  ageMs: z.number(),
  verdict: z.enum(verdicts),
  of: z.number(),
  links: z.array(
    z.object({
      id: z.string(),
      path: z.enum(viewPaths),
      role: z.enum(viewRoles),
      rttMs: z.number().nullable(),
      bytes: z.number(),
    }),
  ),
});

export const routeReport = z.object({
  cidr: z.string(),
  via: z.string(),
  active: z.boolean(),
  state: z.enum(routeStates),
  peer: z.string(),
  name: z.string(),
  own: z.boolean(),
  shared: z.boolean(),
  fault: z.enum(routeFaults).nullable(),
  holder: z.string().nullable(),
});

const id = z.string();
export const nodeEvent = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('started'),
    network: networkReport,
    node: memberReport,
    device: z.string(),
    pid: z.number(),
  }),
  z.object({ event: z.literal('ready'), network: id, peers: z.number() }),
  z.object({
    event: z.literal('peer-connected'),
    network: id,
    peer: id,
    name: z.string(),
    ip: z.string(),
    path: z.enum(pathKinds),
  }),
  z.object({
    event: z.literal('peer-path'),
    network: id,
    peer: id,
    name: z.string(),
    from: z.enum(pathKinds).nullable(),
    to: z.enum(pathKinds).nullable(),
    endpoint: z.string().nullable(),
  }),
  z.object({ event: z.literal('peer-lost'), network: id, peer: id, name: z.string() }),
  z.object({
    event: z.literal('peer-suspect'),
    network: id,
    peer: id,
    name: z.string(),
    reason: z.enum([...suspicions, ...lies]),
  }),
  z.object({
    event: z.literal('peer-revoked'),
    network: id,
    peer: id,
    name: z.string(),
    reason: z.string(),
  }),
  z.object({ event: z.literal('member-waiting'), network: id, peer: id, name: z.string() }),
  z.object({ event: z.literal('waiting'), network: id, approvals: z.number(), needed: z.number() }),
  z.object({
    event: z.literal('anomaly'),
    network: id,
    peer: id,
    name: z.string(),
    kind: z.enum(anomalyKinds),
    count: z.number(),
    quarantineMs: z.number().nullable(),
  }),
  z.object({ event: z.literal('quarantine-over'), network: id, peer: id, name: z.string() }),
  z.object({
    event: z.literal('relay-up'),
    network: id,
    url: z.string(),
    transport: z.enum(relayTransports),
  }),
  z.object({ event: z.literal('relay-down'), network: id, url: z.string(), reason: z.string() }),
  z.object({ event: z.literal('routes-changed'), network: id }),
  z.object({
    event: z.literal('interface-mended'),
    network: id,
    device: z.string(),
    what: z.array(z.enum(mendables)),
  }),
  z.object({
    event: z.literal('range-clash'),
    network: id,
    device: z.string(),
    kind: z.enum(['address', 'gateway', 'route']),
    cidr: z.string(),
  }),
  z.object({
    event: z.literal('route-refused'),
    network: id,
    peer: id,
    name: z.string(),
    cidr: z.string(),
    fault: z.enum(routeFaults),
    holder: z.string().nullable(),
  }),
  z.object({
    event: z.literal('uplink'),
    network: id,
    device: z.string().nullable(),
    instead: z.string().nullable(),
  }),
  z.object({ event: z.literal('stopped'), network: id }),
]);

true satisfies Agree<z.infer<typeof networkReport>, NetworkReport>;
true satisfies Agree<z.infer<typeof memberReport>, MemberReport>;
true satisfies Agree<z.infer<typeof namesReport>, NamesReport>;
true satisfies Agree<z.infer<typeof pathReport>, PathReport>;
true satisfies Agree<z.infer<typeof peerReport>, PeerReport>;
true satisfies Agree<z.infer<typeof revokedReport>, RevokedReport>;
true satisfies Agree<z.infer<typeof relayReport>, RelayReport>;
true satisfies Agree<z.infer<typeof statusReport>, StatusReport>;
true satisfies Agree<z.infer<typeof processReport>, ProcessReport>;
true satisfies Agree<z.infer<typeof testimony>, Testimony>;
true satisfies Agree<z.infer<typeof routeReport>, RouteReport>;
true satisfies Agree<z.infer<typeof lanReport>, LanReport>;
true satisfies Agree<z.infer<typeof offeredService>, OfferedService>;
true satisfies Agree<z.infer<typeof exitReport>, ExitReport>;
true satisfies Agree<z.infer<typeof pingReport>, PingReport>;
true satisfies Agree<z.infer<typeof whyReport>, WhyReport>;
true satisfies Agree<z.infer<typeof policyReport>, PolicyReport>;
true satisfies Agree<z.infer<typeof nodeEvent>, NodeEvent>;

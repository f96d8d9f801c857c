/** What the compiler of NetworkPolicies reads of Kubernetes' objects. What does not look like this is left out. */
import { z } from 'zod';

const meta = z.object({
  name: z.string(),
  namespace: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
});

const selector = z.object({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) }))
    .default([]),
});
export type Selector = z.infer<typeof selector>;

const peer = z.object({
  podSelector: selector.optional(),
  namespaceSelector: selector.optional(),
  ipBlock: z.object({ cidr: z.string(), except: z.array(z.string()).default([]) }).optional(),
});
export type PolicyPeer = z.infer<typeof peer>;

const port = z.object({
  protocol: z.string().default('TCP'),
  port: z.union([z.number(), z.string()]).optional(),
  endPort: z.number().optional(),
});
export type PolicyPort = z.infer<typeof port>;

const ports = z.array(port).default([]);
const peers = z.array(peer).default([]);

export const policyObject = z.object({
  metadata: meta,
  spec: z.object({
    podSelector: selector.default({ matchLabels: {}, matchExpressions: [] }),
    policyTypes: z.array(z.string()).optional(),
    ingress: z.array(z.object({ from: peers, ports })).default([]),
    egress: z.array(z.object({ to: peers, ports })).default([]),
  }),
});
export type PolicyObject = z.infer<typeof policyObject>;

export const namespaceObject = z.object({ metadata: meta });
export type NamespaceObject = z.infer<typeof namespaceObject>;

export const podObject = z.object({
  metadata: meta,
  spec: z.object({
    nodeName: z.string().optional(),
    hostNetwork: z.boolean().default(false),
    containers: z
      .array(
        z.object({
          ports: z
            .array(
              z.object({
                name: z.string().optional(),
                containerPort: z.number(),
                protocol: z.string().default('TCP'),
              }),
            )
            .default([]),
        }),
      )
      .default([]),
  }),
  status: z
    .object({
      phase: z.string().default(''),
      podIPs: z.array(z.object({ ip: z.string() })).default([]),
    })
    .default({ phase: '', podIPs: [] }),
});
export type PodObject = z.infer<typeof podObject>;

/** True when the labels are what the selector wants; an empty one wants everything. An operator that is unknown wants nothing. */
export function selects(
  { matchLabels, matchExpressions }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}

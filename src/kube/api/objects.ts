/** The objects of Kubernetes as far as the agent reads them. What does not look like this is left out. */
import { z } from 'zod';

const meta = z.object({
  name: z.string(),
  namespace: z.string().default(''),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
  deletionTimestamp: z.string().optional(),
});

export const nodeObject = z.object({
  metadata: meta,
  spec: z.object({ podCIDR: z.string().optional(), podCIDRs: z.array(z.string()).optional() }).default({}),
  status: z
    .object({
      addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
    })
    .default({ addresses: [], conditions: [] }),
});
export type NodeObject = z.infer<typeof nodeObject>;

export const serviceObject = z.object({
  metadata: meta,
  spec: z.object({
    type: z.string().default('ClusterIP'),
    loadBalancerClass: z.string().optional(),
    loadBalancerIP: z.string().optional(),
    externalTrafficPolicy: z.string().default('Cluster'),
    ipFamilies: z.array(z.enum(['IPv4', 'IPv6'])).default(['IPv4']),
  }),
  status: z
    .object({
      loadBalancer: z
        .object({ ingress: z.array(z.object({ ip: z.string().optional() })).default([]) })
        .default({ ingress: [] }),
    })
    .default({ loadBalancer: { ingress: [] } }),
});
export type ServiceObject = z.infer<typeof serviceObject>;

export const sliceObject = z.object({
  metadata: meta,
  endpoints: z
    .array(
      z.object({
        nodeName: z.string().optional(),
        conditions: z.object({ ready: z.boolean().optional() }).default({}),
      }),
    )
    .nullable()
    .default([]),
});
export type SliceObject = z.infer<typeof sliceObject>;

export const leaseObject = z.object({
  metadata: meta,
  spec: z.object({ holderIdentity: z.string().nullish(), renewTime: z.string().nullish() }).default({}),
});
export type LeaseObject = z.infer<typeof leaseObject>;

/** The label by which an EndpointSlice names its Service. */
export const serviceLabel = 'kubernetes.io/service-name';

export function isReady({ status }: NodeObject): boolean {
  return status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

/** The ranges of the node's pods, as Kubernetes gave them; none yet on a node that is new. */
export function podRangesOf({ spec }: NodeObject): readonly string[] {
  return spec.podCIDRs ?? (spec.podCIDR === undefined ? [] : [spec.podCIDR]);
}

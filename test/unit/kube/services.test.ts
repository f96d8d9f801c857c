import { describe, expect, it } from 'vitest';
import { parseCidr, type Cidr } from '../../../src/core/lib/ipv4.js';
import { nodeObject, serviceObject, sliceObject } from '../../../src/kube/api/objects.js';
import { addressOf, assignments, holdersOf, isOurs } from '../../../src/kube/services/plan.js';

const pool = parseCidr('10.145.0.0/30') as Cidr;

function service(name: string, spec: object = {}, ip?: string, metadata: object = {}) {
  return serviceObject.parse({
    metadata: { name, namespace: 'default', ...metadata },
    spec: { type: 'LoadBalancer', ...spec },
    ...(ip === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip }] } } }),
  });
}
const node = (name: string, ready = 'True') =>
  nodeObject.parse({
    metadata: { name },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: ready }] },
  });
const slice = (of: string, ...endpoints: object[]) =>
  sliceObject.parse({
    metadata: { name: `${of}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
    endpoints,
  });

describe('addresses of Services', () => {
  it('are of the pool, its first and last left out, and each given once', () => {
    expect(assignments([service('b'), service('a'), service('c')], pool)).toEqual([
      { namespace: 'default', name: 'a', ip: '10.145.0.1' },
      { namespace: 'default', name: 'b', ip: '10.145.0.2' },
    ]);
    expect(assignments([service('a', {}, '10.145.0.1'), service('b')], pool)).toEqual([
      { namespace: 'default', name: 'b', ip: '10.145.0.2' },
    ]);
  });

  it('are what a Service asks for, if that is free', () => {
    const asks = service('a', { loadBalancerIP: '10.145.0.2' });
    expect(assignments([asks, service('b')], pool).map(({ ip }) => ip)).toEqual(['10.145.0.2', '10.145.0.1']);
    expect(assignments([asks, service('b', {}, '10.145.0.2')], pool)).toEqual([]);
    expect(assignments([service('a', { loadBalancerIP: '10.9.9.9' })], pool)).toEqual([]);
  });

  it('are given anew to the second of two that have the same', () => {
    const twice = [service('a', {}, '10.145.0.1'), service('b', {}, '10.145.0.1')];
    expect(assignments(twice, pool)).toEqual([{ namespace: 'default', name: 'b', ip: '10.145.0.2' }]);
  });

  it('are not given to Services of others', () => {
    expect(isOurs(service('a', { type: 'ClusterIP' }))).toBe(false);
    expect(isOurs(service('a', { loadBalancerClass: 'example.org/other' }))).toBe(false);
    expect(isOurs(service('a', { loadBalancerClass: 'evio.dev/member' }))).toBe(true);
    expect(isOurs(service('a', {}, undefined, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toBe(false);
    expect(addressOf(service('a', {}, '192.0.2.1'), pool)).toBeUndefined();
  });
});

describe('who holds an address', () => {
  const nodes = ['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => node(name));

  it('are two nodes that are ready, spread over all', () => {
    const count = new Map<string, number>();
    for (let i = 0; i < 200; i++) {
      const holders = holdersOf(service(`s${i}`), nodes, []);
      expect(new Set(holders).size).toBe(2);
      for (const name of holders) count.set(name, (count.get(name) ?? 0) + 1);
    }
    for (const { metadata } of nodes) expect(count.get(metadata.name)).toBeGreaterThan(40);
  });

  it('stay when another node goes', () => {
    for (let i = 0; i < 50; i++) {
      const before = holdersOf(service(`s${i}`), nodes, []);
      const gone = nodes.find(({ metadata }) => !before.includes(metadata.name));
      const without = nodes.map((other) => (other === gone ? node(other.metadata.name, 'Unknown') : other));
      expect(holdersOf(service(`s${i}`), without, [])).toEqual(before);
      const half = nodes.filter(({ metadata }) => metadata.name !== before[0]);
      expect(holdersOf(service(`s${i}`), half, [])[0]).toBe(before[1]);
    }
  });

  it('have an endpoint of their own where the Service keeps to local ones', () => {
    const local = service('web', { externalTrafficPolicy: 'Local' });
    const slices = [
      slice('web', { nodeName: 'n2' }, { nodeName: 'n3', conditions: { ready: false } }, {}),
      slice('other', { nodeName: 'n4' }),
    ];
    expect(holdersOf(local, nodes, slices)).toEqual(['n2']);
    expect(holdersOf(local, nodes, [])).toEqual([]);
  });
});

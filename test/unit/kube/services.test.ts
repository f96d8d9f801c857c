import { describe, expect, it } from 'vitest';
import type { EvioError } from '../../../src/core/lib/errors.js';
import { nodeObject, serviceObject, sliceObject } from '../../../src/kube/api/objects.js';
import { addressesOf, assignments, holdersOf, isOurs } from '../../../src/kube/services/plan.js';
import { addressesIn, parsePools } from '../../../src/kube/services/pools.js';

const pool = parsePools('10.145.0.0/30');
const both = parsePools('10.145.0.0/30,fd45:1::/112');

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
      { namespace: 'default', name: 'a', ips: ['10.145.0.1'] },
      { namespace: 'default', name: 'b', ips: ['10.145.0.2'] },
    ]);
    expect(assignments([service('a', {}, '10.145.0.1'), service('b')], pool)).toEqual([
      { namespace: 'default', name: 'b', ips: ['10.145.0.2'] },
    ]);
  });

  it('are what a Service asks for, if that is free', () => {
    const asks = service('a', { loadBalancerIP: '10.145.0.2' });
    expect(assignments([asks, service('b')], pool).flatMap(({ ips }) => ips)).toEqual([
      '10.145.0.2',
      '10.145.0.1',
    ]);
    expect(assignments([asks, service('b', {}, '10.145.0.2')], pool)).toEqual([]);
    expect(assignments([service('a', { loadBalancerIP: '10.9.9.9' })], pool)).toEqual([]);
  });

  it('are given anew to the second of two that have the same', () => {
    const twice = [service('a', {}, '10.145.0.1'), service('b', {}, '10.145.0.1')];
    expect(assignments(twice, pool)).toEqual([{ namespace: 'default', name: 'b', ips: ['10.145.0.2'] }]);
  });

  it('are of the families of the Service, as far as there are pools', () => {
    const dual = { ipFamilies: ['IPv6', 'IPv4'] };
    expect(assignments([service('a', { ipFamilies: ['IPv6'] }), service('b', dual)], both)).toEqual([
      { namespace: 'default', name: 'a', ips: ['fd45:1::1'] },
      { namespace: 'default', name: 'b', ips: ['fd45:1::2', '10.145.0.1'] },
    ]);
    // One family is there already: it stays, and the other comes beside it.
    expect(assignments([service('a', dual, '10.145.0.2')], both)).toEqual([
      { namespace: 'default', name: 'a', ips: ['fd45:1::1', '10.145.0.2'] },
    ]);
    // What a Service asks for is of one family.
    expect(assignments([service('a', { ...dual, loadBalancerIP: 'FD45:1::0:9' })], both)[0]?.ips).toEqual([
      'fd45:1::9',
      '10.145.0.1',
    ]);
    // An address by which nobody answers is none.
    expect(assignments([service('a', { ipFamilies: ['IPv6'] })], pool)).toEqual([]);
    expect(addressesOf(service('a', { ipFamilies: ['IPv6'] }, '10.145.0.1'), both).size).toBe(0);
  });

  it.each(['', 'x', '10.145.0.1/24', '10.145.0.0/24,10.146.0.0/24', '10.145.0.0/24,', 'fd45::1/112'])(
    'are of no pool like %j',
    (text) => {
      let code = '';
      try {
        parsePools(text);
      } catch (thrown) {
        ({ code } = thrown as EvioError);
      }
      expect(code).toBe('EVIO_BAD_VALUE');
    },
  );

  it('end with a pool, and of a large one after 65,534', () => {
    const count = (text: string): number =>
      [...parsePools(text).values()].flatMap((p) => [...addressesIn(p)]).length;
    expect([count('10.145.0.0/30'), count('10.145.0.4/32'), count('10.0.0.0/8'), count('fd45::/64')]).toEqual(
      [2, 1, 65_534, 65_534],
    );
    expect([...addressesIn(parsePools('255.255.255.248/29').get('IPv4')!)].at(-1)).toBe('255.255.255.254');
  });

  it('are not given to Services of others', () => {
    expect(isOurs(service('a', { type: 'ClusterIP' }))).toBe(false);
    expect(isOurs(service('a', { loadBalancerClass: 'example.org/other' }))).toBe(false);
    expect(isOurs(service('a', { loadBalancerClass: 'evio.dev/member' }))).toBe(true);
    expect(isOurs(service('a', {}, undefined, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toBe(false);
    expect(addressesOf(service('a', {}, '192.0.2.1'), pool).size).toBe(0);
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

  it('are the same while Kubernetes takes all nodes for lost', () => {
    const lost = nodes.map(({ metadata: { name } }) => node(name, 'Unknown'));
    for (let i = 0; i < 20; i++)
      expect(holdersOf(service(`s${i}`), lost, [])).toEqual(holdersOf(service(`s${i}`), nodes, []));
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

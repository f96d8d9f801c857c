/** NetworkPolicies as rules: which pods, which addresses, which ports. */
import { describe, expect, it } from 'vitest';
import { podOf } from '../../../src/cni/attached.js';
import { compilePolicies, type Gate, type PlacedPod } from '../../../src/kube/policy/compile.js';
import { namespaceObject, podObject, policyObject, selects } from '../../../src/kube/policy/objects.js';
import { policyScript } from '../../../src/kube/policy/script.js';

const namespaces = [
  namespaceObject.parse({ metadata: { name: 'a', labels: { team: 'x' } } }),
  namespaceObject.parse({ metadata: { name: 'b', labels: { team: 'y' } } }),
];

function pod(namespace: string, name: string, ip: string, labels = {}, ports: object[] = []): PlacedPod {
  const object = { metadata: { namespace, name, labels }, spec: { nodeName: 'n', containers: [{ ports }] } };
  return { pod: podObject.parse(object), ips: [ip] };
}

const web = pod('a', 'web', '10.0.0.1', { app: 'web' }, [{ name: 'http', containerPort: 8080 }]);
const old = pod('a', 'old', '10.0.0.2', { app: 'web' }, [{ name: 'http', containerPort: 80 }]);
const db = pod('a', 'db', '10.0.0.3', { app: 'db' });
const stranger = pod('b', 'stranger', '10.0.1.1', { app: 'web' });
const all = [web, old, db, stranger];

function gates(spec: object, local: readonly PlacedPod[] = all): readonly Gate[] {
  const policies = [policyObject.parse({ metadata: { namespace: 'a', name: 'p' }, spec })];
  return compilePolicies({ policies, namespaces, local, all });
}

const rule = { policy: 'a/p', protocol: undefined, ports: undefined, own: undefined, peers: undefined };
const these = (...addresses: string[]): object => ({ addresses, blocks: [] });

describe('a policy', () => {
  it('holds for the pods of its namespace that it selects, and others have no gate', () => {
    const [gate, ...more] = gates({ podSelector: { matchLabels: { app: 'web' } } });
    expect(gate).toEqual({ direction: 'ingress', pods: ['10.0.0.1', '10.0.0.2'], rules: [] });
    expect(more).toEqual([]);
    expect(gates({ podSelector: {} }, [stranger])).toEqual([]);
  });

  it('is for the directions that it names, or has rules for', () => {
    const directions = (spec: object): string[] =>
      gates({ podSelector: {}, ...spec }).map((gate) => gate.direction);
    expect(directions({ egress: [{}] })).toEqual(['ingress', 'egress']);
    expect(directions({ policyTypes: ['Egress'] })).toEqual(['egress']);
    expect(directions({ policyTypes: ['Ingress'], egress: [{}] })).toEqual(['ingress']);
  });

  it('without peers lets everybody in, with peers those', () => {
    const rulesOf = (from: object[]): unknown => gates({ podSelector: {}, ingress: [{ from }] })[0]?.rules;
    expect(rulesOf([])).toEqual([rule]);
    expect(rulesOf([{ podSelector: { matchLabels: { app: 'db' } } }])).toEqual([
      { ...rule, peers: these('10.0.0.3') },
    ]);
    expect(rulesOf([{ namespaceSelector: { matchLabels: { team: 'y' } } }])).toEqual([
      { ...rule, peers: these('10.0.1.1') },
    ]);
    expect(rulesOf([{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'web' } } }])).toEqual([
      { ...rule, peers: these('10.0.0.1', '10.0.0.2', '10.0.1.1') },
    ]);
    const ipBlock = { cidr: '10.9.0.0/16', except: ['10.9.9.0/24'] };
    expect(rulesOf([{ ipBlock }, { podSelector: { matchLabels: { app: 'nobody' } } }])).toEqual([
      { ...rule, peers: { addresses: [], blocks: [ipBlock] } },
    ]);
  });

  it('knows ranges of ports, and what a name stands for in each pod', () => {
    const ports = [
      { port: 8000, endPort: 8100 },
      { protocol: 'UDP', port: 53 },
      { protocol: 'SCTP' },
      { port: 'http' },
    ];
    const [ingress] = gates({ podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports }] });
    expect(ingress?.rules).toEqual([
      { ...rule, protocol: 'tcp', ports: [8000, 8100] },
      { ...rule, protocol: 'udp', ports: [53, 53] },
      { ...rule, protocol: 'sctp' },
      { ...rule, protocol: 'tcp', ports: [8080, 8080], own: ['10.0.0.1'] },
      { ...rule, protocol: 'tcp', ports: [80, 80], own: ['10.0.0.2'] },
    ]);
    const to = [{ podSelector: { matchLabels: { app: 'web' } } }];
    const policyTypes = ['Egress'];
    const [egress] = gates({ podSelector: {}, policyTypes, egress: [{ to, ports: [{ port: 'http' }] }] });
    expect(egress?.rules).toEqual([
      { ...rule, protocol: 'tcp', ports: [8080, 8080], peers: these('10.0.0.1') },
      { ...rule, protocol: 'tcp', ports: [80, 80], peers: these('10.0.0.2') },
    ]);
  });

  it('of several each adds what it allows', () => {
    const policies = ['p', 'q'].map((name) =>
      policyObject.parse({
        metadata: { namespace: 'a', name },
        spec: {
          podSelector: name === 'p' ? {} : { matchLabels: { app: 'db' } },
          ingress: name === 'q' ? [{}] : [],
        },
      }),
    );
    const compiled = compilePolicies({ policies, namespaces, local: [web, db], all });
    expect(compiled.map(({ pods, rules }) => [pods, rules.map(({ policy }) => policy)])).toEqual([
      [['10.0.0.1'], []],
      [['10.0.0.3'], ['a/q']],
    ]);
  });
});

describe('a selector', () => {
  it.each([
    ['In', ['x', 'y'], true, false],
    ['NotIn', ['x'], false, true],
    ['Exists', [], true, false],
    ['DoesNotExist', [], false, true],
    ['Gt', ['0'], false, false],
  ])('%s %j', (operator, values, with_, without) => {
    const selector = { matchLabels: {}, matchExpressions: [{ key: 'k', operator, values }] };
    expect([selects(selector, { k: 'x' }), selects(selector, { other: 'x' })]).toEqual([with_, without]);
  });
});

describe('the table', () => {
  const facts = { ranges: ['10.0.0.0/24', 'fd00::/64'], known: ['10.0.0.1', 'fd00::1'], counts: {} };

  it.each([
    ['010.9.0.0/16'],
    ['::ffff:10.9.0.0/112'],
    ['10.9.0.0/016'],
    ['10.9.0.0/99'],
    ['10.9.0.0/16 } accept'],
  ])('lets nobody of a block in whose exception %s cannot be made one', (range) => {
    const ipBlock = { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', range] };
    const from = [{ ipBlock }, { ipBlock: { cidr: range } }, { ipBlock: { cidr: '192.0.2.0/24' } }];
    const script = policyScript({ ...facts, gates: gates({ podSelector: {}, ingress: [{ from }] }, [web]) });
    expect(script).not.toContain('saddr 10.');
    expect(script).not.toContain('99');
    expect(script).toContain('ip saddr 192.0.2.0/24 counter accept');
  });

  it('cuts off who is not known, and drops what no rule names', () => {
    const script = policyScript({
      ...facts,
      counts: { unknown: { packets: 7, bytes: 70 } },
      gates: gates(
        {
          podSelector: {},
          ingress: [
            { from: [{ ipBlock: { cidr: '10.9.0.0/16', except: ['10.9.9.0/24'] } }], ports: [{ port: 80 }] },
          ],
        },
        [web],
      ),
    });
    expect(script).toContain('counter unknown { packets 7 bytes 70 }');
    expect(script).toContain(
      'ip daddr { 10.0.0.0/24 } ip daddr != @known-ingress-ip counter name "unknown" drop',
    );
    expect(script).toContain(
      'map gates-ingress-ip { type ipv4_addr : verdict; elements = { 10.0.0.1 : goto gate-0 }; }',
    );
    expect(script).toContain(
      'ip saddr 10.9.0.0/16 ip saddr != { 10.9.9.0/24 } tcp dport 80 counter accept comment "a/p"',
    );
    expect(script).toContain('counter name "denied-ingress" drop');
  });

  it('takes no word of an address that is none', () => {
    const evil = '10.0.0.0/8 accept; }';
    const spec = { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: evil, except: [evil] } }] }] };
    expect(policyScript({ ...facts, known: [evil], gates: gates(spec, [web]) })).not.toContain('/8');
  });
});

describe('what a runtime says of a pod', () => {
  it('is found among its arguments', () => {
    expect(podOf('IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web-0')).toEqual({
      namespace: 'ns',
      name: 'web-0',
    });
    expect(podOf('IgnoreUnknown=1')).toBeUndefined();
    expect(podOf(undefined)).toBeUndefined();
  });
});

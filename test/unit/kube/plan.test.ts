import { describe, expect, it } from 'vitest';
import type { EvioError } from '../../../src/core/lib/errors.js';
import { acceptableRanges, checkRanges } from '../../../src/kube/ranges.js';
import { stepsTo, type RouteReports } from '../../../src/kube/subnets.js';
import { pathsWord } from '../../../src/kube/topology.js';

const network = '10.144.0.0/16';

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    return (thrown as EvioError).code;
  }
  return 'none';
}

describe('ranges of pods', () => {
  it('may be anything that is free, in both families', () => {
    const machine = [{ device: 'eth0', cidr: '192.168.1.7/24' }];
    const ranges = ['10.244.1.0/24', 'fd44:1::/64'];
    expect(checkRanges(ranges, network, machine)).toEqual(ranges);
  });

  it.each([
    ['the network', '10.144.7.0/24', [], /the range of the network/],
    [
      'an interface',
      '192.168.1.0/26',
      [{ device: 'eth0', cidr: '192.168.1.7/24' }],
      /192\.168\.1\.7\/24 of its interface eth0/,
    ],
    ['an interface by IPv6', 'fd44:1::/64', [{ device: 'eth0', cidr: 'fd44:1::9/48' }], /eth0/],
    ['nothing that can be read', '10.244.1.7/24', [], /no range/],
  ])('do not overlap %s', (_, range, machine, sentence) => {
    expect(() => checkRanges([range], network, machine)).toThrow(sentence);
    expect(codeOf(() => checkRanges([range], network, machine))).toBe('EVIO_POD_RANGE');
  });

  it('of other nodes do not draw away what a Node object has no business with', () => {
    const machine = [{ device: 'eth0', cidr: '192.168.1.7/24' }];
    const claimed = [
      '0.0.0.0/0',
      '8.8.8.0/24',
      '192.168.1.128/25',
      '10.144.3.0/24',
      '10.244.1.128/25',
      'x',
      '10.244.2.0/24',
    ];
    expect(acceptableRanges(claimed, network, ['10.244.1.0/24'], machine)).toEqual(['10.244.2.0/24']);
  });
});

describe('subnets of the member', () => {
  const held = { network: 'n', member: 'm', announced: [] as string[], accepted: [] as string[] };
  const route = (cidr: string, own = true, shared = false): RouteReports[number] => ({
    cidr,
    own,
    shared,
    via: '10.144.0.1',
    active: true,
    state: 'announced',
    peer: 'm',
    name: 'n',
    fault: null,
    holder: null,
  });
  const want = (announced: string[], accepted: string[] = [], shared = false) => ({
    announced: new Map(announced.map((cidr) => [cidr, { shared }] as const)),
    accepted: new Set(accepted),
  });

  it('are announced and accepted once', () => {
    const first = stepsTo(want(['10.244.1.0/24'], ['10.244.2.0/24']), [], held);
    expect(first.announce).toEqual([{ cidr: '10.244.1.0/24', shared: false }]);
    expect(first.accept).toEqual(['10.244.2.0/24']);
    const again = stepsTo(
      want(['10.244.1.0/24'], ['10.244.2.0/24']),
      [route('10.244.1.0/24')],
      first.holdings,
    );
    expect([again.announce, again.accept, again.withdraw, again.refuse]).toEqual([[], [], [], []]);
  });

  it('that Kubernetes took back are withdrawn', () => {
    const mine = { ...held, announced: ['10.244.1.0/24'], accepted: ['10.244.2.0/24'] };
    const steps = stepsTo(want(['10.244.3.0/24']), [route('10.244.1.0/24')], mine);
    expect(steps.withdraw).toEqual(['10.244.1.0/24']);
    expect(steps.refuse).toEqual(['10.244.2.0/24']);
    expect(steps.holdings).toEqual({ ...held, announced: ['10.244.3.0/24'] });
  });

  it('that a person announced stay, whatever Kubernetes says', () => {
    const lan = route('192.168.7.0/24');
    expect(stepsTo(want([]), [lan], held).withdraw).toEqual([]);
    // Also when Kubernetes wants the same for a while.
    const { holdings, announce } = stepsTo(want(['192.168.7.0/24']), [lan], held);
    expect(announce).toEqual([]);
    expect(stepsTo(want([]), [lan], holdings).withdraw).toEqual([]);
  });

  it('are announced anew to be shared', () => {
    const steps = stepsTo(want(['10.145.0.1/32'], [], true), [route('10.145.0.1/32')], held);
    expect(steps.announce).toEqual([{ cidr: '10.145.0.1/32', shared: true }]);
  });
});

it('a node tells how it reaches the others', () => {
  const peer = (kind: string, state = 'connected') =>
    ({ state, path: { kind } }) as Parameters<typeof pathsWord>[0][number];
  expect(pathsWord([])).toBe('none');
  expect(pathsWord([peer('direct'), peer('relay', 'unreachable')])).toBe('direct');
  expect(pathsWord([peer('relay')])).toBe('relayed');
  expect(pathsWord([peer('relay'), peer('direct')])).toBe('mixed');
});

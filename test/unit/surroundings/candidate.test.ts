import { describe, expect, it } from 'vitest';
import {
  gatherCandidates,
  onLinkOf,
  isProbeable,
  lanInterfaces,
  usableAddresses,
} from '../../../src/core/surroundings/candidate.js';

describe('candidates', () => {
  it('leaves out loopback, link-local, containers, overlays and the own network', () => {
    const all = [
      { device: 'lo', address: '127.0.0.1', internal: true },
      { device: 'eth0', address: '192.168.1.5', internal: false },
      { device: 'eth0', address: '2001:db8::5', internal: false },
      { device: 'eth0', address: 'fe80::1', internal: false },
      { device: 'eth1', address: '169.254.3.4', internal: false },
      ...[
        ...[
          'docker0',
          'br-4f3a2b',
          'veth1a2b',
          'podman1',
          'hassio',
          'incusbr0',
          'virbr0',
          'vmnet8',
          'vboxnet0',
        ],
        ...['cni0', 'flannel.1', 'kube-ipvs0', 'vxlan.calico', 'tunl0', 'cilium_host', 'weave', 'antrea-gw0'],
      ].map((device, n) => ({ device, address: `172.17.${n}.1`, internal: false })),
      { device: 'evio0', address: '10.9.0.1', internal: false },
      { device: 'mine', address: '10.1.0.1', internal: false },
      { device: 'tap9', address: '10.144.0.9', internal: false },
    ];
    expect(usableAddresses(all, { devices: ['mine'], cidrs: [{ base: 0x0a90_0000, prefix: 16 }] })).toEqual([
      '192.168.1.5',
      '2001:db8::5',
    ]);
  });

  it('puts host candidates first and repeats none', () => {
    expect(
      gatherCandidates(['192.0.2.5'], 7, [
        { host: '192.0.2.5', port: 7 },
        { host: '198.51.100.1', port: 9 },
      ]),
    ).toEqual([
      { kind: 'host', endpoint: { host: '192.0.2.5', port: 7 } },
      { kind: 'reflexive', endpoint: { host: '198.51.100.1', port: 9 } },
    ]);
  });

  it('leaves room for how the outside sees it, however many addresses there are', () => {
    const hosts = Array.from({ length: 40 }, (_, i) => `10.0.${i}.1`);
    const seen = [
      { host: '198.51.100.1', port: 9 },
      { host: '2001:db8::9', port: 9 },
    ];
    const list = gatherCandidates(hosts, 7, seen);
    expect(list).toHaveLength(24);
    expect(list.filter(({ kind }) => kind === 'reflexive').map(({ endpoint }) => endpoint)).toEqual(seen);
    // The longest credential leaves room for ten in a card.
    expect(list.findLastIndex(({ kind }) => kind === 'reflexive')).toBe(9);
  });

  it('names the first address of each interface before its others', () => {
    const of = (device: string, ...addresses: string[]) =>
      addresses.map((address) => ({ device, address, internal: false }));
    const all = [
      ...of('eth0', '192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'),
      ...of('eth1', '10.0.0.1'),
    ];
    expect(usableAddresses(all, { devices: [], cidrs: [] })).toEqual([
      '192.0.2.1',
      '2001:db8::1',
      '10.0.0.1',
      '192.0.2.2',
      '2001:db8::2',
    ]);
  });

  it.each([
    ['192.0.2.1', 1, true],
    ['192.0.2.1', 0, false],
    ['127.0.0.1', 1, false],
    ['0.0.0.0', 1, false],
    ['224.0.0.1', 1, false],
    ['255.255.255.255', 1, false],
    ['::1', 1, false],
    ['ff02::1', 1, false],
    ['fe80::1', 1, false],
    ['2001:db8::1', 1, true],
  ])('%s port %i may be probed: %s', (host, port, ok) => {
    expect(isProbeable({ host, port })).toBe(ok);
  });

  it('for a LAN are of interfaces that lead to others, each with its own', () => {
    const at = (device: string, address: string, prefix: number, internal = false) => ({
      device,
      address,
      internal,
      prefix,
    });
    const all = [
      at('lo', '127.0.0.1', 8, true),
      at('eth0', 'fe80::1', 64),
      at('eth0', 'fd00:1::7', 64),
      at('eth0', '192.168.7.9', 23),
      at('wlan0', '169.254.3.4', 16),
      at('docker0', '172.17.0.1', 16),
      at('evio0', '10.144.0.7', 16),
      at('br7', '10.144.0.8', 16),
    ];
    const exclude = { devices: ['evio0'], cidrs: [{ base: 0x0a90_0000, prefix: 16 }] };
    expect(lanInterfaces(all, exclude)).toEqual([
      { device: 'eth0', addresses: ['192.168.7.9', 'fd00:1::7'] },
      { device: 'wlan0', addresses: ['169.254.3.4'] },
    ]);
    const near = ['192.168.6.1', '192.168.7.255', 'fd00:1::99', '169.254.200.1'];
    const far = ['192.168.8.1', '8.8.8.8', 'fd00:2::1', '172.17.0.2', '10.144.0.9', '127.0.0.1', 'nonsense'];
    expect(near.map(onLinkOf(all, exclude))).toEqual([true, true, true, true]);
    expect(far.filter(onLinkOf(all, exclude))).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { formatCidr, parseCidr, type Cidr } from '../../../src/core/lib/ipv4.js';
import {
  clashOf,
  isPrivateRange,
  localRanges,
  networkRanges,
} from '../../../src/core/surroundings/local-ranges.js';

const cidr = (text: string): Cidr => parseCidr(text) as Cidr;

/** As /proc/net/route prints it: default and LAN by eth0, a VPN by tun0 with the two halves, a blackhole, our own. */
const routes = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100140A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000140A\t00000000\t0001\t0\t0\t0\t00FCFFFF\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
tun0\t00000080\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
tun0\t000010AC\t0101A8C0\t0003\t0\t0\t0\t0000F0FF\t0\t0\t0
*\t00001064\t00000000\t0201\t0\t0\t0\t0000F0FF\t0\t0\t0
evio0\t0000900A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
`;
const addresses = [
  { device: 'lo', address: '127.0.0.1' },
  { device: 'eth0', address: '10.20.1.7' },
  { device: 'eth0', address: 'fd00::2' },
  { device: 'evio0', address: '10.144.0.7' },
];
const local = localRanges(addresses, routes);

describe('localRanges', () => {
  it('reads addresses, gateways and routes, without our own interfaces and without the way out', () => {
    expect(local.map(({ device, kind, cidr: range }) => `${device} ${kind} ${formatCidr(range)}`)).toEqual([
      'lo address 127.0.0.1/32',
      'eth0 address 10.20.1.7/32',
      'eth0 gateway 10.20.0.1/32',
      'eth0 route 10.20.0.0/22',
      'tun0 route 172.16.0.0/12',
      'tun0 gateway 192.168.1.1/32',
    ]);
  });

  it('reads the addresses of networks apart, and not those of bridges for pods', () => {
    const bridge = { device: 'evio-pods', address: '10.144.9.1' };
    expect(networkRanges([...addresses, bridge])).toEqual([
      { device: 'evio0', kind: 'address', cidr: { base: 0x0a90_0007, prefix: 32 } },
    ]);
  });

  it('finds the gateway that a default route looks for behind a network, where a LAN has it', () => {
    const astray = (lan: string): string => `Iface
evio0\t00000000\t0100900A\t0003\t0\t0\t0\t00000000\t0\t0\t0
evio0\t0000900A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t${lan}\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
`;
    const found = clashOf(cidr('10.144.0.0/16'), localRanges([], astray('0000000A')));
    expect(found).toMatchObject({ device: 'eth0', kind: 'gateway', through: 'evio0' });
    expect(formatCidr(found?.cidr as Cidr)).toBe('10.144.0.1/32');
    // Who has a member as gateway meant it.
    expect(localRanges([], astray('0000000B')).map(({ kind }) => kind)).toEqual(['route']);
  });

  it('reads nothing where there is nothing', () => {
    expect(localRanges([], '')).toEqual([]);
    expect(localRanges([], 'Iface\nbroken\tline\n\n')).toEqual([]);
  });
});

describe('clashOf', () => {
  it.each([
    ['10.20.0.0/16', 'address'],
    ['10.20.0.0/24', 'gateway'],
    ['10.20.2.0/24', 'route'],
    ['172.20.0.0/16', 'route'],
    ['192.168.0.0/16', 'gateway'],
  ])('%s: %s', (text, kind) => {
    expect(clashOf(cidr(text), local)?.kind).toBe(kind);
  });

  it.each(['10.144.0.0/16', '10.20.4.0/24', '192.168.2.0/24', '100.64.0.0/16'])('%s: none', (text) => {
    expect(clashOf(cidr(text), local)).toBeUndefined();
  });
});

describe('isPrivateRange', () => {
  it.each([
    ['10.144.0.0/16', true],
    ['172.16.0.0/12', true],
    ['192.168.0.0/16', true],
    ['100.64.0.0/10', true],
    ['198.18.0.0/15', true],
    ['10.0.0.0/8', false],
    ['172.0.0.0/10', false],
    ['192.168.0.0/15', false],
    ['128.0.0.0/1', false],
    ['8.8.8.0/24', false],
    ['169.254.0.0/16', false],
    ['0.0.0.0/0', false],
  ])('%s: %s', (text, is) => {
    expect(isPrivateRange(cidr(text))).toBe(is);
  });
});

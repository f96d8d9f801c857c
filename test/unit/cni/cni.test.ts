/** What the CNI plugin makes of words: configurations, names, results in each version. The rest needs a machine: test/cni. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, readConfig } from '../../../src/cni/config.js';
import { CniError } from '../../../src/cni/errors.js';
import { masquerading } from '../../../src/cni/masquerade.js';
import { formatCidr, parseCidr, type Cidr } from '../../../src/core/lib/ipv4.js';
import { freeRange } from '../../../src/cni/lease.js';
import { linkName, linkPrefix, macOf } from '../../../src/cni/names.js';
import { parametersOf } from '../../../src/cni/request.js';
import { readAddresses, writeResult } from '../../../src/cni/result.js';
import { newestCommon } from '../../../src/cni/version.js';

const minimal = { cniVersion: '1.1.0', name: 'pods', type: 'evio-cni' };
const codeOf = (work: () => unknown): number | undefined => {
  try {
    work();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
    return thrown.code;
  }
};

describe('a configuration', () => {
  it('needs little, and takes ranges for host-local', () => {
    expect(readConfig(minimal)).toMatchObject({ bridge: 'evio-pods', masquerade: true, ipam: undefined });
    const ranges = [[{ subnet: '10.244.1.0/24' }]];
    const { ipam, raw } = readConfig({ ...minimal, ranges });
    expect(ipam).toEqual({ type: 'host-local', ranges });
    expect(raw['ranges']).toBeUndefined();
    expect(raw['ipam']).toBe(ipam);
  });

  it.each([
    ['an unknown version', { cniVersion: '0.2.0' }, 1],
    ['no version', { cniVersion: undefined }, 1],
    ['a pool that is none', { pool: '10.244.0.1/16' }, 7],
    ['another mode', { mode: 'bridge' }, 2],
    ['addresses of its own in mode flat', { mode: 'flat', ranges: [[{ subnet: '10.1.0.0/24' }]] }, 2],
    ['no name', { name: '' }, 7],
    ['a name with a slash', { name: 'a/b' }, 7],
    ['ranges and ipam', { ranges: [[]], ipam: { type: 'x' } }, 7],
    ['ranges that are none', { ranges: {} }, 7],
    ['an ipam without a type', { ipam: {} }, 7],
    ['a bridge that is two words of a batch', { bridge: 'a b' }, 7],
    ['a bridge that is a flag', { bridge: '-x' }, 7],
    ['a device that ends a string', { device: 'a"b' }, 7],
    ['a flag that is a word', { masquerade: 'yes' }, 7],
    ['a MAC that is none', { runtimeConfig: { mac: '1:2' } }, 7],
    ['addresses that are none', { mode: 'flat', runtimeConfig: { ips: '10.1.0.5' } }, 7],
    ['attachments that are none', { 'cni.dev/valid-attachments': ['x'] }, 7],
    ['a result that is a list', { prevResult: [] }, 7],
    ['a result whose routes are none', { prevResult: { routes: {} } }, 7],
    ['a result with an address that is a flag', { prevResult: { ips: [{ address: '-x' }] } }, 7],
    ['a result with an interface without name', { prevResult: { interfaces: [{}] } }, 7],
  ])('is refused with %s', (_, change, code) => {
    expect(codeOf(() => readConfig({ ...minimal, ...change }))).toBe(code);
  });

  it('has a result without the lists that are empty, as runtimes written in Go hand it over', () => {
    const ips = [{ address: '10.144.1.2/16', interface: 0 }];
    const { previous } = readConfig({ ...minimal, prevResult: { interfaces: [{ name: 'net1' }], ips } });
    expect(previous).toEqual({ interfaces: [{ name: 'net1' }], ips, routes: [], dns: {} });
  });

  it('of any content ends in a configuration or a code', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        codeOf(() => readConfig({ ...minimal, ...(value as object) }));
        codeOf(() => readConfig({ ...minimal, prevResult: value }));
        codeOf(() => parseJson(JSON.stringify(value)));
      }),
    );
  });
});

describe('parameters', () => {
  const good = { CNI_CONTAINERID: 'a1', CNI_IFNAME: 'eth0', CNI_NETNS: '/run/netns/x' };
  it.each([
    ['CNI_CONTAINERID', '../../x'],
    ['CNI_CONTAINERID', ''],
    ['CNI_IFNAME', 'eth0\nlink'],
    ['CNI_IFNAME', 'sixteen-letters-'],
    ['CNI_NETNS', '/run/netns/x address 1'],
    ['CNI_NETNS', 'relative'],
    ['CNI_NETNS', ''],
  ])('%s may not be %j', (variable, value) => {
    expect(codeOf(() => parametersOf({ ...good, [variable]: value }, 'ADD'))).toBe(4);
  });

  it('of DEL may lack the namespace', () => {
    expect(parametersOf({ ...good, CNI_NETNS: undefined }, 'DEL').netns).toBe('');
  });
});

describe('names', () => {
  it('fit an interface, and differ by network, container and interface', () => {
    const words = fc.string({ minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(words, words, words, (network, container, ifname) => {
        const name = linkName(network, container, ifname);
        expect(name).toMatch(/^ev[0-9a-z]{13}$/);
        expect(name.startsWith(linkPrefix(network))).toBe(true);
        expect(macOf(name)).toMatch(/^0a:58(:[0-9a-f]{2}){4}$/);
      }),
    );
    const names = new Set<string>();
    for (let i = 0; i < 10_000; i++) names.add(linkName('pods', `c${i}`, 'eth0'));
    for (let i = 0; i < 10_000; i++) names.add(linkName('pods', `c${i}`, 'eth1'));
    expect(names.size).toBe(20_000);
  });

  it('a MAC follows from the address', () => {
    expect(macOf('10.244.1.2/24')).toBe('0a:58:0a:f4:01:02');
    expect(macOf('fd44:1::2/64')).not.toBe(macOf('fd44:1::3/64'));
  });
});

describe('what an IPAM plugin answers', () => {
  it.each([
    ['nothing', undefined],
    ['no address', { ips: [] }],
    ['an address without a length', { ips: [{ address: '10.0.0.1' }] }],
    ['two lines of a batch', { ips: [{ address: '10.0.0.1/24\nlink delete dev eth0' }] }],
    ['a gateway that is a word', { ips: [{ address: '10.0.0.1/24', gateway: 'x' }] }],
    ['a route that is a word', { ips: [{ address: '10.0.0.1/24' }], routes: [{ dst: 'default dev eth0' }] }],
  ])('is refused when it is %s', (_, printed) => {
    expect(codeOf(() => readAddresses(printed, 'test'))).toBe(6);
  });

  it('is written as each version wants it', () => {
    const { ips, routes, dns } = readAddresses(
      { ips: [{ version: '6', address: 'fd44::2/64', gateway: 'fd44::1' }], routes: [{ dst: '::/0' }] },
      'test',
    );
    const result = { interfaces: [{ name: 'eth0', mac: '0a:58:00:00:00:01', mtu: 1350 }], ips, routes, dns };
    const plain = { name: 'eth0', mac: '0a:58:00:00:00:01' };
    expect(writeResult(result, '0.4.0')).toMatchObject({ interfaces: [plain], ips: [{ version: '6' }] });
    expect(writeResult(result, '1.0.0')).toEqual({
      cniVersion: '1.0.0',
      interfaces: [plain],
      ips: [{ address: 'fd44::2/64', gateway: 'fd44::1' }],
      routes: [{ dst: '::/0' }],
      dns: {},
    });
    expect(writeResult(result, '1.1.0')['interfaces']).toEqual([{ ...plain, mtu: 1350 }]);
  });

  it('is asked for in the newest version that both speak', () => {
    expect(newestCommon(['0.3.1', '1.0.0'], '1.1.0')).toBe('1.0.0');
    expect(newestCommon(['0.3.1', '1.1.0', '9.0.0'], '1.0.0')).toBe('0.3.1');
    expect(newestCommon(['0.2.0'], '1.1.0')).toBeUndefined();
  });
});

describe('a range of the pool', () => {
  const cidr = (text: string): Cidr => parseCidr(text) as Cidr;
  const pool = cidr('10.244.0.0/16');

  it('is the first behind the start that overlaps nothing', () => {
    const free = (taken: readonly string[], from: number): string | undefined => {
      const range = freeRange(pool, taken.map(cidr), from);
      return range && formatCidr(range);
    };
    expect(free([], 7)).toBe('10.244.7.0/24');
    expect(free(['10.244.7.0/24', '10.244.8.128/25'], 7)).toBe('10.244.9.0/24');
    expect(free(['10.244.255.0/24'], 255)).toBe('10.244.0.0/24');
    expect(free(['10.244.0.0/17', '10.0.0.0/8'], 0)).toBeUndefined();
    expect(free(['10.244.0.0/17'], 3)).toBe('10.244.128.0/24');
    expect(freeRange(cidr('10.244.3.0/24'), [], 5)).toEqual(cidr('10.244.3.0/24'));
  });
});

describe('the table of a bridge', () => {
  const rules = (...addresses: string[]): ReturnType<typeof masquerading> =>
    masquerading('evio-pods', 'evio0', addresses);

  it('names the way inside, and both families', () => {
    const { write } = rules('10.244.1.2/24', 'fd44::2/64');
    expect(write).toContain('add element inet evio-cni-evio-pods pods4 { 10.244.1.0/24 }');
    expect(write).toContain('add element inet evio-cni-evio-pods pods6 { fd44::/64 }');
    expect(write.match(/oifname != \{ "evio-pods", "evio0" \} masquerade comment/g)).toHaveLength(2);
  });

  it('stands for all pods of a range once it is written, and for no other range or interface', () => {
    const { mark, write } = rules('10.244.1.2/24');
    expect(write.split(`comment "${mark}"`)).toHaveLength(3);
    expect(rules('10.244.1.77/24').mark).toBe(mark);
    expect(rules('10.244.2.2/24').mark).not.toBe(mark);
    expect(masquerading('evio-pods', 'evio1', ['10.244.1.2/24']).mark).not.toBe(mark);
  });
});

/** What a way out sets on a machine, as the kernel and nft read it. The real thing: test/lab/exit.test.ts. */
import { describe, expect, it } from 'vitest';
import { parsePrefix, type Prefix } from '../../../src/core/lib/prefix.js';
import { exitRules } from '../../../src/core/tap/exit-nat.js';
import { readRoute } from '../../../src/core/tap/route-message.js';
import { encodeRule, encodeTableRoute, readRule, RouteType } from '../../../src/core/tap/rule-message.js';

describe('rules', () => {
  it.each([
    { v4: true, priority: 5_200, table: 254, bound: 'eth0', noDefault: false },
    { v4: false, priority: 5_201, table: 254, bound: '', noDefault: true },
    { v4: true, priority: 5_202, table: 0x0e12_3456, bound: '', noDefault: false },
  ])('are read as they are written: %o', (rule) => {
    expect(readRule(encodeRule(rule))).toEqual(rule);
  });

  it('of others, and cut ones, are none', () => {
    const body = encodeRule({ v4: true, priority: 1, table: 2, bound: 'eth0', noDefault: true });
    const others = body.slice();
    others[others.indexOf(144)] = 3;
    expect(readRule(others)).toBeUndefined();
    for (let length = 0; length < body.length; length++) {
      const read = readRule(body.subarray(0, length));
      expect(read === undefined || read.v4).toBe(true);
    }
  });
});

describe('routes of a table', () => {
  it.each(['0.0.0.0/0', '::/0', '192.168.7.0/24', 'fd00:7::/64'])('%s is read as it is written', (text) => {
    const prefix = parsePrefix(text) as Prefix;
    const gateway = text.includes(':')
      ? Uint8Array.from([0xfe, 0x80, ...new Uint8Array(13), 9])
      : Uint8Array.from([...new Uint8Array(10), 0xff, 0xff, 10, 144, 0, 9]);
    const route = { table: 0x0e12_3456, prefix, metric: 1, type: RouteType.unicast, device: 7, gateway };
    expect(readRoute(encodeTableRoute(route))).toMatchObject({
      ...{ table: route.table, destination: prefix, metric: 1, type: 1, device: 7, gateway, protocol: 144 },
    });
    const refusal = { ...route, type: RouteType.unreachable, device: 0, gateway: undefined };
    expect(readRoute(encodeTableRoute(refusal))).toMatchObject({ type: 7, device: 0, gateway: undefined });
  });
});

describe('translation', () => {
  it('is one table, replaced whole, for packets that leave by another interface', () => {
    const text = exitRules('0123456789abcdef', 'evio0', ['10.144.0.0/16', 'fd01::/64']);
    expect(text).toMatch(/^add table inet evio-exit-01234567\ndelete table inet evio-exit-01234567\n/);
    expect(text).toContain('ip saddr 10.144.0.0/16 oifname != "evio0" masquerade');
    expect(text).toContain('ip6 saddr fd01::/64 oifname != "evio0" masquerade');
  });
});

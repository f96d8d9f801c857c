import { describe, expect, it } from 'vitest';
import { coreLinkRules, linkRules, partitionRules, routerRules } from '../../../src/lab/rules.js';
import type { SiteKind } from '../../../src/lab/rules.js';

const router = (kind: SiteKind, extra: object = {}): string =>
  routerRules({ kind, outside: '192.0.2.9', inside: '192.168.1.0/24', ...extra });

describe('routerRules', () => {
  it('replaces its own table and no other', () => {
    expect(router('endpoint-independent').split('\n').slice(0, 3)).toEqual([
      'table inet evlab',
      'delete table inet evlab',
      'table inet evlab {',
    ]);
  });

  it('randomises ports for address-and-port-dependent mapping only', () => {
    expect(router('address-and-port-dependent')).toContain('masquerade random,fully-random');
    expect(router('endpoint-independent')).toMatch(/masquerade\n/);
  });

  it('gives ports of a range where it is told one, but to kinds that draw their own', () => {
    const ports = { first: 61_000, last: 61_499 };
    const range = 'meta l4proto { tcp, udp } masquerade to :61000-61499';
    expect(router('endpoint-independent', { ports })).toContain(range);
    for (const kind of ['address-and-port-dependent', 'sequential-ports'] as const)
      expect(router(kind, { ports })).not.toContain('61000-61499');
  });

  it('lets in by what was sent out: anybody, or whoever was sent to', () => {
    const open = router('endpoint-independent-filtering');
    expect(open).toContain('ip daddr 192.0.2.9 dnat ip to udp dport map @mapping');
    expect(open).not.toContain('@contacted');
    const restricted = router('address-dependent-filtering');
    expect(restricted).toContain('ip saddr . udp dport @contacted dnat ip to udp dport map @mapping');
    expect(restricted).toContain('update @contacted { ip daddr . udp sport }');
  });

  it('gives each flow the next port where they are sequential', () => {
    expect(router('sequential-ports')).toMatch(
      /snat ip to 192\.0\.2\.9 : numgen inc mod 4096 map \{ 0 : 24000, 1 : 24001,/,
    );
  });

  it('guards the router itself, except in the open variant', () => {
    expect(router('endpoint-independent')).toContain('hook input');
    expect(router('endpoint-independent-open')).not.toContain('hook input');
  });

  it('does not translate IPv6', () => {
    expect(routerRules({ kind: 'ipv6-only' })).not.toMatch(/masquerade|nat hook/);
  });

  it('forwards ports and echo requests', () => {
    const text = router('endpoint-independent', {
      forwards: [
        { protocol: 'udp', port: 53, to: '192.168.1.2' },
        { protocol: 'icmp', port: 0, to: '192.168.1.3' },
      ],
    });
    expect(text).toContain('ip daddr 192.0.2.9 udp dport 53 dnat ip to 192.168.1.2:53');
    expect(text).toContain('ip daddr 192.0.2.9 icmp type echo-request dnat ip to 192.168.1.3');
  });
});

describe('linkRules', () => {
  it('is an empty table when nothing happens to packets', () => {
    expect(linkRules('wan0', { loss: 0, udpBlocked: false, unplugged: false })).not.toContain('drop');
  });

  it.each([
    [0.05, '< 50000 drop'],
    [7, '< 1000000 drop'],
    [1e-9, undefined],
  ])('turns a loss of %s into parts of a million', (loss, expected) => {
    const text = linkRules('wan0', { loss, udpBlocked: false, unplugged: false });
    if (expected === undefined) expect(text).not.toContain('drop');
    else expect(text).toContain(expected);
  });

  it('gives each device of the core a chain', () => {
    const text = coreLinkRules(
      new Map([
        ['p1', { loss: 0.5, udpBlocked: false, unplugged: false }],
        ['p2', { loss: 0, udpBlocked: true, unplugged: false }],
      ]),
    );
    expect(text).toContain('chain arrive_p1');
    expect(text).toContain('chain arrive_p2');
    expect(text.match(/hook ingress device/g)).toHaveLength(2);
    expect(text.split('{').length).toBe(text.split('}').length);
  });
});

it('partitionRules drops between groups, both ways, and nothing inside one', () => {
  const text = partitionRules([['p1', 'p2'], ['p3']]);
  expect(text).toContain('iifname { "p1", "p2" } oifname { "p3" } drop');
  expect(text).toContain('iifname { "p3" } oifname { "p1", "p2" } drop');
  expect(partitionRules([])).not.toContain('drop');
  expect(partitionRules([['p1']])).not.toContain('drop');
});

import { describe, expect, it } from 'vitest';
import { NatObserver } from '../../../src/core/surroundings/nat.js';
import type { NatMapping } from '../../../src/core/wire/nat.js';

const ep = (text: string) => ({ host: text.split('|')[0] as string, port: Number(text.split('|')[1]) });

describe('NAT mapping by RFC 4787', () => {
  const table: [string, [string, string][], NatMapping][] = [
    ['nobody asked', [], 'unknown'],
    ['one server cannot tell', [['192.0.2.1|1', '198.51.100.1|9']], 'unknown'],
    ['our own address comes back', [['192.0.2.1|1', '10.0.0.5|9']], 'none'],
    [
      'same mapping for another port',
      [
        ['192.0.2.1|1', '198.51.100.1|9'],
        ['192.0.2.1|2', '198.51.100.1|9'],
      ],
      'endpoint-independent',
    ],
    [
      'same mapping for another address',
      [
        ['192.0.2.1|1', '198.51.100.1|9'],
        ['192.0.2.2|1', '198.51.100.1|9'],
      ],
      'endpoint-independent',
    ],
    [
      'another mapping for another port',
      [
        ['192.0.2.1|1', '198.51.100.1|9'],
        ['192.0.2.1|2', '198.51.100.1|8'],
      ],
      'address-and-port-dependent',
    ],
    [
      'another mapping for another address only',
      [
        ['192.0.2.1|1', '198.51.100.1|9'],
        ['192.0.2.1|2', '198.51.100.1|9'],
        ['192.0.2.2|1', '198.51.100.1|7'],
      ],
      'address-dependent',
    ],
    [
      'IPv4 decides beside IPv6',
      [
        ['2001:db8::1|1', '10.0.0.5|9'],
        ['192.0.2.1|1', '198.51.100.1|9'],
        ['192.0.2.1|2', '198.51.100.1|8'],
      ],
      'address-and-port-dependent',
    ],
  ];
  it.each(table)('%s', (_name, samples, mapping) => {
    const nat = new NatObserver();
    for (const [server, observed] of samples) nat.add(0, ep(server), ep(observed));
    expect(nat.mapping(['10.0.0.5'])).toBe(mapping);
  });

  it('lets a newer sample of the same server replace the older, and old ones go', () => {
    const nat = new NatObserver();
    nat.add(0, ep('192.0.2.1|1'), ep('198.51.100.1|9'));
    nat.add(1_000, ep('192.0.2.1|1'), ep('198.51.100.1|10'));
    expect(nat.reflexive).toEqual([ep('198.51.100.1|10')]);
    nat.add(200_000, ep('192.0.2.2|1'), ep('198.51.100.1|11'));
    expect(nat.reflexive).toEqual([ep('198.51.100.1|11')]);
  });

  it('tells when a server sees us elsewhere than before, which another server cannot', () => {
    const nat = new NatObserver();
    const [one, two] = [ep('192.0.2.1|1'), ep('192.0.2.2|1')];
    expect(nat.moved(one, ep('198.51.100.1|9'))).toBe(false);
    nat.add(0, one, ep('198.51.100.1|9'));
    expect(nat.moved(one, ep('198.51.100.1|9'))).toBe(false);
    expect(nat.moved(two, ep('198.51.100.1|8'))).toBe(false);
    expect(nat.moved(one, ep('198.51.100.1|8'))).toBe(true);
  });
});

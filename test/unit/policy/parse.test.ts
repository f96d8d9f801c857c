import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../src/core/policy/parse.js';
import { policyLimit, ruleLimit, type Policy } from '../../../src/core/policy/policy.js';

function read(text: string): Policy {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.policy;
}

describe('parsePolicy', () => {
  it('reads every statement', () => {
    const policy = read(`
      # who runs things
      default deny
      group ops = anna, tag:admin   # two ways
      allow group:ops,role:leaf -> * tcp 22, 8000-8100
      deny 10.144.3.0/24 -> 10.144.0.7 udp,tcp 53
      allow * -> tag:web
      allow id:${'ab'.repeat(16)} -> name:db-1 icmp
      deny * -> * arp,ether:0x88cc,llc
      allow * -> * ip
      allow * -> * proto:89
      quarantine on scan,spoof for 10m
      quarantine on flood for 2h
      expect tag:guest -> tag:db tcp 22,23 denied
      expect anna -> bob icmp allowed
    `);
    expect(policy.allow).toBe(false);
    expect(policy.rules.map(({ line, allow, from, to, what }) => ({ line, allow, from, to, what }))).toEqual([
      {
        line: 5,
        allow: true,
        from: [
          { kind: 'name', name: 'anna' },
          { kind: 'tag', tag: 'admin' },
          { kind: 'role', role: 'leaf' },
        ],
        to: [{ kind: 'any' }],
        what: [
          {
            kind: 'protocol',
            protocol: 6,
            ports: [
              { first: 22, last: 22 },
              { first: 8000, last: 8100 },
            ],
          },
        ],
      },
      {
        line: 6,
        allow: false,
        from: [{ kind: 'range', range: { base: 0x0a90_0300, prefix: 24 } }],
        to: [{ kind: 'range', range: { base: 0x0a90_0007, prefix: 32 } }],
        what: [17, 6].map((protocol) => ({
          kind: 'protocol',
          protocol,
          ports: [{ first: 53, last: 53 }],
        })),
      },
      {
        line: 7,
        allow: true,
        from: [{ kind: 'any' }],
        to: [{ kind: 'tag', tag: 'web' }],
        what: [{ kind: 'all' }],
      },
      {
        line: 8,
        allow: true,
        from: [{ kind: 'id', id: 'ab'.repeat(16) }],
        to: [{ kind: 'name', name: 'db-1' }],
        what: [
          { kind: 'protocol', protocol: 1 },
          { kind: 'protocol', protocol: 58 },
        ],
      },
      {
        line: 9,
        allow: false,
        from: [{ kind: 'any' }],
        to: [{ kind: 'any' }],
        what: [
          { kind: 'ether', type: 0x0806 },
          { kind: 'ether', type: 0x88cc },
          { kind: 'ether', type: 0 },
        ],
      },
      { line: 10, allow: true, from: [{ kind: 'any' }], to: [{ kind: 'any' }], what: [{ kind: 'ip' }] },
      {
        line: 11,
        allow: true,
        from: [{ kind: 'any' }],
        to: [{ kind: 'any' }],
        what: [{ kind: 'protocol', protocol: 89 }],
      },
    ]);
    expect([...policy.quarantine]).toEqual([
      ['scan', 600_000],
      ['spoof', 600_000],
      ['flood', 7_200_000],
    ]);
    expect(policy.expectations).toEqual([
      {
        line: 14,
        text: 'expect tag:guest -> tag:db tcp 22, 23 denied',
        from: { kind: 'tag', tag: 'guest' },
        to: { kind: 'tag', tag: 'db' },
        probes: [22, 23].map((port) => ({ kind: 'protocol', protocol: 6, port })),
        allowed: false,
      },
      {
        line: 15,
        text: 'expect anna -> bob icmp allowed',
        from: { kind: 'name', name: 'anna' },
        to: { kind: 'name', name: 'bob' },
        probes: [1, 58].map((protocol) => ({ kind: 'protocol', protocol, port: 0 })),
        allowed: true,
      },
    ]);
  });

  it('allows by default, whatever lies between lines', () => {
    expect(read('')).toMatchObject({ allow: true, rules: [] });
    expect(read('\r\n# nothing\r\n\r\nallow a->b tcp 1\r\n').rules).toHaveLength(1);
  });

  it.each([
    ['permit * -> *', 1, /no statement/],
    ['allow * -> ', 11, /who is missing/],
    ['allow * * tcp', 9, /"->" is missing/],
    ['allow tag: -> *', 7, /tag is missing/],
    ['allow role:boss -> *', 7, /no role/],
    ['allow group:ops -> *', 7, /no group "ops" above/],
    ['allow team:ops -> *', 7, /"team:" is not known/],
    ['allow id:abcd -> *', 7, /32 hexadecimal/],
    ['allow 10.144.0.1/16 -> *', 7, /range/],
    ['allow 10.144.0.256 -> *', 7, /no IPv4/],
    ['allow Anna -> *', 7, /says nobody/],
    ['allow * -> * tpc 22', 14, /"tpc" is no protocol/],
    ['allow * -> * tcp 22-', 18, /no port/],
    ['allow * -> * tcp 23-22', 18, /no port/],
    ['allow * -> * tcp 65536', 18, /no port/],
    ['allow * -> * icmp 22', 14, /only tcp and udp/],
    ['allow * -> * tcp 22 now', 21, /one word too many/],
    ['allow * -> * proto:256', 14, /no protocol/],
    ['allow * -> * ether:0x0800', 14, /say ip/],
    ['allow * -> * ether:0x05ff', 14, /no protocol/],
    ['default perhaps', 9, /neither/],
    ['group a.b* = *', 7, /group's name/],
    ['group ops * ', 11, /"=" is missing/],
    ['quarantine on replay for 1h', 15, /anybody/],
    ['quarantine on storms for 1h', 15, /not watched/],
    ['quarantine on storm for 8d', 25, /no time/],
    ['quarantine on storm for 0m', 25, /no time/],
    ['quarantine on storm,storm for 1m', 21, /given before/],
    ['expect * -> * tcp allowed', 19, /port is missing/],
    ['expect * -> * tcp 22 ok', 22, /neither/],
    ['expect * -> * tcp 1-2 denied', 19, /no ranges/],
    ['expect * -> *', 14, /protocol is missing/],
  ])('says where and why it cannot read: %s', (line, column, message) => {
    const parsed = parsePolicy(`default allow\n${line}`);
    const faults = parsed.ok ? [] : parsed.faults;
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ line: line.startsWith('default allow') ? 1 : 2, column });
    expect(faults[0]?.message).toMatch(message);
  });

  it('tells a second default and a second group', () => {
    expect(parsePolicy('default deny\ndefault allow')).toMatchObject({ faults: [{ line: 2, column: 1 }] });
    expect(parsePolicy('group a = *\ngroup a = *')).toMatchObject({ faults: [{ line: 2, column: 7 }] });
  });

  it('has limits', () => {
    expect(parsePolicy('allow * -> *\n'.repeat(ruleLimit)).ok).toBe(true);
    expect(parsePolicy('allow * -> *\n'.repeat(ruleLimit + 1)).ok).toBe(false);
    expect(parsePolicy('#'.repeat(policyLimit)).ok).toBe(true);
    expect(parsePolicy('#'.repeat(policyLimit + 1)).ok).toBe(false);
    // Groups in groups do not multiply without end.
    const doubling = Array.from({ length: 40 }, (_, i) =>
      i === 0 ? 'group g0 = *' : `group g${i} = group:g${i - 1},group:g${i - 1}`,
    );
    expect(parsePolicy(doubling.join('\n')).ok).toBe(false);
    const many = Array.from({ length: 200 }, (_, i) => `a${i}`).join();
    expect(parsePolicy(`expect ${many} -> ${many} icmp allowed`).ok).toBe(false);
    const faults = parsePolicy('x\n'.repeat(1_000));
    expect(faults.ok ? [] : faults.faults).toHaveLength(20);
  });

  it('never throws', () => {
    const words = fc.constantFrom(
      ...['allow', 'deny', 'default', 'group', 'quarantine', 'expect', '->', '=', ',', '*', 'tag:', 'tag:a'],
      ...[
        'role:leaf',
        'group:g',
        'id:',
        '10.0.0.1',
        '1.2.3.4/',
        'tcp',
        'udp',
        'icmp',
        'proto:1',
        'ether:0x',
        '22',
      ],
      ...[
        '1-',
        '-',
        'on',
        'scan',
        'for',
        '1h',
        'allowed',
        'denied',
        '#',
        '\n',
        '\r',
        '\t',
        'toString',
        '__proto__',
      ],
    );
    const line = fc.array(fc.oneof(words, fc.string({ maxLength: 6 })), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.constantFrom(' ', ''), (lines, space) => {
        const text = lines.map((each) => each.join(space)).join('\n');
        const parsed = parsePolicy(text);
        for (const { line, column, message } of parsed.ok ? [] : parsed.faults) {
          const at = text.split(/\r\n|\n/)[line - 1] ?? '';
          expect(column).toBeGreaterThan(0);
          expect(column).toBeLessThanOrEqual(at.length + 1);
          expect(message).not.toBe('');
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

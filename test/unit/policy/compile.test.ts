/** The tables of the packet loop say the same as the policy that they were made of. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../src/core/policy/compile.js';
import { decide, type Subject } from '../../../src/core/policy/evaluate.js';
import { parsePolicy } from '../../../src/core/policy/parse.js';
import type { Policy, Probe } from '../../../src/core/policy/policy.js';
import {
  ruleOfPort,
  ruleOfType,
  type CompiledPolicy,
  type SenderClass,
} from '../../../src/core/switch/policy-table.js';

function read(text: string): Policy {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(`${JSON.stringify(parsed.faults)} in\n${text}`);
  return parsed.policy;
}

const subject = (n: number, more: Partial<Subject> = {}): Subject => ({
  id: n.toString(16).padStart(32, '0'),
  name: `n${n}`,
  ip: 0x0a90_0000 + n,
  role: 'switch',
  tags: [],
  ...more,
});

/** Index of the rule that the tables have, and whether it allows. */
function lookUp({ allows, classOf, classes }: CompiledPolicy, slot: number, probe: Probe): [number, boolean] {
  const sender = classes[slot < 0 ? 0 : (classOf[slot] as number)] as SenderClass;
  let rule: number;
  if (probe.kind === 'ether') rule = ruleOfType(sender, probe.type);
  else if (probe.protocol === 6) rule = ruleOfPort(sender.tcp, probe.port);
  else if (probe.protocol === 17) rule = ruleOfPort(sender.udp, probe.port);
  else rule = sender.protocols[probe.protocol] as number;
  return [rule, allows[rule] === 1];
}

describe('compilePolicy', () => {
  it('agrees with the policy on 100,000 packets of policies made at random', () => {
    const port = fc.oneof(fc.constantFrom(0, 1, 22, 23, 65_534, 65_535), fc.integer({ min: 0, max: 40 }));
    const ports = fc
      .array(
        fc
          .tuple(port, port, fc.boolean())
          .map(([a, b, single]) => (single ? `${a}` : `${Math.min(a, b)}-${Math.max(a, b)}`)),
        { minLength: 1, maxLength: 3 },
      )
      .map((list) => list.join());
    const term = fc.constantFrom(
      ...['*', 'tag:a', 'tag:b', 'tag:c', 'role:leaf', 'role:switch', 'n1', 'n2', 'undefined'],
      ...['10.144.0.0/30', '10.144.0.4/30', '10.144.0.3', '0.0.0.0/0', `id:${'3'.padStart(32, '0')}`],
    );
    const who = fc.array(term, { minLength: 1, maxLength: 3 }).map((terms) => terms.join());
    const what = fc.oneof(
      fc.constantFrom(
        '',
        '*',
        'ip',
        'icmp',
        'arp',
        'llc',
        'ether:0x88cc',
        'proto:0',
        'proto:255',
        'tcp',
        'udp,icmp',
      ),
      fc.tuple(fc.constantFrom('tcp', 'udp', 'tcp,udp'), ports).map((words) => words.join(' ')),
    );
    const rule = fc
      .tuple(fc.constantFrom('allow', 'deny'), who, who, what)
      .map(([verb, from, to, traffic]) => `${verb} ${from} -> ${to} ${traffic}`);
    const policy = fc
      .tuple(fc.constantFrom('allow', 'deny'), fc.array(rule, { maxLength: 30 }))
      .map(([byDefault, rules]) => read([`default ${byDefault}`, ...rules].join('\n')));
    const member = fc
      .record({
        tags: fc.subarray(['a', 'b', 'c', 'd']),
        role: fc.constantFrom('switch' as const, 'leaf' as const),
        nameless: fc.boolean(),
      })
      .map(({ tags, role, nameless }) => ({ tags, role, ...(nameless ? { name: undefined } : {}) }));
    const probe = fc.oneof(
      fc.record({
        kind: fc.constant('protocol' as const),
        protocol: fc.constantFrom(6, 6, 6, 17, 17, 1, 58, 0, 255, 47),
        port,
      }),
      fc.record({ kind: fc.constant('ether' as const), type: fc.constantFrom(0x0806, 0, 0x88cc, 0x1234) }),
    );
    let asked = 0;
    fc.assert(
      fc.property(
        policy,
        fc.array(member, { minLength: 1, maxLength: 9 }),
        fc.array(probe, { minLength: 25, maxLength: 25 }),
        (policy, members, probes) => {
          const [self = subject(0), ...others] = members.map((more, n) => subject(n, more));
          const senders = others.map((subject, i) => ({ slot: i * 3 + 1, subject }));
          const compiled = compilePolicy(policy, self, senders, 64);
          for (const { slot, subject } of [{ slot: -1, subject: undefined }, ...senders]) {
            const sender = compiled.classes[slot < 0 ? 0 : (compiled.classOf[slot] as number)];
            for (const probe of probes) {
              const { allow, rule } = decide(policy, subject, self, probe);
              const [found, allows] = lookUp(compiled, slot, probe);
              const uniform = sender?.tcp.uniform ?? -1;
              const tcp = probe.kind === 'protocol' && probe.protocol === 6;
              if (
                allows !== allow ||
                (found < policy.rules.length ? found : undefined) !== rule ||
                (!allow && sender?.unlimited) ||
                (tcp && uniform >= 0 && (compiled.allows[uniform] === 1) !== allow)
              )
                expect.fail(
                  `${JSON.stringify(probe)} of slot ${slot}: rule ${rule}, the tables say ${found}`,
                );
              asked++;
            }
          }
        },
      ),
      { numRuns: 900 },
    );
    expect(asked).toBeGreaterThan(100_000);
  }, 60_000);

  it('gives senders with the same rules one class, and looks a port up in few steps', () => {
    const rules = Array.from({ length: 1_000 }, (_, i) => `deny tag:t${i % 10} -> * tcp ${2 * i + 1}`);
    const policy = read(rules.join('\n'));
    const senders = Array.from({ length: 400 }, (_, i) => ({
      slot: i,
      subject: subject(i + 1, { tags: [`t${i % 10}`] }),
    }));
    const { classes, classOf } = compilePolicy(policy, subject(0), senders, 400);
    // One more for who is not known, to whom all rules may apply.
    expect(classes).toHaveLength(11);
    expect(new Set(classOf).size).toBe(10);
    expect(classes[1]?.tcp.starts).toHaveLength(201);
    expect(classes[0]?.tcp.starts).toHaveLength(2_001);
    expect(classes[1]).toMatchObject({ unlimited: false, udp: { uniform: 1_000 }, tcp: { uniform: -1 } });
  });

  it('leaves out what is about others', () => {
    const policy = read('deny * -> tag:db tcp 22\nallow * -> *');
    const compiled = compilePolicy(policy, subject(0), [{ slot: 1, subject: subject(1) }], 4);
    expect(compiled.classes).toHaveLength(1);
    expect(compiled.classes[0]).toMatchObject({ unlimited: true, tcp: { uniform: 1 } });
  });

  it('takes little time for the largest policies and networks', () => {
    const rules = Array.from({ length: 2_000 }, (_, i) =>
      i % 2 === 0 ? `deny n${i} -> * udp ${i}` : `allow * -> * tcp ${i}-${i + 40}`,
    );
    const policy = read(rules.join('\n'));
    const senders = Array.from({ length: 4_095 }, (_, i) => ({ slot: i, subject: subject(i + 1) }));
    const before = performance.now();
    const { classes } = compilePolicy(policy, subject(0), senders, 4_096);
    expect(performance.now() - before).toBeLessThan(4_000);
    expect(classes.length).toBeGreaterThan(900);
  });
});

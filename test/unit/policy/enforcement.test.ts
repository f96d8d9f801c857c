/** Tables of large policies are made piece by piece, so that one who sets such a policy holds up nobody's handshakes. */
import { describe, expect, it } from 'vitest';
import { compilePolicy, type Sender } from '../../../src/core/policy/compile.js';
import { encodePolicy } from '../../../src/core/policy/document.js';
import { classesPerTurn, Enforcement } from '../../../src/core/policy/enforcement.js';
import type { Subject } from '../../../src/core/policy/evaluate.js';
import { parsePolicy } from '../../../src/core/policy/parse.js';
import type { CompiledPolicy } from '../../../src/core/switch/policy-table.js';

const subject = (n: number): Subject => ({
  id: n.toString(16).padStart(32, '0'),
  name: `n${n}`,
  ip: 0x0a90_0000 + n,
  role: 'switch',
  tags: [],
});
const many = 300;
/** A rule for each, so that each is a class of its own. */
const rules = (port: number): string =>
  Array.from({ length: many }, (_, n) => `deny n${n + 1} -> * tcp ${port + n}`).join('\n');

function rig() {
  const set: { policy: CompiledPolicy | null; fresh: boolean }[] = [];
  const members: Sender[] = Array.from({ length: many }, (_, n) => ({ slot: n, subject: subject(n + 1) }));
  const enforcement = new Enforcement({
    plane: {
      setPolicy: (policy, fresh) => set.push({ policy, fresh }),
      policyCounters: (count) => new Float64Array(count).fill(7),
    },
    slots: many,
    self: () => subject(0),
    members: () => members,
    applied: () => undefined,
  });
  /** Turns until nothing is due. */
  const settle = (now: number): number => {
    let turns = 0;
    for (; enforcement.dueAt <= now; turns++) enforcement.tick(now);
    return turns;
  };
  return { enforcement, members, set, settle };
}
const document = (serial: number, text: string) => ({ serial, document: encodePolicy(text) });
const compiled = (text: string, members: readonly Sender[]): CompiledPolicy => {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error('no policy');
  return compilePolicy(parsed.policy, subject(0), members, many);
};

describe('Enforcement', () => {
  it('has the first policy in force at once: before it everything passes', () => {
    const { enforcement, members, set } = rig();
    enforcement.set(document(1, rules(1_000)));
    expect(set).toEqual([{ policy: compiled(rules(1_000), members), fresh: true }]);
    expect(enforcement.dueAt).toBe(Infinity);
  });

  it('makes the tables of the next piece by piece, while the one before stays', () => {
    const { enforcement, members, set, settle } = rig();
    enforcement.set(document(1, rules(1_000)));
    enforcement.set(document(2, rules(2_000)));
    expect(set.length).toBe(1);
    // Counts of the rules before are not told of these.
    const { serial, rules: counted } = enforcement.report();
    expect([serial, counted.length, counted[0]?.hits]).toEqual([2, many, 0]);
    expect(settle(0)).toBeGreaterThanOrEqual(Math.floor(many / classesPerTurn));
    expect(set.slice(1)).toEqual([{ policy: compiled(rules(2_000), members), fresh: true }]);
    expect(enforcement.report().rules[0]?.hits).toBe(7);
  });

  it('begins anew when another policy or other members come meanwhile, and ends with the last of them', () => {
    const { enforcement, members, set, settle } = rig();
    enforcement.set(document(1, rules(1_000)));
    enforcement.set(document(2, rules(2_000)));
    enforcement.tick(0);
    enforcement.set(document(3, rules(3_000)));
    members.pop();
    enforcement.membersChanged(0);
    settle(10_000);
    expect(set.at(-1)?.policy).toEqual(compiled(rules(3_000), members));
    expect(set.filter(({ fresh }) => fresh).length).toBe(2);
    enforcement.set(undefined);
    expect([set.at(-1)?.policy, enforcement.dueAt]).toEqual([null, Infinity]);
  });
});

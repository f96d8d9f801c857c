import { describe, expect, it } from 'vitest';
import { checkPolicy } from '../../../src/core/policy/check.js';
import { parsePolicy } from '../../../src/core/policy/parse.js';
import { subjectOf } from '../../../src/core/policy/subjects.js';
import { Role } from '../../../src/core/identity/invite.js';

const member = (name: string, n: number, tags: readonly string[] = []) => ({
  idText: n.toString(16).padStart(32, '0'),
  name,
  ip: 0x0a90_0000 + n,
  role: Role.switch,
  tags,
});
const members = [
  member('anna', 1, ['admin']),
  member('web-1', 2, ['web']),
  member('web-2', 3, ['web', 'admin']),
  member('db-1', 4, ['db']),
  member('db-2', 5, ['db']),
].map((facts) => subjectOf(facts, facts.name));
/** It calls itself as db-2 does, who came first. */
const twin = subjectOf(member('db-2', 6), 'db-2-2');

function failures(text: string, known = members): string[] {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return checkPolicy(parsed.policy, known).map(({ line, message }) => `${line}: ${message}`);
}

const rules = 'default deny\nallow tag:web -> tag:db tcp 5432\nallow anna -> * tcp 22\n';

describe('checkPolicy', () => {
  it('finds nothing where all holds', () => {
    expect(
      failures(`${rules}
        expect tag:web -> tag:db tcp 5432 allowed
        expect tag:web -> tag:db tcp 22 denied
        expect anna -> db-1 tcp 22 allowed
        expect * -> tag:web udp 53 denied
        expect 10.144.0.1 -> 10.144.0.4 tcp 22 allowed
        expect db-1 -> web-1 arp allowed`),
    ).toEqual([]);
  });

  it('says who, what, and by which line', () => {
    expect(failures(`${rules}expect tag:web -> tag:db tcp 22,5432 denied`)).toEqual([
      '4: tag:web -> tag:db tcp 5432 is allowed by line 2, expected denied',
      '4: tag:web -> db-1 tcp 5432 is allowed by line 2, expected denied',
      '4: tag:web -> db-2 tcp 5432 is allowed by line 2, expected denied',
    ]);
    expect(failures(`${rules}expect db-1 -> web-1 icmp allowed`)).toEqual([
      '4: db-1 -> web-1 icmp is denied by default, expected allowed',
      '4: db-1 -> web-1 proto:58 is denied by default, expected allowed',
    ]);
  });

  it('asks the members that there are, who may have more tags than one', () => {
    const text = 'deny tag:web -> *\nexpect tag:admin -> tag:db tcp 22 allowed';
    expect(failures(text, [])).toEqual([]);
    expect(failures(text)).toEqual([
      '2: web-2 -> tag:db tcp 22 is denied by line 1, expected allowed',
      '2: web-2 -> db-1 tcp 22 is denied by line 1, expected allowed',
      '2: web-2 -> db-2 tcp 22 is denied by line 1, expected allowed',
    ]);
  });

  it('does not find members that there are not', () => {
    expect(failures('expect carl -> * tcp 1 allowed')).toEqual(['1: no member is known by "carl"']);
    expect(failures(`expect * -> id:${'f'.repeat(32)} tcp 1 allowed`)[0]).toMatch(/no member is known/);
  });

  it('means by a name who holds it, and by a made-up one nobody', () => {
    const all = [...members, twin];
    expect(
      failures('default deny\nallow db-2,db-2-2 -> anna\nexpect db-2 -> anna tcp 1 allowed', all),
    ).toEqual([]);
    expect(
      failures(`default deny\nallow db-2,db-2-2 -> anna\nexpect id:${twin.id} -> anna tcp 1 denied`, all),
    ).toEqual([]);
    expect(failures('expect db-2-2 -> anna tcp 1 denied', all)).toEqual([
      '1: no member is known by "db-2-2"',
    ]);
  });

  it('takes the first rule that matches', () => {
    const order = (first: string, second: string): string[] =>
      failures(`${first}\n${second}\nexpect anna -> db-1 tcp 22 allowed`);
    expect(order('allow anna -> *', 'deny * -> *')).toEqual([]);
    expect(order('deny * -> *', 'allow anna -> *')).toHaveLength(1);
  });
});

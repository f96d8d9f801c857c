/**
 * What a policy means, in the plainest way: the first rule that matches decides, else the default. The compiled form of
 * compile.ts must say the same of every packet, which a test asks at random; `evio policy test` asks this one.
 */
import type { MemberRole } from '../identity/invite.js';
import { arpType, type Policy, type Probe, type Rule, type Term, type Traffic } from './policy.js';

/** A member as rules see it. */
export interface Subject {
  readonly id: string;
  /** Its own, which it holds against others of the same name; undefined when it does not. */
  readonly name: string | undefined;
  readonly ip: number;
  readonly role: MemberRole;
  readonly tags: readonly string[];
}

export interface Decision {
  readonly allow: boolean;
  /** Index of the rule that decided; undefined: none did. */
  readonly rule: number | undefined;
}

/** What `from` may send to `to`; of a sender of whom nothing is known, undefined. */
export function decide(policy: Policy, from: Subject | undefined, to: Subject, probe: Probe): Decision {
  const rule = policy.rules.findIndex(
    (rule) =>
      concerns(rule, to, 'to') &&
      concerns(rule, from, 'from') &&
      rule.what.some((what) => covers(what, probe)),
  );
  const found = policy.rules[rule];
  if (found) return { allow: found.allow, rule };
  return { allow: policy.allow || (probe.kind === 'ether' && probe.type === arpType), rule: undefined };
}

/**
 * Whether a rule is about this member at this end. Of one of whom nothing is known: one that denies is, one that allows
 * only when it is about everybody.
 */
export function concerns(rule: Rule, subject: Subject | undefined, end: 'from' | 'to'): boolean {
  return rule[end].some((term) => (subject ? matches(term, subject) : !rule.allow || term.kind === 'any'));
}

/** Whether a term means this member. */
export function matches(term: Term, subject: Subject): boolean {
  switch (term.kind) {
    case 'any':
      return true;
    case 'tag':
      return subject.tags.includes(term.tag);
    case 'role':
      return subject.role === term.role;
    case 'id':
      return subject.id === term.id;
    case 'name':
      return subject.name === term.name;
    case 'range':
      return inRange(subject.ip, term.range.base, term.range.prefix);
  }
}

function inRange(ip: number, base: number, prefix: number): boolean {
  return prefix === 0 || (ip ^ base) >>> (32 - prefix) === 0;
}

/** Whether traffic of a rule has this packet in it. */
export function covers(what: Traffic, probe: Probe): boolean {
  switch (what.kind) {
    case 'all':
      return probe.kind !== 'ether' || probe.type !== arpType;
    case 'ip':
      return probe.kind === 'protocol';
    case 'ether':
      return probe.kind === 'ether' && probe.type === what.type;
    case 'protocol':
      if (probe.kind !== 'protocol' || probe.protocol !== what.protocol) return false;
      return !what.ports || what.ports.some(({ first, last }) => probe.port >= first && probe.port <= last);
  }
}

/** Asks a policy what it expects of itself: `evio policy test`, and before a policy is set. */
import { formatCidr, formatIpv4 } from '../lib/ipv4.js';
import { decide, matches, type Subject } from './evaluate.js';
import type { Expectation, Policy, Probe, Term } from './policy.js';

export interface CheckFailure {
  readonly line: number;
  readonly message: string;
}

/** Failures told of one expectation: the rest are more of the same. */
const perExpectation = 3;

/**
 * Every expectation that does not hold. A tag, role or range is asked of a made-up member that has it and nothing else,
 * and of each known member that has it; a name or an id only of the member. `members` are all that are known, this one
 * among them.
 */
export function checkPolicy(policy: Policy, members: readonly Subject[]): CheckFailure[] {
  return policy.expectations.flatMap((expectation) => {
    const from = subjectsOf(expectation.from, members);
    const to = subjectsOf(expectation.to, members);
    const { line } = expectation;
    for (const [term, subjects] of [[expectation.from, from] as const, [expectation.to, to] as const])
      if (subjects.length === 0) return [{ line, message: `no member is known by "${termText(term)}"` }];
    return failuresOf(policy, expectation, from, to).map((message) => ({ line, message }));
  });
}

function failuresOf(
  policy: Policy,
  { probes, allowed }: Expectation,
  from: readonly Subject[],
  to: readonly Subject[],
): string[] {
  const failures: string[] = [];
  for (const one of from) {
    for (const other of to) {
      if (one.id === other.id) continue;
      for (const probe of probes) {
        const { allow, rule } = decide(policy, one, other, probe);
        if (allow === allowed) continue;
        const by = rule === undefined ? 'by default' : `by line ${policy.rules[rule]?.line}`;
        const what = `${nameOf(one)} -> ${nameOf(other)} ${probeText(probe)}`;
        failures.push(
          `${what} is ${allow ? 'allowed' : 'denied'} ${by}, expected ${allowed ? 'allowed' : 'denied'}`,
        );
        if (failures.length === perExpectation) return failures;
      }
    }
  }
  return failures;
}

/** Those that a term means: a made-up one first, where the term has no certain member in mind. */
function subjectsOf(term: Term, members: readonly Subject[]): Subject[] {
  const known = members.filter((member) => matches(term, member));
  if (term.kind === 'name' || term.kind === 'id') return known;
  if (term.kind === 'range' && term.range.prefix === 32 && known.length > 0) return known;
  return [madeUp(term), ...known];
}

function madeUp(term: Term): Subject {
  return {
    // No member's.
    id: `made up from ${termText(term)}`,
    name: termText(term),
    ip: term.kind === 'range' ? term.range.base : 0,
    role: term.kind === 'role' ? term.role : 'switch',
    tags: term.kind === 'tag' ? [term.tag] : [],
  };
}

function nameOf({ name, id }: Subject): string {
  return name ?? `id:${id}`;
}

/** A term as it stands in the file. */
export function termText(term: Term): string {
  switch (term.kind) {
    case 'any':
      return '*';
    case 'tag':
      return `tag:${term.tag}`;
    case 'role':
      return `role:${term.role}`;
    case 'name':
      return term.name;
    case 'id':
      return `id:${term.id}`;
    case 'range': {
      const { base, prefix } = term.range;
      return prefix === 32 ? formatIpv4(base) : formatCidr({ base, prefix });
    }
  }
}

function probeText(probe: Probe): string {
  if (probe.kind === 'ether') return `ether:0x${probe.type.toString(16).padStart(4, '0')}`;
  const { protocol, port } = probe;
  if (protocol === 6) return `tcp ${port}`;
  if (protocol === 17) return `udp ${port}`;
  return protocol === 1 ? 'icmp' : `proto:${protocol}`;
}

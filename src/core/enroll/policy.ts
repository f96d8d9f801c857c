/** `evio policy test` and `set`: a policy's own assertions, asked of the members that this machine knows. */
import type { Store } from '../config/store.js';
import { checkPolicy } from '../policy/check.js';
import { parsePolicy } from '../policy/parse.js';
import type { Subject } from '../policy/evaluate.js';
import { subjectOf } from '../policy/subjects.js';
import { Roster } from '../membership/roster.js';
import { claimantOf } from '../membership/self.js';
import { storedNetwork } from './amend.js';

export interface PolicyFailure {
  /** From 1. */
  readonly line: number;
  /** Null: the line can be read, and says what does not hold. */
  readonly column: number | null;
  readonly message: string;
}

export interface PolicyTest {
  readonly ok: boolean;
  readonly failures: readonly PolicyFailure[];
  readonly rules: number;
  readonly expectations: number;
  /** Members that were asked, this machine among them. */
  readonly members: number;
}

/** Reads a policy and asks it what it expects. `members` are all that are known. */
export function testPolicy(text: string, members: readonly Subject[]): PolicyTest {
  const parsed = parsePolicy(text);
  if (!parsed.ok) {
    return { ok: false, failures: parsed.faults, rules: 0, expectations: 0, members: members.length };
  }
  const failures = checkPolicy(parsed.policy, members).map((failure) => ({
    ...failure,
    column: null,
  }));
  const { rules, expectations } = parsed.policy;
  return {
    ok: failures.length === 0,
    failures,
    rules: rules.length,
    expectations: new Set(expectations.map(({ line }) => line)).size,
    members: members.length,
  };
}

/** The members of a network that this machine knows from its last runs, itself first. Throws as `Store.profile`. */
export function knownMembers(store: Store, networkId: string, dateMs: number): Subject[] {
  const { self, ledger, members } = storedNetwork(store, networkId, dateMs);
  const roster = new Roster(
    self.network,
    () => claimantOf(self),
    undefined,
    () => ledger.standing,
  );
  for (const { credential } of members) roster.take(credential, dateMs);
  return [{ ...self.certificate, idText: self.idText }, ...roster.all()].map((member) =>
    subjectOf(member, roster.nameOf(member.idText)),
  );
}

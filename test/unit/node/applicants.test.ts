/** Who waits and came by itself, as an admin's node remembers it: what one token, stolen, can take up of that. */
import { describe, expect, it } from 'vitest';
import { verifyCredential, type Member } from '../../../src/core/identity/certificate.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { Applicants } from '../../../src/core/node/applicants.js';
import { maxApplicants } from '../../../src/core/wire/signal.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

function lab() {
  const clock = new VirtualClock();
  const env = { clock, random: new SeededRandom(4) };
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'root' };
  const root = makeNetwork(plan, env);
  const self = selfOf(root);
  const ledger = new Ledger(self.network.rootKey);
  const { network, networkId } = self;
  const tell = (): void => undefined;
  const applicants = new Applicants({
    ...{ clock, log: silentLogger, network, networkId, self, ledger, tell },
    changed: () => undefined,
  });
  /** Machines that shook hands, all by one token. */
  const joiners = (count: number): Member[] => {
    const plan = { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [], approve: true } as const;
    const token = decodeToken(makeInvite(root, plan, env).token);
    return Array.from({ length: count }, (_, i) => {
      const { credential } = selfOf(makeMember(token, { name: `j${i}` }, env));
      const verdict = verifyCredential(credential, network, clock.date(), true, ledger.standing);
      if (verdict.ok || !verdict.waiting) throw new Error('it need not wait');
      return verdict.waiting;
    });
  };
  return { clock, applicants, joiners };
}

describe('who waits', () => {
  it('by one token takes up half of the room, however many keys it makes', () => {
    const { clock, applicants, joiners } = lab();
    const [honest] = joiners(1) as [Member];
    for (const member of joiners(maxApplicants + 4)) applicants.came(member);
    expect(applicants.members().length).toBe(maxApplicants / 2);
    applicants.came(honest);
    expect(applicants.members().map(({ idText }) => idText)).toContain(honest.idText);
    // Gone for minutes, they leave the room to others.
    clock.advance(130_000);
    const others = joiners(maxApplicants / 2);
    for (const member of others) applicants.came(member);
    expect(applicants.members().length).toBe(others.length);
  });
});

/** Orders in a network that is larger than what this node knows: whoever is not known must not lose its membership. */
import { describe, expect, it } from 'vitest';
import { verifyCredential, type Member } from '../../../src/core/identity/certificate.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { amend, type Order } from '../../../src/core/membership/amend.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { anyAuthority } from '../../../src/core/identity/authority.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

const env = { clock: new VirtualClock(), random: new SeededRandom(9) };

function network() {
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'root' };
  const profile = makeNetwork(plan, env);
  const self = selfOf(profile);
  const { token } = makeInvite(profile, { expiresMs: 60_000, uses: 0, role: 'switch', tags: [] }, env);
  const { network: facts } = self;
  const [known, unknown] = ['known', 'unknown'].map((name) => {
    const credential = secretBytes(makeMember(decodeToken(token), { name }, env).credential);
    const verdict = verifyCredential(credential, facts, env.clock.date(), false, anyAuthority);
    if (!verdict.ok) throw new Error(verdict.fault);
    return verdict.member;
  }) as [Member, Member];
  const ledger = new Ledger(facts.rootKey);
  const say = (order: Order, complete: boolean) =>
    amend(order, { profile, self, ledger, members: [known], complete, dateMs: env.clock.date() });
  return { ledger, say, known, unknown, inviteKey: decodeToken(token).invite.key };
}

describe('where not all members are known', () => {
  it('a member is revoked, and its invite is not, which others may have joined by; the person is told', () => {
    const { ledger, say, known, unknown, inviteKey } = network();
    const { notes } = say({ do: 'revoke', member: known, reason: '' }, false);
    expect(ledger.standing.isBarred(known.idText)).toBe(true);
    expect(ledger.standing.isInviteBarred(inviteKey, unknown.idText)).toBe(false);
    expect(notes.join()).toContain('was not revoked');
  });

  it('and where all are, its invite is barred, too', () => {
    const { ledger, say, known, unknown, inviteKey } = network();
    expect(say({ do: 'revoke', member: known, reason: '' }, true).notes).toEqual([]);
    expect(ledger.standing.isInviteBarred(inviteKey, unknown.idText)).toBe(true);
  });

  it('nobody is made to wait: it could be any of them', () => {
    const { ledger, say, known, unknown } = network();
    say({ do: 'admin-add', member: known, byRoot: true }, true);
    const rule = { do: 'admission', approvals: 1 } as const;
    expect(() => say(rule, false)).toThrow('Not all members are known here');
    expect(ledger.standing.admission(unknown.idText)).toBe(0);
    say(rule, true);
    expect(ledger.standing.admission(unknown.idText)).toBe(1);
    expect(ledger.standing.admission(known.idText)).toBe(0);
  });
});

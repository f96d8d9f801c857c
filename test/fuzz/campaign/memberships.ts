/**
 * How a membership goes on, or does not, under fire: renewals, certificates of before, forged ones, bars, approvals, and another
 * root key. What must hold is checked after each step.
 */
import {
  parseCertificate,
  parseCredential,
  signCertificate,
  verifyCredential,
  type Certificate,
} from '../../../src/core/identity/certificate.js';
import { Role } from '../../../src/core/identity/invite.js';
import type { Keys } from '../../../src/core/identity/keys.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { signStatement } from '../../../src/core/ledger/statement.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { formatIpv4 } from '../../../src/core/lib/ipv4.js';
import { resign } from '../../../src/core/membership/certify.js';
import { OwnCredential } from '../../../src/core/membership/own-credential.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { isImprovement, renew, renewableOf, wishCertificate } from '../../../src/core/membership/renewal.js';
import { Roster } from '../../../src/core/membership/roster.js';
import { claimantOf, selfOf } from '../../../src/core/membership/self.js';
import { bar, keys, type Saying } from '../../support/ledger.js';
import { receiptOf, witnessed } from '../../support/receipts.js';
import { cast, check, type Cast } from './cast.js';
import type { Mutator } from './mutator.js';
import type { Target } from './target.js';

/* ---- renewals: what a member wishes, what an admin signs, what a member takes ---- */

function renewals(): Target {
  const { clock, first, root, profiles } = cast(3);
  const authority = new Ledger(root.publicKey).standing;
  const member = selfOf(profiles[1] as Profile);
  const other = selfOf(profiles[2] as Profile);
  const { network } = selfOf(first);
  const day = 86_400_000;
  const honest = [member, other].map((self) => wishCertificate(self, day, clock.date()));
  const answers = [member, other].map(
    (self, i) =>
      renew(
        honest[i] as Uint8Array,
        renewableOf(self),
        network,
        root,
        authority,
        day,
        clock.date(),
      ) as Uint8Array,
  );
  /** Signed by the member itself, which wishes for more than it has. */
  const greedy = [
    { ip: other.certificate.ip },
    { name: other.certificate.name },
    { rights: 0xff },
    { tags: ['admin'] },
    { role: Role.leaf },
    { notAfter: clock.date() + 100 * day },
    { notBefore: clock.date() + 100 * day, notAfter: clock.date() + 200 * day },
  ].map((change) => {
    const certificate = parseCertificate(honest[0] as Uint8Array) as Certificate;
    return signCertificate({ ...certificate, ...change }, member.keys, member.keys);
  });
  const wishes = [...honest, ...greedy];
  const receipts = [member, other].map(({ credential }) => receiptOf(credential, root, clock.date()));
  const own = new OwnCredential(profiles[1] as Profile);
  return {
    name: 'renewals',
    weight: 1,
    run(mutator) {
      const date = clock.date();
      switch (mutator.below(3)) {
        case 0: {
          const wish = mutator.below(2) === 0 ? mutator.of(wishes) : mutator.from(wishes);
          const made = renew(wish, renewableOf(member), network, root, authority, day, date);
          if (!made) return wish;
          const verdict = verifyCredential(made, network, date, true, authority);
          check(verdict.ok, 'an admin signs what nobody takes');
          if (!verdict.ok) return wish;
          const { idText, name, ip, role, rights, notAfter } = verdict.member;
          const { certificate } = member;
          check(
            idText === member.idText && name === certificate.name && ip === certificate.ip,
            'another member',
          );
          check(role === certificate.role && (rights & ~certificate.rights) === 0, 'more than it came by');
          check(notAfter <= date + day, 'longer than a life');
          return wish;
        }
        case 1: {
          const answer = mutator.from(answers);
          if (isImprovement(answer, member, authority, date))
            check(
              verifyCredential(answer, network, date, true, authority).ok,
              'taken, and nobody else takes it',
            );
          return answer;
        }
        default: {
          const receipt = mutator.from(receipts);
          own.receive(receipt, authority);
          check(own.self.idText === member.idText, 'a receipt made it another');
          check(verifyCredential(own.bytes, network, date, true, authority).ok, 'a receipt put it out');
          return receipt;
        }
      }
    },
  };
}

/* ---- the roster beside a ledger: certificates new, stale, forged; bars, approvals ---- */

function membership(): Target {
  const setting = cast(6);
  const { clock, first, root, waiting, profiles } = setting;
  const me = claimantOf(selfOf(first));
  const { network } = selfOf(first);
  const waiters = Array.from({ length: 3 }, (_, i) => waiting(`w${i}`));
  const versions = versionsOf(setting, [...profiles.slice(1), ...waiters]);
  const signed = new Set(versions.map(certificateOf));
  let ledger = new Ledger(root.publicKey);
  let roster = new Roster(
    network,
    () => me,
    6,
    () => ledger.standing,
  );
  let newest = new Map<string, number>();
  let steps = 0;
  const step = (mutator: Mutator): void => {
    switch (mutator.below(10)) {
      case 0: {
        const profile = selfOf(mutator.of([...profiles.slice(1), ...waiters]));
        const saying =
          mutator.below(3) > 0 ? ({ kind: 'admit', id: profile.idText } as const) : bar(profile.keys);
        ledger.say(saying, root, clock.date());
        for (const { idText } of roster.revoked()) {
          roster.remove(idText);
          newest.delete(idText);
        }
        return;
      }
      case 1:
        ledger.take(mutator.from(ledger.all().length > 0 ? ledger.all() : [new Uint8Array(200)]));
        return;
      case 2: {
        const id = selfOf(mutator.of(profiles)).idText;
        roster.remove(id);
        newest.delete(id);
        return;
      }
      case 3:
        clock.advance(mutator.of([1, 1_000, 60_000]));
        return;
      default: {
        const bytes = mutator.below(3) === 0 ? mutator.from(versions) : mutator.of(versions);
        const verdict = roster.take(bytes, clock.date());
        if (verdict.kind !== 'new' && verdict.kind !== 'changed') return;
        check(signed.has(certificateOf(bytes)), 'a certificate that nobody signed is taken');
        const { idText, signedAt } = verdict.member;
        check(signedAt >= (newest.get(idText) ?? 0), 'a stale certificate replaces a newer one');
        newest.set(idText, signedAt);
        if (verdict.kind === 'new' && verdict.displaced) newest.delete(verdict.displaced.idText);
      }
    }
  };
  return {
    name: 'membership',
    weight: 1,
    run(mutator) {
      // What is said is never unsaid: a network of its own now and then.
      if (steps % 400 === 399) {
        ledger = new Ledger(root.publicKey);
        roster = new Roster(
          network,
          () => me,
          6,
          () => ledger.standing,
        );
        newest = new Map();
      }
      step(mutator);
      check(roster.size <= 6, 'more members than there is room for');
      for (const { idText, ip } of roster.all()) {
        check(!ledger.standing.isBarred(idText), 'somebody barred is a member');
        const holder = roster.holderOf(ip);
        check(holder !== undefined, 'an address of nobody');
      }
      for (const profile of waiters) {
        const { idText } = selfOf(profile);
        check(!roster.get(idText) || ledger.standing.approvals(idText) > 0, 'a member that nobody let in');
      }
      return `step ${++steps}`;
    },
  };
}

const certificateOf = (credential: Uint8Array): string =>
  toHex(parseCredential(credential)?.certificate ?? new Uint8Array(0));

/** Each member as it signed itself at three times, at last with the address of another. */
function versionsOf({ root, clock }: Cast, profiles: readonly Profile[]): Uint8Array[] {
  const addresses = profiles.map((profile) => selfOf(profile).certificate.ip);
  return profiles.flatMap((profile, at) => {
    const stolen = formatIpv4(addresses[(at + 1) % addresses.length] as number);
    return [{}, {}, { ip: stolen }].map((change, n) =>
      witnessed(resign(profile, change, clock.date() + n), root, clock.date() + n),
    );
  });
}

/* ---- another root key: who says so, and in which order it is heard ---- */

function rootReplacement(): Target {
  const roots = Array.from({ length: 4 }, keys) as [Keys, ...Keys[]];
  const [first] = roots;
  const [admin, stranger] = [keys(), keys()];
  const known = new Set(roots.map(({ publicKey }) => toHex(publicKey)));
  /** The whole story: each root says something, names an admin, and its follower. */
  const story = new Ledger(first.publicKey);
  const told = roots.flatMap((root, i) => {
    const next = roots[i + 1];
    const says: Saying[] = [
      { kind: 'facts', serial: i + 1, name: `n${i}`, mtu: 1_350, relays: [] },
      ...(i === 0 ? [{ kind: 'admin-add', key: admin.publicKey } as const] : []),
      ...(next ? [{ kind: 'root-replace', key: next.publicKey, kept: [] } as const] : []),
    ];
    return says.map((saying) => story.say(saying, root, 1_000 + i));
  });
  /** Genuine signatures of those who may not say it, or not any more. */
  const others = [admin, stranger, ...roots.slice(0, 3)].map((author) =>
    signStatement(
      { kind: 'root-replace', key: stranger.publicKey, kept: [] },
      story.headOf(author.publicKey),
      author,
      first.publicKey,
      5_000,
    ),
  );
  let ledger = new Ledger(first.publicKey);
  let steps = 0;
  return {
    name: 'root replacement',
    weight: 2,
    run(mutator) {
      if (steps % 60 === 59) {
        for (const bytes of told) ledger.take(bytes);
        check(
          toHex(ledger.standing.rootKey) === toHex((roots[3] as Keys).publicKey),
          'the whole story was told, and another root counts',
        );
        ledger = new Ledger(first.publicKey);
      }
      const bytes =
        mutator.below(3) === 0 ? mutator.from([...told, ...others]) : mutator.of([...told, ...others]);
      ledger.take(bytes);
      const { standing } = ledger;
      check(known.has(toHex(standing.rootKey)), 'a root that no root named');
      check(!standing.isRoot(admin.publicKey) && !standing.isRoot(stranger.publicKey), 'a stranger is root');
      for (const root of roots)
        check(
          !standing.maySign(root.publicKey) || toHex(root.publicKey) === toHex(standing.rootKey),
          'two roots',
        );
      steps++;
      return bytes;
    },
  };
}

export const memberships = (): Target[] => [renewals(), membership(), rootReplacement()];

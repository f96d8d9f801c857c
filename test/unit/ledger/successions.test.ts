/** Which key follows which: the same for everybody, in whatever order the statements came. */
import { describe, expect, it } from 'vitest';
import { signSuccession } from '../../../src/core/identity/succession.js';
import type { Ledger } from '../../../src/core/ledger/ledger.js';
import { idOfKey } from '../../../src/core/ledger/statement.js';
import type { Keys } from '../../../src/core/identity/keys.js';
import { admitted, bar, founded, keys, ledgerOf, said, type Saying } from '../../support/ledger.js';

const id = ({ publicKey }: Keys): string => idOfKey(publicKey);

function succeed(ledger: Ledger, old: Keys, next: Keys): Saying {
  const follows = signSuccession(ledger.networkKey, old, next.publicKey);
  return { kind: 'succeed', key: next.publicKey, follows };
}

/** Every order of the statements that a ledger takes. */
function everywhere(ledger: Ledger): Ledger[] {
  const all = ledger.all();
  return [all, [...all].reverse()].map((order) => ledgerOf(ledger.networkKey, order));
}

describe('a key that follows another', () => {
  it('counts from the statement on, and the other no more', () => {
    const { ledger, root } = founded();
    const [old, next] = [keys(), keys()];
    expect(ledger.standing.succession(id(old), id(next))).toBe('open');
    ledger.say(succeed(ledger, old, next), root, 10);
    for (const { standing } of everywhere(ledger)) {
      expect(standing.succession(id(old), id(next))).toBe('stated');
      expect(standing.succession(id(old), id(keys()))).toBe('refused');
      expect([standing.isBarred(id(old)), standing.isBarred(id(next))]).toEqual([true, false]);
      expect(standing.bar(id(old))?.reason).toBe('its key was replaced');
      expect([...standing.bars]).toEqual([]);
    }
  });

  it('has to be named by the other, for this network', () => {
    const { ledger, root } = founded();
    const [old, next] = [keys(), keys()];
    const foreign = succeed(founded().ledger, old, next);
    expect(ledger.take(said(ledger, root, foreign))).toBe('forged');
    const { follows } = succeed(ledger, next, old) as { follows: { signature: Uint8Array } };
    const stolen = { key: old.publicKey, signature: follows.signature };
    expect(ledger.take(said(ledger, root, { kind: 'succeed', key: next.publicKey, follows: stolen }))).toBe(
      'forged',
    );
  });

  it('is the first of several, whichever is heard of first; the rest are barred, and what follows them', () => {
    const { ledger, root } = founded();
    const [one, two] = [admitted(ledger, root), admitted(ledger, root)];
    const [old, owner, thief, further] = [keys(), keys(), keys(), keys()];
    ledger.say(succeed(ledger, old, thief), two, 20);
    ledger.say(succeed(ledger, thief, further), two, 30);
    expect(ledger.standing.isBarred(id(further))).toBe(false);
    ledger.say(succeed(ledger, old, owner), one, 10);
    for (const { standing } of everywhere(ledger)) {
      expect([old, owner, thief, further].map((of) => standing.isBarred(id(of)))).toEqual([
        true,
        false,
        true,
        true,
      ]);
    }
  });

  it('falls with the one before, when that is revoked, sooner or later', () => {
    const { ledger, root } = founded();
    const [old, next, last] = [keys(), keys(), keys()];
    ledger.say(succeed(ledger, old, next), root, 10);
    ledger.say(succeed(ledger, next, last), root, 20);
    ledger.say(bar(old, 'lost'), root, 30);
    for (const { standing } of everywhere(ledger)) {
      expect(standing.bar(id(last))).toMatchObject({ reason: 'lost', name: 'mallory' });
      expect(standing.succession(id(next), id(last))).toBe('refused');
    }
  });

  it('has the approvals of the first, and is kept as it was', () => {
    const { ledger, root } = founded();
    const admin = admitted(ledger, root);
    const [old, next, last, waited] = [keys(), keys(), keys(), keys()];
    ledger.say({ kind: 'admission', approvals: 1, kept: [id(old)] }, root, 1);
    ledger.say({ kind: 'admit', id: id(waited) }, admin, 2);
    ledger.say(succeed(ledger, old, next), admin, 3);
    ledger.say(succeed(ledger, waited, last), admin, 4);
    const { standing } = ledger;
    expect([standing.admission(id(next)), standing.approvals(id(last))]).toEqual([0, 1]);
    expect(standing.admission(id(keys()))).toBe(1);
  });

  it('in a ring is nobody, and ends every search', () => {
    const { ledger, root } = founded();
    const [a, b] = [keys(), keys()];
    ledger.say(succeed(ledger, a, b), root, 1);
    ledger.say(succeed(ledger, b, a), root, 2);
    const { standing } = ledger;
    expect([standing.isBarred(id(a)), standing.isBarred(id(b))]).toEqual([true, true]);
    expect(standing.approvals(id(a))).toBe(0);
    expect(standing.successionsSince(id(a), 0)).toBeGreaterThan(0);
  });
});

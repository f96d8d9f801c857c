import { describe, expect, it } from 'vitest';
import { Ledger, maxAdminBytes, maxAdminsBytes } from '../../../src/core/ledger/ledger.js';
import { emptyHead, idOfKey, maxPolicyLength, signStatement } from '../../../src/core/ledger/statement.js';
import {
  admitted,
  bar,
  founded,
  keys,
  ledgerOf,
  removal,
  said,
  saysOf,
  type Saying,
} from '../../support/ledger.js';
import { SeededRandom } from '../../support/virtual.js';

const barred = (ledger: Ledger, member: { publicKey: Uint8Array }): boolean =>
  ledger.standing.isBarred(idOfKey(member.publicKey));

describe('a ledger', () => {
  it('hears its root and its admins, and nobody else', () => {
    const { root, ledger } = founded();
    const stranger = keys();
    expect(ledger.take(said(ledger, stranger, bar(keys())))).toBe('stranger');
    const admin = admitted(ledger, root);
    const mallory = keys();
    const statement = said(ledger, admin, bar(mallory, 'lost'));
    expect(ledger.take(statement)).toBe('new');
    expect(ledger.take(statement)).toBe('known');
    expect(barred(ledger, mallory)).toBe(true);
    expect(ledger.standing.bar(idOfKey(mallory.publicKey))).toMatchObject({
      name: 'mallory',
      reason: 'lost',
    });
    expect(ledger.serial).toBe(2);
  });

  it('takes no statement whose signature is not genuine', () => {
    const { root, ledger } = founded();
    const forged = said(ledger, root, bar(keys()));
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    expect(ledger.take(forged)).toBe('forged');
    expect(ledger.take(said(founded().ledger, root, bar(keys())))).toBe('forged');
    expect(ledger.serial).toBe(0);
  });

  it('takes them in order only', () => {
    const { root, ledger } = founded();
    const other = new Ledger(root.publicKey);
    const first = ledger.say(bar(keys()), root, 1);
    const second = ledger.say(bar(keys()), root, 1);
    expect(other.take(second)).toBe('gap');
    expect(other.take(first)).toBe('new');
    expect(other.take(second)).toBe('new');
  });

  it('an admin names admins, and a removed one names and bars nobody any more', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const bob = admitted(ledger, alice);
    expect(ledger.standing.admins.map(({ rank }) => rank)).toEqual([1, 2]);
    const early = keys();
    ledger.say(bar(early), bob, 1);
    const hidden = said(ledger, bob, bar(keys()));
    ledger.say(removal(ledger, bob), alice, 1);
    // It was signed before, or was said to be: it came after the end that was named.
    ledger.take(hidden);
    expect([...ledger.standing.bars].map(({ idText }) => idText)).toEqual([idOfKey(early.publicKey)]);
    expect(ledger.standing.maySign(bob.publicKey)).toBe(false);
    expect(ledger.standing.maySign(alice.publicKey)).toBe(true);
  });

  it('whom an admin named does not end that admin', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const bob = admitted(ledger, alice);
    ledger.say(removal(ledger, alice), bob, 1);
    expect(ledger.standing.maySign(alice.publicKey)).toBe(true);
  });

  it('of two admins that end each other neither grants, and both their bars count', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const bob = admitted(ledger, root);
    const [x, y, z] = [keys(), keys(), keys()];
    const endsBob = said(ledger, alice, removal(ledger, bob));
    const endsAlice = said(ledger, bob, removal(ledger, alice));
    for (const statement of [endsBob, endsAlice]) ledger.take(statement);
    ledger.take(said(ledger, alice, bar(x)));
    ledger.take(said(ledger, bob, bar(y)));
    ledger.take(said(ledger, bob, { kind: 'admin-add', key: z.publicKey }));
    expect(ledger.standing.admins).toEqual([]);
    expect(barred(ledger, x) && barred(ledger, y)).toBe(true);
    expect(ledger.standing.author(Buffer.from(z.publicKey).toString('hex'))).toBeUndefined();
    // Both lost their rights; the root's word mends it.
    const carol = admitted(ledger, root);
    expect(ledger.standing.maySign(carol.publicKey)).toBe(true);
  });

  it('invites of an ended admin count for those who are kept', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const [stays, goes] = [idOfKey(keys().publicKey), idOfKey(keys().publicKey)];
    expect(ledger.standing.mayIssue(alice.publicKey, goes)).toBe(true);
    ledger.say(removal(ledger, alice, [stays]), root, 1);
    expect(ledger.standing.mayIssue(alice.publicKey, stays)).toBe(true);
    expect(ledger.standing.mayIssue(alice.publicKey, goes)).toBe(false);
    expect(ledger.standing.mayIssue(keys().publicKey, stays)).toBe(false);
  });

  it('a barred invite admits whom every bar of it keeps', () => {
    const { root, ledger } = founded();
    const invite = keys().publicKey;
    const [a, b, c] = ['aa', 'bb', 'cc'].map((two) => two.repeat(16)) as [string, string, string];
    expect(ledger.standing.isInviteBarred(invite, a)).toBe(false);
    ledger.say({ kind: 'bar-invite', key: invite, kept: [a, b] }, root, 1);
    ledger.say({ kind: 'bar-invite', key: invite, kept: [b, c] }, root, 1);
    expect([a, b, c].map((id) => ledger.standing.isInviteBarred(invite, id))).toEqual([true, false, true]);
  });

  it('of facts and of policies the later serial counts, whoever said it when', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const facts = (serial: number, name: string): Saying => ({
      kind: 'facts',
      serial,
      name,
      mtu: 1350,
      relays: [],
    });
    ledger.say(facts(3, 'three'), alice, 1);
    ledger.say(facts(2, 'two'), root, 9);
    expect(ledger.standing.facts?.name).toBe('three');
    ledger.say({ kind: 'policy', serial: 1, document: Uint8Array.of(1) }, root, 1);
    expect(ledger.policy).toEqual(Uint8Array.of(1));
    ledger.say({ kind: 'policy', serial: 2, document: Uint8Array.of(2) }, alice, 1);
    expect(ledger.policy).toEqual(Uint8Array.of(2));
  });

  it('a replaced root says nothing more, and what it signed counts for those who are kept', () => {
    const { root, ledger } = founded();
    const next = keys();
    const kept = idOfKey(keys().publicKey);
    ledger.say({ kind: 'root-replace', key: next.publicKey, kept: [kept] }, root, 1);
    const late = keys();
    ledger.take(said(ledger, root, bar(late)));
    expect(barred(ledger, late)).toBe(false);
    expect(ledger.standing.rootKey).toEqual(next.publicKey);
    expect(ledger.standing.mayIssue(root.publicKey, kept)).toBe(true);
    expect(ledger.standing.mayIssue(root.publicKey, idOfKey(late.publicKey))).toBe(false);
    ledger.say(bar(late), next, 1);
    expect(barred(ledger, late)).toBe(true);
    expect(ledger.standing.isRoot(root.publicKey) && ledger.standing.isRoot(next.publicKey)).toBe(true);
  });

  it('a log that forks grants no more from there on, and its bars of both branches count', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const [x, y, z, w] = [keys(), keys(), keys(), keys()];
    ledger.say({ kind: 'admin-add', key: w.publicKey }, alice, 1);
    const head = ledger.headOf(alice.publicKey);
    const here = said(ledger, alice, bar(x), head);
    const there = said(ledger, alice, bar(y), head);
    expect(ledger.take(here)).toBe('new');
    expect(ledger.take(there)).toBe('fork');
    ledger.take(said(ledger, alice, { kind: 'admin-add', key: z.publicKey }));
    expect(barred(ledger, x) && barred(ledger, y)).toBe(true);
    expect(ledger.standing.admins.map(({ key }) => key)).toEqual([alice.publicKey, w.publicKey]);
    expect(ledger.forks).toHaveLength(1);
    // Whoever removes it now lets none of the two pasts count.
    expect(ledger.undisputedHeadOf(alice.publicKey)).toEqual(head);
    // A third branch adds nothing.
    expect(ledger.take(said(ledger, alice, bar(keys()), head))).toBe('stray');
    // Who heard the branches the other way round says the same.
    const other = ledgerOf(root.publicKey, [...ledger.all()].reverse());
    expect(saysOf(other)).toEqual(saysOf(ledger));
  });

  it('the end that a removal names chooses the branch that counts', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const [x, y] = [keys(), keys()];
    const head = ledger.headOf(alice.publicKey);
    const genuine = said(ledger, alice, bar(x), head);
    ledger.take(genuine);
    const ended = removal(ledger, alice);
    // After its removal it makes another past.
    ledger.take(said(ledger, alice, bar(y), head));
    ledger.say(ended, root, 1);
    expect([barred(ledger, x), barred(ledger, y)]).toEqual([true, false]);
  });

  it('nobody with the key of an admin that was removed unsays what it said before', () => {
    const { root, ledger } = founded();
    const [alice, thief] = [admitted(ledger, root), keys()];
    ledger.say({ kind: 'policy', serial: 1, document: Uint8Array.of(1) }, alice, 1);
    const bob = keys();
    ledger.say({ kind: 'admin-add', key: bob.publicKey }, alice, 1);
    const before = ledgerOf(root.publicKey, ledger.all());
    const ended = said(ledger, root, removal(ledger, alice));
    ledger.take(ended);
    const says = saysOf(ledger);
    const another = signStatement(
      { kind: 'admin-add', key: thief.publicKey },
      emptyHead,
      alice,
      root.publicKey,
      1,
    );
    // Who knows of its end takes no other past of it; who took one hears of the end later.
    expect(ledger.take(another)).toBe('stray');
    expect(before.take(another)).toBe('fork');
    expect(before.policy).toBeUndefined();
    before.take(ended);
    for (const each of [ledger, before, ledgerOf(root.publicKey, [another, ...before.all()])])
      expect(saysOf(each)).toEqual(says);
    expect(ledger.policy).toEqual(Uint8Array.of(1));
  });

  it('nobody with a root key that was replaced unsays what it said before, or fills the room of the next', () => {
    const { root, ledger } = founded();
    const [alice, next, thief] = [admitted(ledger, root), keys(), keys()];
    ledger.say({ kind: 'root-replace', key: next.publicKey, kept: [] }, root, 1);
    const says = saysOf(ledger);
    const another = signStatement(
      { kind: 'admin-add', key: thief.publicKey },
      emptyHead,
      root,
      root.publicKey,
      1,
    );
    expect(ledger.take(another)).toBe('stray');
    expect(saysOf(ledger)).toEqual(says);
    expect(ledger.standing.maySign(alice.publicKey)).toBe(true);
    for (let serial = 1; serial < 12; serial++) {
      const document = new Uint8Array(maxPolicyLength);
      expect(ledger.take(said(ledger, root, { kind: 'policy', serial, document }))).toBe('stray');
    }
    ledger.say({ kind: 'policy', serial: 1, document: new Uint8Array(maxPolicyLength) }, next, 1);
  });

  it('keeps the first key that followed a root key, and tells of a rival that a thief of the old one names', () => {
    const { root, ledger } = founded();
    const [next, thief] = [keys(), keys()];
    const before = ledgerOf(root.publicKey, ledger.all());
    const rival = said(before, root, { kind: 'root-replace', key: thief.publicKey, kept: [] }, undefined, 9);
    ledger.say({ kind: 'root-replace', key: next.publicKey, kept: [] }, root, 1);
    expect(ledger.take(rival)).toBe('rival');
    const forged = rival.slice();
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    expect(ledger.take(forged)).toBe('stray');
    expect(ledger.standing.rootKey).toEqual(next.publicKey);
    // Who was away, and met the thief first, is lost to it; told from outside, it is to join anew.
    expect(before.take(rival)).toBe('new');
    for (const statement of ledger.all()) before.take(statement);
    expect(before.standing.rootKey).toEqual(thief.publicKey);
  });

  it('who joins by the word of a later root key comes to it, also when a thief was there before', () => {
    const { root, ledger } = founded();
    const [next, last, thief] = [keys(), keys(), keys()];
    const rival = said(ledger, root, { kind: 'root-replace', key: thief.publicKey, kept: [] }, undefined, 9);
    ledger.say({ kind: 'root-replace', key: next.publicKey, kept: [] }, root, 1);
    ledger.say({ kind: 'root-replace', key: last.publicKey, kept: [] }, next, 2);
    for (const pin of [next, last]) {
      const joiner = new Ledger(root.publicKey, pin.publicKey);
      expect(joiner.take(rival)).toBe('new');
      expect(joiner.standing.rootKey).toEqual(thief.publicKey);
      for (const statement of ledger.all()) joiner.take(statement);
      expect(joiner.standing.rootKey).toEqual(last.publicKey);
      expect(joiner.clone().standing.rootKey).toEqual(last.publicKey);
      expect(joiner.standing.isRoot(thief.publicKey)).toBe(false);
      // What is on disk says the same again.
      const again = new Ledger(root.publicKey, pin.publicKey);
      for (const statement of [rival, ...ledger.all()]) again.take(statement);
      expect(again.standing.rootKey).toEqual(last.publicKey);
    }
  });

  it('an admin that names as many as it can costs each statement after it little', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const { publicKey } = keys();
    for (let n = 0; ; n++) {
      const key = publicKey.slice();
      new DataView(key.buffer).setUint16(0, n);
      if (ledger.take(said(ledger, alice, { kind: 'admin-add', key })) !== 'new') break;
    }
    ledger.take(said(ledger, root, removal(ledger, alice)));
    const took = [1, 2, 3].map(() => {
      ledger.say(bar(keys()), root, 1);
      const begun = performance.now();
      expect(ledger.standing.bars.next().done).toBe(false);
      return performance.now() - begun;
    });
    // A second and more when each of them was compared with each.
    expect(Math.min(...took)).toBeLessThan(300);
  });

  it('has bounds that no admin can use up for the root', () => {
    const { root, ledger } = founded();
    const admins = Array.from({ length: 5 }, () => admitted(ledger, root));
    const fill = (author: typeof root): number => {
      let bytes = 0;
      for (let serial = 1; ; serial++) {
        const statement = said(ledger, author, {
          kind: 'policy',
          serial,
          document: new Uint8Array(maxPolicyLength),
        });
        const verdict = ledger.take(statement);
        if (verdict === 'full') return bytes;
        bytes += statement.length;
      }
    };
    const filled = admins.map(fill);
    expect(Math.max(...filled)).toBeLessThanOrEqual(maxAdminBytes);
    expect(filled.reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(maxAdminsBytes);
    const mallory = keys();
    ledger.say(bar(mallory), root, 1);
    expect(barred(ledger, mallory)).toBe(true);
  });

  it('tells exactly what somebody lacks', () => {
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const half = ledgerOf(root.publicKey, ledger.all());
    ledger.say(bar(keys()), alice, 1);
    ledger.say(bar(keys()), root, 1);
    expect(ledger.missing(half.summary())).toHaveLength(2);
    expect(half.lacks(ledger.summary())).toBe(true);
    expect(ledger.lacks(half.summary())).toBe(false);
    for (const { bytes } of ledger.missing(half.summary())) expect(half.take(bytes)).toBe('new');
    expect(half.summary()).toEqual(ledger.summary());
    expect(ledger.missing(half.summary())).toEqual([]);
  });

  it('says the same whatever the order, also with forks and removals', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new SeededRandom(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random.unit() * list.length)] as T;
      const { root, ledger } = founded();
      const people = Array.from({ length: 6 }, () => keys());
      const authors = [root, ...people];
      const statements: Uint8Array[] = [];
      for (let i = 0; i < 40; i++) {
        const author = pick(authors);
        const about = pick(people);
        const saying = pick<Saying>([
          { kind: 'admin-add', key: about.publicKey },
          { kind: 'admin-add', key: about.publicKey },
          removal(ledger, about, [idOfKey(pick(people).publicKey)]),
          bar(pick(people)),
          { kind: 'facts', serial: Math.floor(random.unit() * 4), name: `n${i}`, mtu: 1350, relays: [] },
        ]);
        const statement = said(ledger, author, saying);
        const verdict = ledger.take(statement);
        if (verdict === 'new') statements.push(statement);
        // Now and then the author says another thing at the same place.
        if (verdict === 'new' && random.unit() < 0.05) {
          const head = { sequence: ledger.headOf(author.publicKey).sequence - 1 };
          const before = ledger
            .missing(new Map())
            .find(
              (one) => one.sequence === head.sequence && Buffer.from(one.author).equals(author.publicKey),
            );
          if (before) {
            const fork = said(ledger, author, bar(pick(people)), before);
            if (ledger.take(fork) === 'fork') statements.push(fork);
          }
        }
      }
      const orders = [
        ledger.all(),
        [...statements].reverse(),
        [...statements].sort(() => random.unit() - 0.5),
      ];
      for (const order of orders) expect(saysOf(ledgerOf(root.publicKey, order))).toEqual(saysOf(ledger));
    }
  });
});

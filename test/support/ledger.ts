/** A network's ledger with a cast: its root and admins, each of whom may speak at a place of its own. */
import { generateKeys, type Keys } from '../../src/core/identity/keys.js';
import { Ledger } from '../../src/core/ledger/ledger.js';
import { signStatement, type Head, type Said } from '../../src/core/ledger/statement.js';
import { toHex } from '../../src/core/lib/bytes.js';
import { SeededRandom } from './virtual.js';

export type Saying = Exclude<Said, { kind: 'unknown' }>;

const random = new SeededRandom(5);

export function keys(): Keys {
  return generateKeys(random);
}

/** A root key with its empty ledger. */
export function founded(): { root: Keys; ledger: Ledger } {
  const root = keys();
  return { root, ledger: new Ledger(root.publicKey) };
}

/** The admin that a ledger gets by its root's word. */
export function admitted(ledger: Ledger, by: Keys): Keys {
  const admin = keys();
  ledger.say({ kind: 'admin-add', key: admin.publicKey }, by, 1_000);
  return admin;
}

/** A statement that is not taken anywhere yet. */
export function said(ledger: Ledger, author: Keys, saying: Saying, head?: Head, time = 2_000): Uint8Array {
  return signStatement(saying, head ?? ledger.headOf(author.publicKey), author, ledger.networkKey, time);
}

export function bar(member: Keys, reason = ''): Saying {
  return { kind: 'bar-member', key: member.publicKey, name: 'mallory', reason };
}

/** `removed`'s log counts up to where it is in this ledger now. */
export function removal(ledger: Ledger, removed: Keys, kept: string[] = [], at?: Head): Saying {
  const { sequence, hash } = at ?? ledger.headOf(removed.publicKey);
  const head = new Uint8Array(Buffer.from(hash, 'hex'));
  return { kind: 'admin-remove', key: removed.publicKey, sequence, head, kept };
}

/** A ledger that took the statements in this order, again and again until nothing more is taken. */
export function ledgerOf(networkKey: Uint8Array, statements: readonly Uint8Array[]): Ledger {
  const out = new Ledger(networkKey);
  for (let before = -1; before !== out.serial;) {
    before = out.serial;
    for (const statement of statements) out.take(statement);
  }
  return out;
}

/** What a ledger says, to compare two. */
export function saysOf(ledger: Ledger): object {
  const { standing } = ledger;
  return {
    root: toHex(standing.rootKey),
    authors: standing.authors
      .map(({ keyText, rank, active }) => ({ keyText, rank, active }))
      .sort((a, b) => a.keyText.localeCompare(b.keyText)),
    bars: [...standing.bars].map(({ idText }) => idText).sort(),
    invites: [...standing.barredInvites].map(([key, kept]) => [key, [...kept].sort()]).sort(),
    facts: standing.facts,
    policy: standing.policy,
  };
}

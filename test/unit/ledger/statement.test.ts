import { describe, expect, it } from 'vitest';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { signSuccession } from '../../../src/core/identity/succession.js';
import {
  emptyHead,
  idOfKey,
  isGenuine,
  maxKept,
  maxPolicyLength,
  maxStatementLength,
  parseStatement,
  signStatement,
} from '../../../src/core/ledger/statement.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { bar, keys, type Saying } from '../../support/ledger.js';

const root = keysFromSeed(new Uint8Array(32).fill(1));
const member = keysFromSeed(new Uint8Array(32).fill(2));
const key = member.publicKey;
const id = idOfKey(key);
const head = new Uint8Array(32).fill(7);

const sayings: Saying[] = [
  { kind: 'admin-add', key },
  { kind: 'admin-remove', key, sequence: 3, head, kept: [id] },
  { kind: 'bar-member', key, name: 'mallory', reason: 'lost laptop' },
  { kind: 'bar-invite', key, kept: [id, id] },
  { kind: 'facts', serial: 2, name: 'home', mtu: 1350, relays: [{ address: 'r.example:3478', key }] },
  { kind: 'policy', serial: 4, document: Uint8Array.of(1, 2, 3) },
  { kind: 'admit', id },
  { kind: 'root-replace', key, kept: [] },
  { kind: 'succeed', key, follows: signSuccession(root.publicKey, root, key) },
];

describe('a statement', () => {
  it.each(sayings)('of kind $kind comes back as it was', (saying) => {
    const bytes = signStatement(saying, emptyHead, root, root.publicKey, 1234);
    const back = parseStatement(bytes, root.publicKey);
    expect(back?.said).toEqual(saying);
    expect(back).toMatchObject({ sequence: 1, previous: emptyHead.hash, time: 1234 });
    expect(back && isGenuine(back, root.publicKey)).toBe(true);
    expect(bytes.length).toBeLessThanOrEqual(maxStatementLength);
  });

  it('has the picture of its docstring', () => {
    const bytes = signStatement({ kind: 'admit', id }, emptyHead, root, root.publicKey, 0x0102);
    expect(toHex(bytes.subarray(0, -64))).toBe(
      [
        '01',
        toHex(root.publicKey),
        '00000001',
        '00'.repeat(32),
        '0000000000000102',
        '07',
        '00000010',
        id,
      ].join(''),
    );
  });

  it('is of one network and of one author', () => {
    const bytes = signStatement(bar(member), emptyHead, root, root.publicKey, 1);
    const elsewhere = parseStatement(bytes, key);
    expect(elsewhere && isGenuine(elsewhere, key)).toBe(false);
    const forged = new Uint8Array(bytes);
    forged.set(key, 1);
    const read = parseStatement(forged, root.publicKey);
    expect(read && isGenuine(read, root.publicKey)).toBe(false);
  });

  it('is known by what is signed, not by the signature', () => {
    const bytes = signStatement(bar(member), emptyHead, root, root.publicKey, 1);
    const other = new Uint8Array(bytes);
    other[other.length - 1] = (other.at(-1) as number) ^ 0x10;
    expect(parseStatement(other, root.publicKey)?.hash).toBe(parseStatement(bytes, root.publicKey)?.hash);
  });

  it('of a kind that is not known here keeps its place in the chain', () => {
    const bytes = signStatement({ kind: 'admit', id }, emptyHead, root, root.publicKey, 1);
    bytes[1 + 32 + 4 + 32 + 8] = 99;
    expect(parseStatement(bytes, root.publicKey)).toMatchObject({ sequence: 1, said: { kind: 'unknown' } });
  });

  it('says no more than fits', () => {
    const tooMany = Array.from({ length: maxKept + 1 }, () => id);
    const sign = (saying: Saying) => () => signStatement(saying, emptyHead, root, root.publicKey, 1);
    expect(sign({ kind: 'bar-invite', key, kept: tooMany })).toThrow(RangeError);
    expect(sign({ kind: 'bar-invite', key, kept: tooMany.slice(1) })).not.toThrow();
    const document = new Uint8Array(maxPolicyLength + 1);
    expect(sign({ kind: 'policy', serial: 1, document })).toThrow(RangeError);
    expect(sign({ kind: 'policy', serial: 1, document: document.subarray(1) })).not.toThrow();
  });

  it('that was cut, lengthened or changed anywhere is no genuine one', () => {
    const bytes = signStatement(bar(member, 'x'), emptyHead, root, root.publicKey, 1);
    for (let length = 0; length < bytes.length; length++) {
      expect(parseStatement(bytes.subarray(0, length), root.publicKey)).toBeUndefined();
    }
    expect(parseStatement(new Uint8Array([...bytes, 0]), root.publicKey)).toBeUndefined();
    for (let at = 0; at < bytes.length; at++) {
      const changed = new Uint8Array(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      const read = parseStatement(changed, root.publicKey);
      expect(read !== undefined && isGenuine(read, root.publicKey)).toBe(false);
    }
  });

  it('names ids that follow from keys', () => {
    expect(idOfKey(keys().publicKey)).toMatch(/^[0-9a-f]{32}$/);
  });
});

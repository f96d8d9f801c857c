/** Who is let in by how many, as it follows from a ledger. */
import { describe, expect, it } from 'vitest';
import { admissionOf } from '../../../src/core/identity/authority.js';
import { idOfKey } from '../../../src/core/ledger/statement.js';
import { admitted, founded, keys, removal } from '../../support/ledger.js';

const joiner = idOfKey(keys().publicKey);
const member = idOfKey(keys().publicKey);

describe('the rule of a network', () => {
  it('is the root key’s alone: what an admin says of it means nothing', () => {
    const { root, ledger } = founded();
    const admin = admitted(ledger, root);
    ledger.say({ kind: 'admission', approvals: 2, kept: [member] }, root, 1);
    ledger.say({ kind: 'admission', approvals: 0, kept: [] }, admin, 2);
    expect(ledger.standing.admissionRule).toBe(2);
    expect(admissionOf(ledger.standing, joiner)).toBe('waits');
    expect(admissionOf(ledger.standing, member)).toBe('open');
    ledger.say({ kind: 'admission', approvals: 0, kept: [] }, root, 3);
    expect(admissionOf(ledger.standing, joiner)).toBe('open');
  });

  it('counts admins whom the root named, and those that one of them named as it', () => {
    const { root, ledger } = founded();
    const stolen = admitted(ledger, root);
    const honest = admitted(ledger, root);
    const accomplices = [admitted(ledger, stolen), admitted(ledger, stolen)];
    ledger.say({ kind: 'admission', approvals: 2, kept: [] }, root, 1);
    for (const admin of [stolen, ...accomplices]) ledger.say({ kind: 'admit', id: joiner }, admin, 2);
    expect(ledger.standing.approvals(joiner)).toBe(1);
    expect(admissionOf(ledger.standing, joiner)).toBe('waits');
    expect(ledger.standing.voices.size).toBe(2);
    ledger.say({ kind: 'admit', id: joiner }, honest, 3);
    expect(admissionOf(ledger.standing, joiner)).toBe('let in');
  });

  it('lets nobody in by the word of an admin after it was ended', () => {
    const { root, ledger } = founded();
    const admin = admitted(ledger, root);
    const end = removal(ledger, admin);
    ledger.say({ kind: 'admit', id: joiner }, admin, 2);
    expect(admissionOf(ledger.standing, joiner, 1)).toBe('let in');
    ledger.say(end, root, 3);
    expect(admissionOf(ledger.standing, joiner, 1)).toBe('waits');
  });

  it('is asked for by an invite, whatever the network asks', () => {
    const { ledger } = founded();
    expect(admissionOf(ledger.standing, joiner)).toBe('open');
    expect(admissionOf(ledger.standing, joiner, 1)).toBe('waits');
  });
});

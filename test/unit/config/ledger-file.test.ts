import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LedgerFile } from '../../../src/core/config/ledger-file.js';
import { idOfKey } from '../../../src/core/ledger/statement.js';
import { bar, keys, said } from '../../support/ledger.js';

let folder: string;
const root = keys();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-ledger-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const open = (failed?: (thrown: unknown) => void): LedgerFile =>
  new LedgerFile(folder, root.publicKey, failed);

describe('a ledger on disk', () => {
  it('has on disk what was said when `say` resolves', async () => {
    const mallory = keys();
    const said = await open().say((ledger) => [ledger.say(bar(mallory), root, 1)]);
    expect(said).toHaveLength(1);
    expect(open().ledger.standing.isBarred(idOfKey(mallory.publicKey))).toBe(true);
  });

  it('a command and a node that say something at once do not fork the log', async () => {
    const node = open();
    const command = open();
    await Promise.all(
      [node, command, node, command].map((file) => file.say((ledger) => [ledger.say(bar(keys()), root, 1)])),
    );
    await node.say(() => []);
    expect(node.ledger.serial).toBe(4);
    expect(node.ledger.forks).toEqual([]);
    expect(open().ledger.serial).toBe(4);
  });

  it('keeps what came from elsewhere, before what follows from it', async () => {
    const elsewhere = open().ledger.clone();
    const first = elsewhere.say(bar(keys()), root, 1);
    const file = open();
    file.ledger.take(first);
    file.keep([first]);
    await file.say((ledger) => [ledger.say(bar(keys()), root, 1)]);
    await file.settled();
    expect(open().ledger.serial).toBe(2);
  });

  it('what could not be said was not said', async () => {
    const file = open();
    await expect(
      file.say(() => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    rmSync(folder, { recursive: true });
    await expect(file.say((ledger) => [ledger.say(bar(keys()), root, 1)])).rejects.toMatchObject({
      code: 'EVIO_STORAGE',
    });
    expect(file.ledger.serial).toBe(0);
    const failures: unknown[] = [];
    const other = new LedgerFile(join(folder, 'gone'), root.publicKey, (thrown) => failures.push(thrown));
    other.keep([said(other.ledger, root, bar(keys()))]);
    await other.settled();
    expect(failures).toHaveLength(1);
    folder = mkdtempSync(join(tmpdir(), 'evio-ledger-'));
  });
});

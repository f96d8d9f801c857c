import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/core/ledger/ledger.js';
import { parseStatement } from '../../src/core/ledger/statement.js';
import { encodeLedger, parseLedger } from '../../src/core/wire/ledger.js';
import { bar, founded, keys, said } from '../support/ledger.js';
import { SeededRandom } from '../support/virtual.js';

describe('hostile bytes', () => {
  it('are no message, or one that is written as it was read', () => {
    const random = new SeededRandom(41);
    for (let i = 0; i < 30_000; i++) {
      const bytes = random.fill(new Uint8Array(Math.floor(random.unit() * 200)));
      if (bytes.length > 1) bytes[0] = 0x20 + (i & 1);
      if (bytes.length > 2 && (i & 1) === 0) bytes[1] = (bytes[1] as number) & 3;
      const message = parseLedger(bytes);
      if (message) expect(parseLedger(encodeLedger(message))).toEqual(message);
    }
  });

  it('changed anywhere, a statement is not taken', () => {
    const random = new SeededRandom(42);
    const { root, ledger } = founded();
    const genuine = said(ledger, root, bar(keys(), 'why'));
    for (let i = 0; i < 3_000; i++) {
      const bytes = new Uint8Array(genuine);
      for (let n = 0; n <= i % 3; n++) {
        const at = Math.floor(random.unit() * bytes.length);
        bytes[at] = (bytes[at] as number) ^ (1 + Math.floor(random.unit() * 255));
      }
      parseStatement(bytes, root.publicKey);
      const fresh = new Ledger(root.publicKey);
      if (Buffer.from(bytes).equals(genuine)) continue;
      expect(fresh.take(bytes)).not.toBe('new');
      expect(fresh.serial).toBe(0);
    }
  });
});

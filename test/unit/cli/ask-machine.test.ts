import { describe, expect, it } from 'vitest';
import { askMachine } from '../../../src/cli/ask-machine.js';

describe('askMachine', () => {
  it('takes a refusal for an answer', async () => {
    expect(await askMachine('127.0.0.1', '127.0.0.1')).toBe('answers');
  });

  it('does not ask by another interface where there is none of the network', async () => {
    expect(await askMachine('127.0.0.1', '192.0.2.77')).toBeNull();
  });
});

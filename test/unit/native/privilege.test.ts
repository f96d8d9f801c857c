import { describe, expect, it } from 'vitest';
import { errorInLog } from '../../../src/core/process/detach.js';
import { hasNetAdmin } from '../../../src/core/native/privilege.js';

describe('hasNetAdmin', () => {
  it.each([
    ['000001ffffffffff', true],
    ['0000000000001000', true],
    ['0000000000000000', false],
    ['000001ffffffefff', false],
  ])('reads CapEff %s', (mask, expected) => {
    expect(hasNetAdmin(`Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${mask}\nCapBnd:\t0\n`)).toBe(
      expected,
    );
  });

  it('takes a file without the line for no', () => {
    expect(hasNetAdmin('Name:\tnode\n')).toBe(false);
  });
});

describe('errorInLog', () => {
  it('finds the last error that a node printed', () => {
    const log = [
      '{"level":"info","msg":"x"}',
      '{"error":{"code":"EVIO_NO_TUN","message":"first","suggestions":[]}}',
      '{"error":{"code":"EVIO_DEVICE","message":"second","suggestions":["a"]}}',
      'FATAL something',
      '{"error":{"code":',
    ].join('\n');
    expect(errorInLog(log)).toMatchObject({ code: 'EVIO_DEVICE', message: 'second', suggestions: ['a'] });
  });

  it('does not trust codes it does not know, and finds none in none', () => {
    expect(errorInLog('{"error":{"code":"toString","message":"x"}}')?.code).toBe('EVIO_INTERNAL');
    expect(errorInLog('')).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/cli/duration.js';
import { toEvioError } from '../../../src/cli/errors.js';
import { quickQuestion } from '../../../src/cli/quick.js';
import { EvioError } from '../../../src/core/lib/errors.js';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5', 5000],
    ['1.5h', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    [' 1m ', 60_000],
  ])('%j is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', 'soon', '-1s', '0', '0ms', '1y', '1e9s', '1 s', '999999999999w', 's'])(
    'refuses %j',
    (text) => {
      expect(() => parseDuration(text)).toThrow(EvioError);
    },
  );
});

describe('quickQuestion', () => {
  it('takes plain questions', () => {
    expect(quickQuestion(['status'])).toEqual({ method: 'status', network: undefined, json: false });
    expect(quickQuestion(['peers', '--json', '-n', 'home'])).toEqual({
      method: 'peers',
      network: 'home',
      json: true,
    });
    expect(quickQuestion(['status', '--network', 'home'])).toMatchObject({ network: 'home' });
  });

  it('leaves everything else to the commands', () => {
    for (const argv of [
      [],
      ['why', 'ben'],
      ['status', '--watch'],
      ['status', '--help'],
      ['status', 'x'],
      ['status', '--network'],
      ['status', '--network', '--json'],
      ['status', '--network=home'],
      ['status', '-n', 'a', '-n', 'b'],
      ['--json', 'status'],
    ])
      expect(quickQuestion(argv)).toBeUndefined();
  });
});

describe('toEvioError', () => {
  it('passes operator errors and explains the others', () => {
    const own = new EvioError('EVIO_DEVICE', 'x');
    expect(toEvioError(own)).toBe(own);
    expect(toEvioError(new Error('boom'))).toMatchObject({ code: 'EVIO_INTERNAL', exitStatus: 1 });
    expect(toEvioError('thrown text').message).toContain('thrown text');
    const usage = Object.assign(new Error('Nonexistent flag: --x\nSee more help with --help'), {
      oclif: { exit: 2 },
    });
    expect(toEvioError(usage, 'evio node --help')).toMatchObject({
      code: 'EVIO_USAGE',
      message: 'Nonexistent flag: --x.',
      suggestions: ['See: evio node --help'],
      exitStatus: 2,
    });
  });

  it.each([
    ['command token:frob not found', 'There is no command "token frob".'],
    [
      'Missing 1 required arg:\npeer  name, or address\nSee more help with --help',
      'PEER is missing: name, or address.',
    ],
    [
      'Parsing --count \n\tExpected an integer but received: x',
      '--count: expected an integer but received: x.',
    ],
  ])('says %j in words of evio', (said, message) => {
    expect(toEvioError(Object.assign(new Error(said), { oclif: { exit: 2 } })).message).toBe(message);
  });

  it('takes away what oclif writes around the error of a flag', () => {
    const own = new EvioError('EVIO_BAD_VALUE', '"soon" is not a duration.', ['next']);
    own.message = `Parsing --expires \n\t${own.message}\nSee more help with --help`;
    expect(toEvioError(own)).toMatchObject({
      code: 'EVIO_BAD_VALUE',
      message: '--expires: "soon" is not a duration.',
      suggestions: ['next'],
    });
  });

  it('makes an error of anything', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        expect(toEvioError(thrown)).toBeInstanceOf(EvioError);
      }),
    );
  });
});

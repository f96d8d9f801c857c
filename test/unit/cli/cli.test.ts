import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/cli/duration.js';
import { toEvioError } from '../../../src/cli/errors.js';
import { commandOf, readManifest, type FlagShape, type Manifest } from '../../../src/cli/manifest.js';
import { factOf } from '../../../src/cli/network-fact.js';
import { quickQuestion } from '../../../src/cli/quick.js';
import { EvioError } from '../../../src/core/lib/errors.js';

describe('a process of this program', () => {
  it('is called evio by top, pgrep and killall', () => {
    const first = new URL('../../../bin/first.js', import.meta.url).href;
    const line = `import { nameProcess } from ${JSON.stringify(first)}; nameProcess(); process.stdout.write(process.getBuiltinModule('fs').readFileSync('/proc/self/comm'))`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', line], { encoding: 'utf8' })).toBe(
      'evio\n',
    );
  });
});

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

const built = readManifest(new URL('../../../oclif.manifest.json', import.meta.url));

/** The manifest with a flag of `status` made otherwise. */
function withFlag(flag: FlagShape): Manifest {
  const { status } = built.commands;
  if (!status) throw new Error('no command status');
  return {
    commands: { ...built.commands, status: { ...status, flags: { ...status.flags, [flag.name]: flag } } },
  };
}

describe('quickQuestion', () => {
  it('takes plain questions', () => {
    expect(quickQuestion(['status'], built)).toEqual({ method: 'status', network: undefined, json: false });
    expect(quickQuestion(['peers', '--json', '-n', 'home'], built)).toEqual({
      method: 'peers',
      network: 'home',
      json: true,
    });
    expect(quickQuestion(['status', '--network', 'home'], built)).toMatchObject({ network: 'home' });
  });

  it('leaves everything else to the commands', () => {
    for (const argv of [
      [],
      ['why', 'ben'],
      ['constructor'],
      ['status', '--watch'],
      ['status', '-w'],
      ['status', '--interval', '1s'],
      ['status', '--help'],
      ['status', '-h'],
      ['status', 'x'],
      ['status', '--network'],
      ['status', '--network', '--json'],
      ['status', '--network=home'],
      ['status', '-n', 'a', '-n', 'b'],
      ['status', '--json', '--json'],
      ['--json', 'status'],
    ])
      expect(quickQuestion(argv, built)).toBeUndefined();
  });

  it('follows what the command declares', () => {
    const network: FlagShape = { name: 'network', type: 'option', char: 'N' };
    expect(quickQuestion(['status', '-N', 'home'], withFlag(network))).toMatchObject({ network: 'home' });
    expect(quickQuestion(['status', '-n', 'home'], withFlag(network))).toBeUndefined();
    // A flag that may also come from elsewhere, one of another type, and no manifest.
    expect(quickQuestion(['status'], withFlag({ ...network, env: 'EVIO_NETWORK' }))).toBeUndefined();
    expect(quickQuestion(['status', '--network'], withFlag({ ...network, type: 'boolean' }))).toBeUndefined();
    expect(quickQuestion(['status', '--x'], withFlag({ name: 'x', type: 'boolean' }))).toBeUndefined();
    expect(quickQuestion(['status'], readManifest(new URL('nothing.json', import.meta.url)))).toBeUndefined();
  });
});

describe('commandOf', () => {
  it('finds the longest beginning that is a command', () => {
    const idOf = (...argv: string[]): string | undefined => commandOf(built, argv)?.id;
    expect(idOf('token', 'create', '--json', 'x')).toBe('token:create');
    expect(idOf('join', 'evio1abc')).toBe('join');
    expect(idOf('token')).toBeUndefined();
    expect(idOf('--json', 'join')).toBeUndefined();
    expect(idOf('constructor')).toBeUndefined();
  });

  it('tells what runs for long', () => {
    const daemons = Object.values(built.commands).filter(({ daemon }) => daemon === true);
    expect(daemons.map(({ id }) => id).sort()).toEqual(['join', 'kube', 'node', 'relay', 'web']);
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

describe('what a network is set to', () => {
  it.each([
    [['mtu=1280'], { do: 'facts', mtu: 1280 }],
    [['mtu', '1280'], { do: 'facts', mtu: 1280 }],
    [['name=foo'], { do: 'facts', name: 'foo' }],
    [['name', 'foo'], { do: 'facts', name: 'foo' }],
    [['admit', '2'], { do: 'admission', approvals: 2 }],
  ] as const)('%j', ([first, second], order) => {
    expect(factOf(first, second)).toEqual(order);
  });

  it.each([
    [['mtu']],
    [['mtu=']],
    [['mtu', 'big']],
    [['mtu=1', '2']],
    [['=1']],
    [['', '1']],
    [['relay', 'x']],
  ])('is refused: %j', ([first = '', second]) => {
    expect(() => factOf(first, second)).toThrow(/nothing that can be set/);
  });
});

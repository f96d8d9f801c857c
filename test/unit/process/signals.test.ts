import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasBuild } from '../../support/need.js';

const module = fileURLToPath(new URL('../../../dist/core/process/signals.js', import.meta.url));
/** Longer than the echo of a signal (signals.ts). */
const laterMs = 600;

/** Runs a program that uses the module, and sends it a signal each time it says `now`, after so many ms. */
function run(
  program: string,
  signals: readonly (readonly [NodeJS.Signals, number])[],
): Promise<{ said: string[]; status: number | null; signal: string | null }> {
  const text = `import * as signals from ${JSON.stringify(module)};
    const say = (word) => process.stdout.write(word + '\\n');
    const log = { info: (text, { signal }) => say(text + ' ' + signal), error: (text) => say(text) };
    const held = setInterval(() => undefined, 1000);
    const end = () => clearInterval(held);
    ${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (out === '') {
      let at = 0;
      for (const [signal, ms] of signals) setTimeout(() => child.kill(signal), (at += ms));
    }
    out += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once('close', (status, signal) => {
      resolve({ said: out.split('\n').filter(Boolean), status, signal });
    });
  });
}

describe.runIf(hasBuild())('signals', () => {
  it('stop in order, once, though a wrapper passes them on twice', async () => {
    const program = `signals.stopOnSignals(async () => { say('stop'); setTimeout(end, 300); }, log); say('ready');`;
    expect(
      await run(program, [
        ['SIGTERM', 0],
        ['SIGTERM', 50],
      ]),
    ).toEqual({
      said: ['ready', 'stopping SIGTERM', 'stop'],
      status: 0,
      signal: null,
    });
  });

  it('has SIGHUP read again what it is for, as often as it comes, and goes on', async () => {
    const program = `signals.stopOnSignals(async () => { say('stop'); setTimeout(end, 50); }, log, () => say('reread')); say('ready');`;
    const outcome = await run(program, [
      ['SIGHUP', 0],
      ['SIGHUP', laterMs],
      ['SIGTERM', laterMs],
    ]);
    expect(outcome).toEqual({
      said: ['ready', 'reread', 'reread', 'stopping SIGTERM', 'stop'],
      status: 0,
      signal: null,
    });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('end at once when %s comes again', async (signal, status) => {
    const program = `signals.stopOnSignals(() => new Promise(() => undefined), log); say('ready');`;
    const outcome = await run(program, [
      [signal, 0],
      [signal, laterMs],
    ]);
    expect(outcome).toEqual({ said: ['ready', `stopping ${signal}`], status, signal: null });
  });

  it('that nobody caught: an error stops in order too, and fails', async () => {
    const program = `signals.stopOnSignals(async () => { say('stop'); }, log); say('ready'); throw new Error('oops');`;
    const { said, status } = await run(program, []);
    expect(said).toEqual(['ready', 'stopping after an internal error', 'stop']);
    expect(status).toBe(1);
  });

  it('abort what can be interrupted, with its reason; released, they end the process', async () => {
    const program = `const { signal, release } = signals.interruptible(() => new Error('why'));
      signal.addEventListener('abort', () => { say(signal.reason.message); release(); });
      say('ready');`;
    expect(
      await run(program, [
        ['SIGINT', 0],
        ['SIGTERM', laterMs],
      ]),
    ).toEqual({
      said: ['ready', 'why'],
      status: null,
      signal: 'SIGTERM',
    });
  });

  it('undo what must not stay, and are passed on', async () => {
    const program = `signals.atExit(() => say('a')); signals.atExit(() => say('b'))(); signals.atExit(() => say('c')); say('ready');`;
    expect(await run(program, [['SIGHUP', 0]])).toEqual({
      said: ['ready', 'a', 'c'],
      status: null,
      signal: 'SIGHUP',
    });
    expect(await run(`${program} end();`, [])).toEqual({
      said: ['ready', 'a', 'c'],
      status: 0,
      signal: null,
    });
  });

  it('that somebody else handles are left to them; what is to be undone is undone at the end', async () => {
    const program = `signals.atExit(() => say('undone'));
      signals.interruptible().signal.addEventListener('abort', () => { say('handled'); end(); });
      say('ready');`;
    expect(await run(program, [['SIGINT', 0]])).toEqual({
      said: ['ready', 'handled', 'undone'],
      status: 0,
      signal: null,
    });
  });
});

/** Who may use the keys, whenever the successor dies: the old process goes on, begins anew, or is done. */
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { giveOver, type Given } from '../../../src/core/handover/give.js';
import { silentLogger } from '../../../src/core/lib/env.js';

const successor = fileURLToPath(new URL('../../support/successor.mjs', import.meta.url));

/** Something that notes what becomes of it. @param priorities of this thread, while it rests */
function given(id: string, log: string[], priorities: number[] = []): Given {
  const note = (what: string) => (): void => {
    log.push(`${id} ${what}`);
  };
  return {
    id,
    describe: () => ({ fds: [], facts: {} }),
    freeze: () => {
      note('rests')();
      priorities.push(getPriority(0));
      return Promise.resolve({ head: {}, blob: Uint8Array.of(1, 2, 3) });
    },
    thaw: note('goes on'),
    letGo: () => {
      note('lets go')();
      return undefined;
    },
    recover: () => {
      note('begins anew')();
      return Promise.resolve();
    },
  };
}

async function give(
  diesAt: string,
  ids: readonly string[],
  [file, ...wrapper]: readonly [string, ...string[]] = [process.execPath],
  supervised = false,
) {
  const log: string[] = [];
  const priorities: number[] = [];
  const options = {
    command: [file, ...wrapper, successor, diesAt] as const,
    env: process.env,
    supervised,
    given: ids.map((id) => given(id, log, priorities)),
    version: '1.0.0',
    log: silentLogger,
  };
  try {
    const gave = await giveOver(options);
    await gave.settled;
    gave.signal('SIGKILL');
    return { log, to: gave.to, priorities };
  } catch (thrown) {
    return { log, code: (thrown as { code?: string }).code };
  }
}

const node = [process.execPath] as const;

describe.each([
  ['to a child', false],
  ['to a child of the service manager', true],
])('a process that gives over %s', (_whose, supervised) => {
  it('lets go of one thing after the other, each after it was taken', async () => {
    expect(await give('never', ['a', 'b'], node, supervised)).toMatchObject({
      log: ['a rests', 'a lets go', 'b rests', 'b lets go'],
      to: '9.9.9',
    });
  });

  it.runIf(process.getuid?.() === 0)('goes before other programs while packets wait', async () => {
    const before = getPriority(0);
    expect((await give('never', ['a', 'b'], node, supervised)).priorities).toEqual([-20, -20]);
    expect(getPriority(0)).toBe(before);
    await give('adopted', ['a'], node, supervised);
    expect(getPriority(0)).toBe(before);
  });

  it.each([
    ['before it speaks', 'hello', []],
    ['before it has loaded', 'ready', []],
    ['with the keys in hand', 'adopted', ['a rests', 'a goes on']],
    ['by its own will', 'refuses', ['a rests', 'a goes on']],
  ])('goes on where it stopped when the successor ends %s', async (_when, diesAt, log) => {
    expect(await give(diesAt, ['a'], node, supervised)).toEqual({ log, code: 'EVIO_UPGRADE' });
  });

  it.each([
    ['as it is told to go on', 'commit', ['a rests', 'a lets go', 'a begins anew']],
    ['between two things', 'took', ['a rests', 'a lets go', 'a begins anew']],
  ])('never uses the keys again when the successor ends %s', async (_when, diesAt, log) => {
    expect(await give(diesAt, ['a', 'b'], node, supervised)).toEqual({ log, code: 'EVIO_UPGRADE' });
  });

  it('never uses the keys again while something of the successor that was killed lives on', async () => {
    const shell = ['/bin/sh', '-c', '"$0" "$@" & wait', process.execPath] as const;
    expect(await give('refuses', ['a'], shell, supervised)).toEqual({
      log: ['a rests', 'a lets go', 'a begins anew'],
      code: 'EVIO_UPGRADE',
    });
  });

  it('goes on when there is no such program', async () => {
    const log: string[] = [];
    const options = {
      env: process.env,
      supervised,
      given: [given('a', log)],
      version: '1.0.0',
      log: silentLogger,
    };
    const nowhere = ['/nonexistent/evio'] as const;
    await expect(giveOver({ ...options, command: nowhere })).rejects.toMatchObject({ code: 'EVIO_UPGRADE' });
    expect(log).toEqual([]);
  });
});

it('is not the parent of who goes on where a service manager is to be', async () => {
  const gave = await giveOver({
    command: [process.execPath, successor, 'never'],
    env: process.env,
    supervised: true,
    given: [given('a', [])],
    version: '1.0.0',
    log: silentLogger,
  });
  try {
    const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${gave.pid}/status`, 'utf8')) ?? [];
    expect(Number(parent)).not.toBe(process.pid);
    expect(readFileSync(`/proc/${gave.pid}/cmdline`, 'utf8').split('\0')).toContain(successor);
  } finally {
    gave.signal('SIGKILL');
  }
  expect(await gave.ended).toBeUndefined();
});

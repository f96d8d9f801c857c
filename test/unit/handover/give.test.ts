/** Who may use the keys, whenever the successor dies: the old process goes on, begins anew, or is done. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { giveOver, type Given } from '../../../src/core/handover/give.js';
import { silentLogger } from '../../../src/core/lib/env.js';

const successor = fileURLToPath(new URL('../../support/successor.mjs', import.meta.url));

/** Something that notes what becomes of it. */
function given(id: string, log: string[]): Given {
  const note = (what: string) => (): void => {
    log.push(`${id} ${what}`);
  };
  return {
    id,
    describe: () => ({ fds: [], facts: {} }),
    freeze: () => {
      note('rests')();
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
) {
  const log: string[] = [];
  const options = {
    command: [file, ...wrapper, successor, diesAt] as const,
    env: process.env,
    given: ids.map((id) => given(id, log)),
    version: '1.0.0',
    log: silentLogger,
  };
  try {
    const gave = await giveOver(options);
    await gave.settled;
    gave.child.kill('SIGKILL');
    return { log, to: gave.to };
  } catch (thrown) {
    return { log, code: (thrown as { code?: string }).code };
  }
}

describe('a process that gives over', () => {
  it('lets go of one thing after the other, each after it was taken', async () => {
    expect(await give('never', ['a', 'b'])).toEqual({
      log: ['a rests', 'a lets go', 'b rests', 'b lets go'],
      to: '9.9.9',
    });
  });

  it.each([
    ['before it speaks', 'hello', []],
    ['before it has loaded', 'ready', []],
    ['with the keys in hand', 'adopted', ['a rests', 'a goes on']],
    ['by its own will', 'refuses', ['a rests', 'a goes on']],
  ])('goes on where it stopped when the successor ends %s', async (_when, diesAt, log) => {
    expect(await give(diesAt, ['a'])).toEqual({ log, code: 'EVIO_UPGRADE' });
  });

  it.each([
    ['as it is told to go on', 'commit', ['a rests', 'a lets go', 'a begins anew']],
    ['between two things', 'took', ['a rests', 'a lets go', 'a begins anew']],
  ])('never uses the keys again when the successor ends %s', async (_when, diesAt, log) => {
    expect(await give(diesAt, ['a', 'b'])).toEqual({ log, code: 'EVIO_UPGRADE' });
  });

  it('never uses the keys again while something of the successor that was killed lives on', async () => {
    const shell = ['/bin/sh', '-c', '"$0" "$@" & wait', process.execPath] as const;
    expect(await give('refuses', ['a'], shell)).toEqual({
      log: ['a rests', 'a lets go', 'a begins anew'],
      code: 'EVIO_UPGRADE',
    });
  });

  it('goes on when there is no such program', async () => {
    const log: string[] = [];
    const options = { env: process.env, given: [given('a', log)], version: '1.0.0', log: silentLogger };
    const nowhere = ['/nonexistent/evio'] as const;
    await expect(giveOver({ ...options, command: nowhere })).rejects.toMatchObject({ code: 'EVIO_UPGRADE' });
    expect(log).toEqual([]);
  });
});

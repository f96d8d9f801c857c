import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateLog } from '../../../src/rendezvous/state-log.js';
import type { StateLine } from '../../../src/rendezvous/state-lines.js';
import { env } from './relay-kit.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-state-'));
});
afterEach(async () => {
  for (const log of logs.splice(0)) await log.stop();
  rmSync(folder, { recursive: true, force: true });
});

const logs: StateLog[] = [];

const said: string[] = [];
const loud = { ...env, log: { ...env.log, error: (message: string) => said.push(message) } };

/** A use of an invite: each has its own `time`. */
function use(time: number): StateLine {
  return { kind: 'use', network: '0123456789abcdef', invite: 'aa', notAfter: 9e12, node: 'bb', time };
}

async function opened(smallLogBytes = Infinity): Promise<{ log: StateLog; times: number[] }> {
  const log = new StateLog({ folder, env: loud, smallLogBytes });
  logs.push(log);
  const times: number[] = [];
  await log.load((line) => {
    if (line.kind === 'use') times.push(line.time);
  });
  return { log, times };
}

describe('state', () => {
  it('is what was appended, over runs, in order', async () => {
    for (let run = 0; run < 5; run++) {
      const { log, times } = await opened();
      expect(times).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, 2 * run));
      log.begin(() => []);
      await Promise.all([log.append([use(2 * run)], false), log.append([use(2 * run + 1)], true)]);
      if (run % 2 === 0) await log.stop(); // else it is killed
    }
  });

  it('is drawn together when the logs outgrow it, while it changes, and nothing is lost or left behind', async () => {
    const { log } = await opened(10_000);
    const known: number[] = [];
    log.begin(function* () {
      yield { kind: 'begin' };
      for (const time of known) yield use(time);
    });
    for (let time = 0; time < 3_000; time++) {
      known.push(time);
      const done = log.append([use(time)], false);
      if (time % 100 === 0) await done;
    }
    await log.settled();
    await log.stop();
    const files = readdirSync(folder);
    expect(files.filter((name) => name.startsWith('snapshot'))).toHaveLength(1);
    expect(files.length).toBeLessThan(4);
    const { times } = await opened();
    expect(new Set(times)).toEqual(new Set(known));
  });

  it('survives a kill at each step of drawing together', async () => {
    // Before: what an earlier run left.
    const { log } = await opened();
    log.begin(() => []);
    await log.append([use(1), use(2)], true);
    await log.stop();
    const expected = [1, 2];
    // The next snapshot was being written.
    writeFileSync(join(folder, 'snapshot.7.tmp'), `${JSON.stringify(use(1))}\n{"ki`);
    expect((await opened()).times).toEqual(expected);
    // It was whole, and nothing was removed yet.
    writeFileSync(join(folder, 'snapshot.7'), `${JSON.stringify(use(1))}\n${JSON.stringify(use(2))}\n`);
    expect((await opened()).times).toEqual(expected);
    appendFileSync(join(folder, 'log.7'), `${JSON.stringify(use(3))}\n`);
    expect((await opened()).times).toEqual([1, 2, 3]);
  });

  it('leaves out a line that a power cut tore, without a word, and tells of others', async () => {
    said.length = 0;
    writeFileSync(join(folder, 'log.1'), `${JSON.stringify(use(1))}\n{"kind":"use","netw`);
    const first = await opened();
    expect([first.times, said]).toEqual([[1], []]);
    first.log.begin(() => []);
    await first.log.append([use(2)], true);
    await first.log.stop();
    expect((await opened()).times).toEqual([1, 2]);
    writeFileSync(join(folder, 'log.1'), `nonsense\n{"kind":"evil"}\n${JSON.stringify(use(1))}\n`);
    expect((await opened()).times).toEqual([1, 2]);
    expect(said).toEqual(['relay state is damaged: what these lines said is forgotten, uses of invites too']);
  });

  it('does not pile up logs of many short runs', async () => {
    for (let run = 0; run < 20; run++) {
      const { log, times } = await opened();
      const known = [...times, run];
      log.begin(() => known.map(use));
      await log.append([use(run)], false);
      await log.settled();
      await log.stop();
    }
    expect(readdirSync(folder).length).toBeLessThan(12);
    expect(new Set((await opened()).times).size).toBe(20);
  });

  it('is written a few lines at a time: others have their turn between', async () => {
    const { log } = await opened(1);
    let inThisTurn = 0;
    let most = 0;
    const turn = setInterval(() => (inThisTurn = 0), 0);
    const beat = (): void => {
      inThisTurn = 0;
      if (!existsSync(join(folder, 'snapshot.2'))) setImmediate(beat);
    };
    log.begin(function* () {
      for (let time = 0; time < 20_000; time++) {
        most = Math.max(most, ++inThisTurn);
        yield use(time);
      }
    });
    setImmediate(beat);
    await log.append([use(1)], false);
    await log.settled();
    clearInterval(turn);
    expect(readFileSync(join(folder, 'snapshot.2'), 'utf8').split('\n')).toHaveLength(20_001);
    expect(most).toBeLessThan(1_000);
    await log.stop();
  });
});

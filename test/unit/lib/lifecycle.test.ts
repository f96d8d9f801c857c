import { describe, expect, it } from 'vitest';
import { Teardown } from '../../../src/core/lib/lifecycle.js';

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Teardown', () => {
  it('runs steps in reverse, one at a time', async () => {
    const log: string[] = [];
    const teardown = new Teardown();
    for (const name of ['socket', 'device', 'timer']) {
      teardown.add(name, async () => {
        log.push(`${name} begins`);
        await soon();
        log.push(`${name} ends`);
      });
    }
    await teardown.run();
    expect(log).toEqual([
      'timer begins',
      'timer ends',
      'device begins',
      'device ends',
      'socket begins',
      'socket ends',
    ]);
  });

  it('runs once, however often it is asked, and every caller waits for the end', async () => {
    let runs = 0;
    let ended = false;
    const teardown = new Teardown();
    teardown.add('slow', async () => {
      runs++;
      await soon();
      ended = true;
    });
    const first = teardown.run();
    await teardown.run();
    expect(ended).toBe(true);
    await first;
    await teardown.run();
    expect(runs).toBe(1);
  });

  it('goes on after a step that throws or rejects, and reports which', async () => {
    const failures: [string, unknown][] = [];
    let last = false;
    const teardown = new Teardown();
    teardown.add('last', () => {
      last = true;
    });
    teardown.add('rejects', () => Promise.reject(new Error('r')));
    teardown.add('throws', () => {
      throw new Error('t');
    });
    await teardown.run((name, thrown) => failures.push([name, (thrown as Error).message]));
    expect(failures).toEqual([
      ['throws', 't'],
      ['rejects', 'r'],
    ]);
    expect(last).toBe(true);
  });

  it('undoes what a start under way adds while or after it runs', async () => {
    const log: string[] = [];
    const failures: string[] = [];
    const teardown = new Teardown();
    teardown.add('early', async () => {
      await soon();
      log.push('early');
    });
    const running = teardown.run((name) => failures.push(name));
    teardown.add('during', () => {
      log.push('during');
    });
    await running;
    await teardown.run();
    expect(log).toEqual(['early', 'during']);
    teardown.add('after', () => {
      log.push('after');
      throw new Error('late');
    });
    await teardown.run();
    expect(log).toEqual(['early', 'during', 'after']);
    expect(failures).toEqual(['after']);
  });
});

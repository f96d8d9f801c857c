/** A real thread that sleeps in poll(), under a clock of the test. */
import { existsSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import {
  compiledProgram,
  SupervisedThread,
  ThreadWord,
  type RestartPolicy,
} from '../../../src/core/native/supervised-thread.js';
import { until } from '../../support/until.js';
import { VirtualClock } from '../../support/virtual.js';

const policy: RestartPolicy = { firstMs: 20, limitMs: 50, calmMs: 1_000, restarts: 3 };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function supervise(change: Partial<RestartPolicy> = {}) {
  const clock = new VirtualClock();
  const control = new Int32Array(new SharedArrayBuffer(4 * (ThreadWord.length + 1)));
  const said: string[] = [];
  let begun = 0;
  const thread: SupervisedThread<string> = new SupervisedThread<string>(
    {
      program: new URL('../../support/poll-thread.mjs', import.meta.url),
      control,
      policy: { ...policy, ...change },
      clock,
    },
    {
      setup: (port) => ({
        port,
        control: control.buffer,
        wakeFd: thread.wakeFd,
        greeting: `begun ${++begun}`,
      }),
      heard: (message) => said.push(message),
      crashed: (reason, givenUp) => said.push(`${reason}${givenUp ? ', given up' : ''}`),
      restarted: () => {
        said.push('restarted');
        thread.post('again');
      },
    },
  );
  stops.push(() => thread.stop());
  const says = (text: string, times = 1): Promise<void> =>
    until(() => said.filter((s) => s.startsWith(text)).length >= times);
  return { clock, control, said, thread, says, begun: () => begun };
}

describe('a supervised thread', () => {
  it('is woken for what is posted, and hears it in order', async () => {
    const t = supervise();
    t.thread.start('test');
    await t.says('begun');
    for (let i = 0; i < 100; i++) t.thread.post(String(i));
    await t.says('heard 99');
    // It sleeps by now.
    t.thread.post('late');
    await t.says('heard late');
    expect(t.said.slice(1)).toEqual([...Array.from({ length: 100 }, (_, i) => `heard ${i}`), 'heard late']);
  });

  it('is started again after growing pauses, and given up when it crashes again and again', async () => {
    const t = supervise();
    t.thread.start('test');
    await t.says('begun 1');
    for (const [i, pause] of [20, 40, 50].entries()) {
      t.thread.post('crash');
      await t.says('asked to crash', i + 1);
      // Nobody hears it.
      t.thread.post('lost');
      t.clock.advance(pause - 1);
      expect(t.begun()).toBe(i + 1);
      t.clock.advance(1);
      await t.says('heard again', i + 1);
    }
    t.thread.post('crash');
    await t.says('asked to crash, given up');
    t.clock.advance(60_000);
    expect(t.begun()).toBe(4);
    expect(t.said.filter((s) => s !== 'heard again').slice(0, 4)).toEqual([
      'begun 1',
      'asked to crash',
      'restarted',
      'begun 2',
    ]);
    expect(t.said).not.toContain('heard lost');
  });

  it('that was well for long begins with the first pause again', async () => {
    const t = supervise();
    t.thread.start('test');
    for (let i = 1; i <= 5; i++) {
      await t.says(`begun ${i}`);
      t.clock.advance(policy.calmMs + 1);
      t.thread.post('crash');
      await t.says('asked to crash', i);
      t.clock.advance(policy.firstMs);
    }
    await t.says('begun 6');
  });

  it('is ended once, with its eventfd closed, and not started again', async () => {
    const t = supervise();
    t.thread.start('test');
    await t.says('begun 1');
    const { wakeFd } = t.thread;
    const link = `/proc/self/fd/${wakeFd}`;
    expect(readlinkSync(link)).toContain('eventfd');
    await Promise.all([t.thread.stop(), t.thread.stop()]);
    expect(existsSync(link) && readlinkSync(link).includes('eventfd')).toBe(false);
    t.thread.post('into nothing');
    t.clock.advance(60_000);
    expect(t.said).toEqual(['begun 1']);

    const waiting = supervise();
    waiting.thread.start('test');
    await waiting.says('begun 1');
    waiting.thread.post('crash');
    await waiting.says('asked to crash');
    await waiting.thread.stop();
    waiting.clock.advance(60_000);
    expect(waiting.begun()).toBe(1);
  });

  it('is ended by force when it does not hear', async () => {
    const t = supervise();
    t.thread.start('test');
    await t.says('begun 1');
    t.thread.post('deaf');
    await t.says('heard deaf');
    const from = performance.now();
    await t.thread.stop();
    expect(performance.now() - from).toBeGreaterThan(1_500);
  });

  it('runs its compiled program, wherever it is asked for', () => {
    const at = (from: string): string => String(compiledProgram('./worker.js', from));
    expect(at('file:///src/evio/src/core/a.ts')).toBe('file:///src/evio/dist/core/worker.js');
    expect(at('file:///src/evio/dist/core/plane/a.js')).toBe('file:///src/evio/dist/core/plane/worker.js');
  });
});

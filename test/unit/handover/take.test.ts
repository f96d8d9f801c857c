/** When a successor may use the keys: it was told to, or nobody is left who could. */
import { duplexPair, type Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Channel } from '../../../src/core/handover/channel.js';
import { LiveTaker } from '../../../src/core/handover/take.js';
import { silentLogger } from '../../../src/core/lib/env.js';

beforeEach(() => {
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exit ${code ?? 0}`);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function committed(told: (leaver: Channel, stream: Duplex) => void): Promise<string> {
  const [mine, theirs] = duplexPair();
  const leaver = new Channel(theirs);
  const taker = Reflect.construct(LiveTaker, [new Channel(mine), silentLogger, []]) as LiveTaker;
  const commit = taker.commit('a', []).then(
    () => 'goes on',
    (thrown: unknown) => (thrown as Error).message,
  );
  await leaver.expect(['adopted'], 5_000);
  told(leaver, theirs);
  const outcome = await commit;
  leaver.close();
  return outcome;
}

it('goes on once it is told to', async () => {
  expect(await committed((leaver) => void leaver.send('commit'))).toBe('goes on');
});

it('goes on where the process before is gone without a word', async () => {
  expect(await committed((_, stream) => stream.end())).toBe('goes on');
});

it('ends where the process before goes on itself, and hangs up at once', async () => {
  const abandoned = (leaver: Channel, stream: Duplex): void => {
    void leaver.send('abandoned');
    stream.end();
  };
  expect(await committed(abandoned)).toBe('exit 1');
});

it('knows that the process before is gone by a reset, too', () => {
  const [mine] = duplexPair();
  const channel = new Channel(mine);
  mine.emit('error', new Error('read ECONNRESET'));
  expect(channel.gone).toBe(true);
});

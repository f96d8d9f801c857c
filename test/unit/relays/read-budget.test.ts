/** What a relay says beyond its budget waits in the connection. */
import { afterEach, describe, expect, it } from 'vitest';
import { ReadBudget } from '../../../src/core/relays/net/read-budget.js';
import { RelayChannel } from '../../../src/core/relays/net/relay-channel.js';
import { env, Kit, TestNetwork, until } from '../rendezvous/relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('what a relay may say', () => {
  /** Messages of this length are read for a minute, as soon as they may be. */
  function minute(length: number): number {
    const budget = new ReadBudget();
    let count = 0;
    for (let now = 1_000; now < 61_000;) {
      now = Math.max(now, budget.read(now, length));
      count++;
    }
    return count;
  }

  it('is bounded by messages, and by bytes', () => {
    expect(minute(40)).toBeCloseTo(4_000 + 60 * 500, -2);
    expect(minute(24_000) * 24_000).toBeLessThan(4_194_304 + 61 * 16_384);
    expect(minute(24_000) * 24_000).toBeGreaterThan(4_194_304);
  });

  it('is not held back for what was long ago', () => {
    const budget = new ReadBudget();
    for (let i = 0; i < 4_000; i++) budget.read(0, 100);
    expect(budget.read(0, 100)).toBeGreaterThan(0);
    expect(budget.read(60_000, 100)).toBeLessThan(60_000);
  });
});

it('loses nothing to it', async () => {
  const relay = await kit.relay();
  const node = new TestNetwork([relay.fact]).node(1);
  const { clock } = env;
  const pauseMs = 60;
  const read: number[] = [];
  const pongs: number[] = [];
  let up = false;
  const channel = new RelayChannel(
    {
      ...node,
      relay: relay.fact,
      agent: 'x',
      env,
      timeoutMs: 5_000,
      budget: { read: () => (read.push(clock.now()), clock.now() + pauseMs) },
    },
    {
      welcome: () => (up = true),
      message: (message) => void (message.type === 'pong' && pongs.push(message.id)),
      data: () => undefined,
      heard: () => undefined,
      ended: () => undefined,
    },
  );
  kit.later(() => {
    channel.terminate('over');
  });
  await until(() => up);
  // One after the other: what came at once is one read of the socket.
  for (let id = 1; id <= 3; id++) {
    channel.send({ type: 'ping', id });
    await until(() => pongs.includes(id));
  }
  expect(pongs).toEqual([1, 2, 3]);
  // The welcome comes first. Timers of Node may fire a millisecond early.
  for (let i = 1; i < 4; i++)
    expect((read[i] as number) - (read[i - 1] as number)).toBeGreaterThanOrEqual(pauseMs - 2);
});

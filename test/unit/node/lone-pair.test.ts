/** Two members without any relay: nobody but each other's silence tells that one is gone. */
import { describe, expect, it } from 'vitest';
import { frameOf, startedPair } from '../../support/node-box.js';

describe('of two members without a relay one is killed', () => {
  it.each([
    ['while frames go to it', true],
    ['while nothing goes to it', false],
  ])('and the other has lost it within seconds, %s', async (_what, busy) => {
    const { clock, net, a, b } = await startedPair();
    await clock.run(8_000);
    expect(a.engine.peers()[0]?.path?.kind).toBe('direct');
    const { route } = net;
    net.route = (from, to, bytes) =>
      from.host === b.host || to.host === b.host ? null : route(from, to, bytes);
    const killedAt = clock.now();
    a.events.length = 0;
    while (!a.events.some(({ event }) => event === 'peer-lost') && clock.now() < killedAt + 60_000) {
      if (busy) a.plane.transmit(frameOf(b, a, 1));
      await clock.run(100);
    }
    const ms = clock.now() - killedAt;
    expect(ms).toBeLessThan(7_000);
  });
});

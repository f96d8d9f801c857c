/** Pings that a person asks for, between real nodes under a virtual clock. */
import { describe, expect, it } from 'vitest';
import { Pinger } from '../../../src/core/node/pinger.js';
import type { Peer } from '../../../src/core/peer/peer.js';
import { startedPair } from '../../support/node-box.js';
import { virtualEnv } from '../../support/virtual.js';

describe('a ping that a person asks for', () => {
  it('goes by the path that data takes, and tells how long each answer took', async () => {
    const { clock, a } = await startedPair();
    await clock.run(3_000);
    const answer = a.engine.ping('n1', 3, 1_000, 100);
    await clock.run(1_000, 1);
    const report = await answer;
    expect(report).toMatchObject({ sent: 3, received: 3 });
    expect(report.replies.map(({ seq, path }) => [seq, path])).toEqual([
      [1, 'direct'],
      [2, 'direct'],
      [3, 'direct'],
    ]);
    // 5 ms there and 5 ms back.
    for (const { rttMs } of report.replies) expect(rttMs).toBeCloseTo(10, 0);
  });

  it('connects first where there is no session, and is sent as soon as there is one', async () => {
    const { clock, a, b } = await startedPair();
    await clock.run(20);
    expect(a.engine.peers()[0]?.state).not.toBe('connected');
    const asked = clock.now();
    const answer = b.engine.ping('n0', 1, 5_000, 100);
    let connectedAt = 0;
    void answer.then(() => (connectedAt = clock.now()));
    await clock.run(2_000, 5);
    expect(await answer).toMatchObject({ received: 1 });
    expect(connectedAt - asked).toBeLessThan(500);
  });

  it('counts what is lost, and waits no longer than it was told to', async () => {
    const { clock, net, a } = await startedPair();
    await clock.run(3_000);
    net.route = () => null;
    const answer = a.engine.ping('n1', 2, 300, 100);
    await clock.run(690);
    let done = false;
    void answer.then(() => (done = true));
    await clock.run(5, 1);
    expect(done).toBe(false);
    await clock.run(50, 5);
    expect(await answer).toMatchObject({ sent: 2, received: 0, minMs: null, avgMs: null, maxMs: null });
  });

  it('ends early with what came so far when nobody wants the answer any more', async () => {
    const { clock, a } = await startedPair();
    await clock.run(3_000);
    const asking = new AbortController();
    const answer = a.engine.ping('n1', 100, 1_000, 1_000, asking.signal);
    await clock.run(2_500);
    asking.abort();
    expect(await answer).toMatchObject({ sent: 3, received: 3 });
  });

  it('takes no answer to another question, and none of another peer', async () => {
    const env = virtualEnv();
    const sent: number[] = [];
    const peerAt = (slot: number): Peer =>
      ({
        slot,
        member: { idText: 'id' },
        session: { established: true },
        prober: { path: {}, active: { kind: 'direct' } },
        ping: (transaction: number) => sent.push(transaction),
      }) as unknown as Peer;
    const pinger = new Pinger(env, () => undefined);
    const answer = pinger.run(peerAt(1), { count: 1, timeoutMs: 500, intervalMs: 0 });
    const [transaction = 0] = sent;
    pinger.pong(peerAt(1), transaction + 1);
    pinger.pong(peerAt(2), transaction);
    await env.clock.run(100);
    pinger.pong(peerAt(1), transaction);
    expect(await answer).toMatchObject({ received: 1, replies: [{ rttMs: 100 }] });
  });
});

/** A policy in whole nodes: signed at one, in force at the other, and what follows from conduct that is an attack. */
import { expect, it, describe } from 'vitest';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { encodePolicy } from '../../../src/core/policy/document.js';
import { startedPair, type Box, type Pair } from '../../support/node-box.js';

/** A UDP frame from one node's host to the other's. */
function udpTo(pair: Pair, from: Box, to: Box, port: number): Uint8Array {
  const addressOf = (asked: Box): number[] => {
    const other = asked === pair.a ? pair.b : pair.a;
    return (other.engine.peers()[0]?.ip ?? '').split('.').map(Number);
  };
  const head = [0x45, 0, 0, 32, 0, 1, 0x40, 0, 64, 17, 0, 0, ...addressOf(from), ...addressOf(to)];
  return Uint8Array.from([
    ...to.mac,
    ...from.mac,
    8,
    0,
    ...head,
    156,
    64,
    port >> 8,
    port & 255,
    0,
    12,
    0,
    0,
    1,
    2,
    3,
    4,
  ]);
}

const orderOf = (text: string) => ({ do: 'policy', document: toBase64Url(encodePolicy(text)) }) as const;

describe('a policy in whole nodes', () => {
  it('is signed by one, tested by rules at the other, and puts a scanner into quarantine', async () => {
    const pair = await startedPair();
    const { clock, a, b } = pair;
    await clock.run(3_000);
    const [founder, other] = a.profile.rootSeed === undefined ? [b, a] : [a, b];
    await expect(other.engine.amend(orderOf('default deny'))).rejects.toMatchObject({
      code: 'EVIO_NOT_ADMIN',
    });
    const text = 'default deny\nallow * -> * udp 53\nquarantine on scan for 10m\n';
    await founder.engine.amend(orderOf(text));
    await clock.run(2_000);
    expect(other.engine.policy()).toMatchObject({ serial: 1, text, fault: null });
    const send = (port: number): void => {
      founder.plane.transmit(udpTo(pair, founder, other, port));
    };
    const before = other.frames.length;
    send(53);
    await clock.run(50);
    expect(other.frames.length).toBe(before + 1);
    expect(other.engine.policy().rules[0]?.hits).toBe(1);
    for (let port = 1_000; port < 1_060; port++) send(port);
    await clock.run(1_500);
    send(2_000);
    await clock.run(1_500);
    expect(other.frames.length).toBe(before + 1);
    expect(other.engine.policy().others.default).toBeGreaterThan(50);
    expect(other.events).toContainEqual(
      expect.objectContaining({ event: 'anomaly', kind: 'scan', quarantineMs: 600_000 }),
    );
    expect(other.engine.peers()[0]?.quarantine).toMatchObject({ kind: 'scan' });
    expect(other.engine.status().anomalies[0]).toMatchObject({ kind: 'scan' });
    expect(other.engine.metrics().quarantined).toBe(1);
    send(53);
    await clock.run(50);
    expect(other.frames.length).toBe(before + 1);
    expect(other.engine.status().device.drops['quarantined']).toBeGreaterThan(0);
    // A policy without it lets everybody go.
    await founder.engine.amend(orderOf('default deny\nallow * -> * udp 53\n'));
    await clock.run(2_000);
    // What the policy refuses does not make the path look as if it ate payload.
    expect(founder.engine.peers()[0]?.path?.kind).toBe('direct');
    expect(other.engine.peers()[0]?.quarantine).toBeNull();
    expect(other.events.map(({ event }) => event)).toContain('quarantine-over');
    send(53);
    await clock.run(50);
    expect(other.frames.length).toBe(before + 2);
  });
});

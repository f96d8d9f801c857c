/**
 * What a hostile member makes a node send to machines that never heard of evio. The attacker's messages go through a
 * real session to a real node; the third member, whose card they carry, does not run.
 */
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { fromBase64Url } from '../../../src/core/lib/bytes.js';
import type { Endpoint } from '../../../src/core/lib/endpoint.js';
import { encodeCard, encodeRing, type RingMessage } from '../../../src/core/wire/ring.js';
import { MemoryNet } from '../../support/memory-net.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { VirtualClock } from '../../support/virtual.js';

interface Sent {
  readonly at: number;
  readonly host: string;
  readonly bytes: number;
}

const attackerHost = '192.0.2.1';
const nodeHost = '192.0.2.2';

/** Attacker and node, connected, and everything that the node sends to others than the attacker. */
async function underAttack(members = 3) {
  const clock = new VirtualClock();
  const sent: Sent[] = [];
  const net = new MemoryNet({ clock, latencyMs: 5 });
  net.route = (from, to, bytes) => {
    const stranger = from.host === nodeHost && to.host !== attackerHost;
    if (stranger) sent.push({ at: clock.now(), host: to.host, bytes: bytes.length });
    return { from, to };
  };
  const profiles = memberProfiles(members, clock);
  const [pa, pn, ...others] = profiles as [Profile, Profile, ...Profile[]];
  const attacker = boxOf({ net, clock, profile: pa, host: attackerHost, seed: 11 });
  const state = {
    members: [pa.credential],
    endpoints: { [selfOf(pa).idText]: [`${attackerHost}:5000`] },
  };
  const node = boxOf({ net, clock, profile: pn, host: nodeHost, state, seed: 12 });
  await attacker.engine.start();
  await node.engine.start();
  await clock.run(3_000);
  expect(node.engine.peers()[0]).toMatchObject({ state: 'connected', path: { kind: 'direct' } });
  const cards = others.map(
    (other) => (endpoints: readonly Endpoint[]) =>
      encodeCard({
        credential: fromBase64Url(other.credential) as Uint8Array,
        candidates: endpoints.map((endpoint) => ({ kind: 'host', endpoint })),
      }),
  );
  return { clock, net, sent, attacker, node, cards, id: selfOf(pn).idText };
}

const say = (attacker: Box, message: RingMessage): void => {
  // The only peer of the attacker.
  attacker.plane.sendControl(0, encodeRing(message));
};

/** Most packets to one host in any minute. */
function mostInAMinute(sent: readonly Sent[]): number {
  let most = 0;
  for (const { at, host } of sent) {
    const window = sent.filter((other) => other.host === host && other.at >= at && other.at < at + 60_000);
    most = Math.max(most, window.length);
  }
  return most;
}

const total = (sent: readonly Sent[]): number => sent.reduce((sum, { bytes }) => sum + bytes, 0);

describe('addresses that a card names', () => {
  it('get a few packets from one seek, and then none', async () => {
    const { clock, sent, attacker, cards, id } = await underAttack();
    const victims = [1, 2, 3, 4, 5, 6].map((n) => ({ host: `203.0.113.${n}`, port: 53 }));
    const card = cards[0]?.(victims) as Uint8Array;
    const begun = clock.now();
    say(attacker, { type: 'seek', nonce: 1, target: id, hops: 1, card });
    await clock.run(600_000, 50);
    // It does try: that opens a NAT.
    expect(new Set(sent.map(({ host }) => host)).size).toBe(6);
    expect(mostInAMinute(sent)).toBeLessThanOrEqual(8);
    expect(sent.filter(({ at }) => at > begun + 20_000)).toEqual([]);
    expect(total(sent)).toBeLessThan(6 * 6 * 800);
  }, 60_000);

  it('get no more from seeks and introductions without end, of several members and ports', async () => {
    const { clock, sent, attacker, cards, id } = await underAttack(6);
    const minutes = 3;
    for (let i = 0; i < minutes * 60 * 5; i++) {
      const endpoints = [1, 2].map((n) => ({ host: `203.0.113.${n}`, port: 1_000 + (i % 1_000) * 2 + n }));
      const card = cards[i % cards.length]?.(endpoints) as Uint8Array;
      say(attacker, { type: 'seek', nonce: i + 1, target: id, hops: 1, card });
      say(attacker, { type: 'introduce', card });
      await clock.run(200, 50);
    }
    expect(mostInAMinute(sent)).toBeGreaterThan(0);
    expect(mostInAMinute(sent)).toBeLessThanOrEqual(8);
    expect(sent.length).toBeLessThanOrEqual(2 * (6 + 2 * minutes));
  }, 120_000);

  it('are bounded in all when every card names others', async () => {
    const { clock, sent, attacker, cards, id } = await underAttack(8);
    for (let i = 0; i < 60 * 20; i++) {
      const endpoints = [0, 1, 2, 3, 4, 5].map((n) => ({
        host: `10.${i >> 8}.${i & 255}.${n + 1}`,
        port: 53,
      }));
      const card = cards[i % cards.length]?.(endpoints) as Uint8Array;
      say(attacker, { type: 'seek', nonce: i + 1, target: id, hops: 1, card });
      await clock.run(50);
    }
    expect(sent.length).toBeGreaterThan(100);
    expect(sent.length).toBeLessThanOrEqual(240 + 60 * 12);
  }, 60_000);

  it('are where a member is found when it is there', async () => {
    const { clock, net, node, attacker, cards, id } = await underAttack(3);
    const third = boxOf({
      net,
      clock,
      profile: memberProfiles(3, clock)[2] as Profile,
      host: '192.0.2.3',
      seed: 13,
      state: { members: [attacker.profile.credential] },
    });
    await third.engine.start();
    const card = cards[0]?.([{ host: '192.0.2.3', port: 5000 }]) as Uint8Array;
    say(attacker, { type: 'seek', nonce: 1, target: id, hops: 1, card });
    await clock.run(3_000);
    expect(node.engine.peers().find(({ name }) => name === 'n2')).toMatchObject({
      state: 'connected',
      path: { kind: 'direct' },
    });
    // And it stays, long after the introduction is forgotten.
    await clock.run(60_000, 50);
    expect(node.engine.peers().find(({ name }) => name === 'n2')?.state).toBe('connected');
  }, 60_000);
});

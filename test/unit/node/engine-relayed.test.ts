/** Two nodes where no UDP passes at all: real relay and clock, packets by its WebSocket. */
import { afterEach, describe, expect, it } from 'vitest';
import { decodeToken } from '../../../src/core/identity/token.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import { ProvenClock } from '../../../src/core/node/proven-clock.js';
import { MemoryNet } from '../../support/memory-net.js';
import { env, Kit, sleep, until } from '../rendezvous/relay-kit.js';
import { realTimeNode } from './real-time-node.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('two nodes behind firewalls that drop UDP', () => {
  it('reach each other through the relay, and say why', async () => {
    const relay = await kit.relay();
    const wish = { name: 'lab', cidr: '10.0.0.0/8', relays: [relay.fact], mtu: 1350, nodeName: 'n0' };
    const first = makeNetwork(wish, env);
    const { token } = makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
    const second = makeMember(decodeToken(token), { name: 'n1' }, env);
    const net = new MemoryNet({ clock: env.clock, route: () => null });
    const [a, b] = [realTimeNode(kit, net, first, '192.0.2.1'), realTimeNode(kit, net, second, '192.0.2.2')];
    await a.start();
    await b.start();
    await until(() => a.peers()[0]?.state === 'connected' && a.status().nat.udpBlocked, 15_000);
    expect(await a.why('n1')).toMatchObject({
      path: { kind: 'relay', endpoint: expect.stringMatching(/^ws:/) as string },
      advice: [expect.stringContaining('No relay answers this machine by UDP')],
    });
    expect(a.status().relays).toMatchObject([{ state: 'connected', transport: 'websocket' }]);
  });

  it('begin anew with the relay and with each other when the machine of one slept', async () => {
    const relay = await kit.relay();
    const wish = { name: 'lab', cidr: '10.0.0.0/8', relays: [relay.fact], mtu: 1350, nodeName: 'n0' };
    const first = makeNetwork(wish, env);
    const { token } = makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
    const second = makeMember(decodeToken(token), { name: 'n1' }, env);
    const net = new MemoryNet({ clock: env.clock, route: () => null });
    let sleptMs = 0;
    const clock = {
      now: () => env.clock.now(),
      date: () => env.clock.date() + sleptMs,
      after: (ms: number, fire: () => void) => env.clock.after(ms, fire),
    };
    const told: string[] = [];
    const onEvent = ({ event }: { event: string }): void => {
      told.push(event);
    };
    const a = realTimeNode(kit, net, first, '192.0.2.1', { env: { ...env, clock }, onEvent });
    const b = realTimeNode(kit, net, second, '192.0.2.2', { onEvent });
    await a.start();
    await b.start();
    const connected = (): boolean => [a, b].every((node) => node.peers()[0]?.state === 'connected');
    const sessions = async (): Promise<number> =>
      (await a.why('n1')).log.filter(({ detail }) => detail === 'established').length;
    await until(connected, 15_000);
    const before = await sessions();
    told.length = 0;
    sleptMs = 60_000;
    await until(() => told.includes('relay-down'), 15_000);
    await until(() => told.includes('relay-up', told.indexOf('relay-down')), 15_000);
    for (const end = performance.now() + 15_000; (await sessions()) === before; await sleep(20))
      if (performance.now() > end) throw new Error('no new session');
    await until(connected, 15_000);
    expect(told).not.toContain('peer-lost');
  }, 60_000);

  it('are connected though the clock of one is days back, which says so and goes by the relay’s', async () => {
    const relay = await kit.relay();
    const wish = { name: 'lab', cidr: '10.0.0.0/8', relays: [relay.fact], mtu: 1350, nodeName: 'n0' };
    const first = makeNetwork(wish, env);
    const { token } = makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
    const second = makeMember(decodeToken(token), { name: 'n1' }, env);
    const net = new MemoryNet({ clock: env.clock, route: () => null });
    const backMs = 3 * 86_400_000;
    const dates = new ProvenClock({
      now: () => env.clock.now(),
      date: () => env.clock.date() - backMs,
      after: (ms, fire) => env.clock.after(ms, fire),
    });
    const a = realTimeNode(kit, net, first, '192.0.2.1');
    const b = realTimeNode(kit, net, second, '192.0.2.2', { env: { ...env, clock: dates }, dates });
    await a.start();
    await b.start();
    await until(() => b.peers()[0]?.state === 'connected' && a.peers()[0]?.state === 'connected', 15_000);
    expect(Math.abs((b.status().clock?.behindMs ?? 0) - backMs)).toBeLessThan(10_000);
    expect(a.status().clock).toBeUndefined();
  });
});

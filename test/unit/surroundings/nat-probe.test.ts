import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/core/lib/endpoint.js';
import { NatProbe } from '../../../src/core/surroundings/nat-probe.js';
import { answerBinding, asksOtherPort } from '../../../src/core/wire/stun.js';
import { SeededRandom } from '../../support/virtual.js';

const relay: Endpoint = { host: '192.0.2.9', port: 443 };

/** A NAT that gives new sockets these ports, and a relay behind it that answers after 20 ms. */
function rig(given: readonly number[], nat: { filters?: boolean; other?: boolean; deaf?: boolean } = {}) {
  const { filters = true, other = true } = nat;
  const ports = new Map<number, number>();
  const left = [...given];
  const closed: number[] = [];
  const answers: { at: number; socket: number; bytes: Uint8Array; from: Endpoint }[] = [];
  let now = 0;
  let told = 0;
  let sent = 0;
  const probe: NatProbe = new NatProbe({
    random: new SeededRandom(3),
    send: (socket, request, server) => {
      sent++;
      if (!ports.has(socket)) ports.set(socket, left.shift() ?? 9);
      const mapped = { host: '203.0.113.1', port: ports.get(socket) as number };
      const bytes = answerBinding(request, mapped, other);
      const elsewhere = other && asksOtherPort(request);
      if (!bytes || nat.deaf || (elsewhere && filters)) return;
      answers.push({ at: now + 20, socket, bytes, from: elsewhere ? { ...server, port: 444 } : server });
    },
    close: (socket) => closed.push(socket),
    changed: () => told++,
  });
  const run = (ms: number): void => {
    for (const end = now + ms; ;) {
      const at = Math.min(probe.dueAt, answers[0]?.at ?? Infinity);
      if (at > end) {
        now = end;
        return;
      }
      now = Math.max(now, at);
      const [answer] = answers;
      if (answer && answer.at <= now) {
        answers.shift();
        probe.receive(now, answer.socket, answer.bytes, answer.from);
      } else probe.tick(now);
    }
  };
  return {
    probe,
    run,
    closed,
    ports,
    counts: () => ({ told, sent }),
    get now() {
      return now;
    },
  };
}

describe('filtering', () => {
  it.each([
    ['lets in from another port', { filters: false }, 'endpoint-independent-or-address-dependent'],
    ['keeps out what was not sent to', { filters: true }, 'address-and-port-dependent'],
    ['is not known where the relay has no other port', { other: false }, 'unknown'],
  ])('%s', (_, nat, wanted) => {
    const { probe, run, closed, ports, counts } = rig([1], nat);
    probe.reached(0, relay);
    run(2_000);
    expect(probe.filtering).toBe(wanted);
    expect(counts().told).toBe(1);
    expect(closed).toEqual([...ports.keys()]);
    expect(probe.dueAt).toBe(Infinity);
    probe.reached(2_000, relay);
    expect(probe.dueAt).toBe(Infinity);
  });

  it('of IPv6 is not asked', () => {
    const { probe, counts } = rig([1]);
    probe.reached(0, { host: '2001:db8::9', port: 443 });
    probe.sample(0);
    expect(counts().sent).toBe(0);
  });
});

describe('ports', () => {
  const sampled = (given: readonly number[], nat = {}) => {
    const all = rig([1, ...given], nat);
    all.probe.reached(0, relay);
    all.run(2_000);
    all.probe.sample(all.now);
    all.run(1_200);
    return all;
  };

  it.each([
    ['in a row, upwards', [5_000, 5_001, 5_003], 'sequential', 4_984],
    ['in a row among other traffic', [5_000, 5_080, 5_190], 'sequential', 4_984],
    ['in a row, downwards', [5_000, 4_998, 4_996], 'sequential', 4_953],
    ['at the end', [65_500, 65_501, 65_502], 'sequential', 65_472],
    ['at the beginning', [3, 4, 5], 'sequential', 1],
    ['anywhere', [5_000, 41_000, 22_000], 'random', undefined],
    ['near each other, but out of order', [5_000, 5_002, 5_001], 'random', undefined],
    ['too far apart', [5_000, 5_100, 5_193], 'random', undefined],
  ])('%s', (_, given, wanted, first) => {
    const { probe, closed, ports, now } = sampled(given);
    expect(probe.ports).toBe(wanted);
    expect(probe.range(now - 1_000)?.first.port).toBe(first);
    expect(probe.range(now - 1_000)?.count).toBe(first === undefined ? undefined : 64);
    expect([...closed].sort()).toEqual([...ports.keys()]);
  });

  it('at random are told when that is news, and not with each sample', () => {
    const { probe, run, counts, now } = sampled([5_000, 41_000, 22_000, 9_000, 60_000, 1_500]);
    expect(counts().told).toBe(2);
    probe.sample(now);
    run(1_200);
    expect([probe.ports, counts().told]).toEqual(['random', 2]);
  });

  it('of a range are told once and grow old; whoever begins meanwhile has another sample soon, together', () => {
    const given = [5_000, 5_001, 5_002, 5_500, 5_501, 5_502, 5_900, 5_901, 5_902];
    const { probe, run, counts, ports, now } = sampled(given);
    expect(counts().told).toBe(2);
    for (let i = 0; i < 3; i++) probe.sample(now);
    expect(ports.size).toBe(7);
    run(200);
    expect(probe.range(now + 200)?.first.port).toBe(5_484);
    run(400);
    expect(ports.size).toBe(10);
    expect(probe.range(now + 600)?.first.port).toBe(5_884);
    run(3_000);
    expect(ports.size).toBe(10);
    expect(probe.range(now + 6_000)).toBeUndefined();
  });

  it('are not known where the relay does not answer, and nothing stays open', () => {
    const { probe, closed, ports } = sampled([5_000, 5_001, 5_002], { deaf: true });
    expect(probe.ports).toBe('unknown');
    expect([...closed].sort()).toEqual([...ports.keys()]);
    expect(probe.dueAt).toBe(Infinity);
  });

  it('of another network are others', () => {
    const { probe, now } = sampled([5_000, 5_001, 5_002]);
    probe.clear();
    expect([probe.ports, probe.filtering, probe.range(now - 1_000)]).toEqual([
      'unknown',
      'unknown',
      undefined,
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/core/lib/endpoint.js';
import type { LocalAddress } from '../../../src/core/surroundings/candidate.js';
import { Surroundings } from '../../../src/core/surroundings/surroundings.js';
import type { WayOut } from '../../../src/core/surroundings/ways-out.js';
import { parseIpv4 } from '../../../src/core/lib/ipv4.js';
import { answerBinding } from '../../../src/core/wire/stun.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

const server: Endpoint = { host: '192.0.2.1', port: 3478 };
const outside: Endpoint = { host: '198.51.100.9', port: 777 };

function way(name: string, more: Partial<WayOut> = {}): WayOut {
  return { device: 2, name, gateway: '10.0.0.1', source: '10.0.0.5', pinned: false, ...more };
}

/** A machine with one address behind a NAT, whose STUN server answers after 20 ms; it ticks only when it is due. */
function rig() {
  // The calendar of the machine goes on while it sleeps; its clock stands still.
  let slept = 0;
  const clock = new VirtualClock();
  const env = virtualEnv(clock);
  const sleepy = {
    ...env,
    clock: {
      now: () => clock.now(),
      date: () => clock.date() + slept,
      after: (ms: number, fire: () => void) => clock.after(ms, fire),
    },
  };
  const at = (device: string, address: string): LocalAddress => ({ device, address, internal: false });
  const addresses = [
    at('eth0', '10.0.0.5'),
    at('lan7', 'fd00::7'),
    at('br7', '10.144.0.7'),
    at('docker0', '172.17.0.1'),
  ];
  const ways: { v4: WayOut | null; v6: null } = { v4: way('eth0'), v6: null };
  const second: { v4: WayOut | null } = { v4: null };
  const uplinks: (string | undefined)[] = [];
  let heard = true;
  let heardAt = 0;
  const pins: boolean[] = [];
  const told: string[] = [];
  const asked: number[] = [];
  let ticks = 0;
  let answers = true;
  const surroundings: Surroundings = new Surroundings({
    env: sleepy,
    addresses: () => [...addresses],
    ways: (over) => ({ ...ways, ...(over > 0 && second.v4 ? second : {}) }),
    heardAt: () => (heard ? (heardAt = clock.now()) : heardAt),
    prove: ({ v4 }, proven) => {
      expect(v4?.name).toBe('eth0');
      clock.after(50, () => {
        proven(true);
      });
    },
    uplink: (report) => uplinks.push(report?.device),
    pin: ({ v4 }) => pins.push(v4?.pinned ?? false),
    sendStun: (request, to) => {
      asked.push(clock.now());
      const answer = answerBinding(request, outside);
      if (!answers || !answer) return;
      clock.after(20, () => {
        surroundings.receiveStun(clock.now(), answer, to);
      });
    },
    device: 'lan7',
    cidr: { base: parseIpv4('10.144.0.0') ?? 0, prefix: 16 },
    port: 4_000,
    secret: new Uint8Array(32),
    forecast: () => told.push('forecast'),
    nearby: () => told.push('nearby'),
    discovered: () => told.push('discovered'),
    rerouted: () => told.push('rerouted'),
    changed: (change) => told.push(change === 'uplink' ? change : 'changed'),
  });
  surroundings.start(false);
  const run = (ms: number): void => {
    const end = clock.now() + ms;
    while (surroundings.dueAt <= end) {
      clock.advance(Math.max(0, surroundings.dueAt - clock.now()));
      ticks++;
      surroundings.tick(clock.now());
    }
    clock.advance(end - clock.now());
  };
  return {
    surroundings,
    addresses,
    ways,
    pins,
    told,
    asked,
    run,
    clock,
    at,
    ticks: () => ticks,
    sleep: (ms: number) => (slept += ms),
    second,
    uplinks,
    hear: (any: boolean) => (heard = any),
    silence: () => (answers = false),
  };
}

describe('surroundings', () => {
  it('name addresses of this machine that lead outside, and what the outside sees', () => {
    const { surroundings, run, told } = rig();
    const host = { kind: 'host', endpoint: { host: '10.0.0.5', port: 4_000 } };
    expect(surroundings.candidates).toEqual([host]);
    surroundings.ask([server]);
    run(100);
    expect(surroundings.candidates).toEqual([host, { kind: 'reflexive', endpoint: outside }]);
    expect(surroundings.mapping).toBe('unknown');
    expect(told).toEqual(['discovered']);
    surroundings.observed({ ...server, port: 3_479 }, outside);
    expect(surroundings.mapping).toBe('endpoint-independent');
    // What is known is no news.
    expect(told).toEqual(['discovered']);
  });

  it('tell seldom of outside addresses where a relay names another one all the time, and of the last in the end', () => {
    const { surroundings, run, told } = rig();
    for (let port = 1; port <= 300; port++) {
      surroundings.observed(server, { ...outside, port });
      run(200);
    }
    // All peers are offered each.
    expect(told.length).toBeGreaterThanOrEqual(8);
    expect(told.length).toBeLessThanOrEqual(8 + 60 / 5);
    const before = told.length;
    run(60_000);
    expect(told.slice(before)).toEqual(['discovered']);
  });

  it('leave by a second way while nothing is heard by the first, until that is proven alive', () => {
    const { surroundings, run, told, pins, second, uplinks, hear } = rig();
    second.v4 = way('lte0', { device: 5, pinned: true });
    run(20_000);
    hear(false);
    run(6_000);
    expect(surroundings.uplink).toEqual({ device: 'lte0', instead: 'eth0' });
    expect(surroundings.exitTo(['192.0.2.1'])).toBe('lte0');
    hear(true);
    run(30_000);
    expect(surroundings.uplink).toBeUndefined();
    expect([uplinks, told, pins]).toEqual([
      ['lte0', undefined],
      ['uplink', 'uplink'],
      [false, true, false],
    ]);
  });

  it('follow the kernel again when it prefers another way, or the second is gone', () => {
    const { surroundings, ways, run, told, second, uplinks, hear } = rig();
    for (const change of [() => (ways.v4 = way('lte0', { device: 5 })), () => (second.v4 = null)]) {
      ways.v4 = way('eth0');
      second.v4 = way('lte0', { device: 5, pinned: true });
      hear(true);
      run(20_000);
      uplinks.length = told.length = 0;
      hear(false);
      run(6_000);
      expect(surroundings.uplink).toBeDefined();
      change();
      run(1_000);
      expect(surroundings.uplink).toBeUndefined();
      expect([uplinks, told]).toEqual([
        ['lte0', undefined],
        ['uplink', 'changed'],
      ]);
    }
  });

  it('are not changed by silence where there is one way', () => {
    const { run, told, pins, uplinks, hear } = rig();
    hear(false);
    run(600_000);
    expect([told, pins, uplinks]).toEqual([[], [false], []]);
  });

  it('ask again when an answer is lost, and every minute', () => {
    const { surroundings, run, asked, clock, silence } = rig();
    const begun = clock.now();
    surroundings.ask([server]);
    run(130_000);
    expect(asked.map((at) => at - begun)).toEqual([0, 60_020, 120_040]);
    silence();
    run(60_000);
    expect(asked.slice(3).map((at) => at - begun)).toEqual([180_060, 180_310, 180_810]);
  });

  it('notice within a second that addresses came or went: what was learnt is forgotten, and asked again', () => {
    const { surroundings, run, told, asked, addresses, at } = rig();
    surroundings.ask([server]);
    run(5_000);
    told.length = asked.length = 0;
    addresses.push(at('docker1', '172.18.0.1'));
    run(2_000);
    expect(told).toEqual([]);
    addresses.push(at('wlan0', '192.168.1.9'));
    run(1_100);
    expect(told).toEqual(['changed', 'discovered']);
    expect(asked).toHaveLength(1);
    expect(surroundings.candidates.map(({ endpoint }) => endpoint.host)).toEqual([
      '10.0.0.5',
      '192.168.1.9',
      outside.host,
    ]);
  });

  it('notice at once, when the kernel tells, that another way leads outside, and look seldom by themselves', () => {
    const { surroundings, run, told, asked, ways, pins, addresses, at, clock } = rig();
    surroundings.start(true);
    surroundings.ask([server]);
    run(5_000);
    told.length = asked.length = 0;
    surroundings.look(clock.now());
    expect(told).toEqual([]);
    ways.v4 = way('wlan0', { device: 3 });
    surroundings.look(clock.now());
    expect(told).toEqual(['changed']);
    expect(asked).toHaveLength(1);
    expect(surroundings.ways.v4?.name).toBe('wlan0');
    ways.v4 = way('wlan0', { device: 3, pinned: true });
    surroundings.look(clock.now());
    expect(pins).toEqual([false, false, false, true]);
    run(10_000);
    told.length = 0;
    addresses.push(at('wlan0', '192.168.1.9'));
    run(10_000);
    expect(told).toEqual([]);
    run(30_000);
    expect(told).toEqual(['changed', 'discovered']);
  });

  it('notice that the machine slept, and not that its clock was set a little', () => {
    const { run, told, sleep } = rig();
    run(3_000);
    sleep(9_000);
    run(3_000);
    expect(told).toEqual([]);
    sleep(60_000);
    run(1_000);
    expect(told).toEqual(['changed']);
  });

  it('say when they are due, and are at rest between', () => {
    const { surroundings, run, ticks, clock } = rig();
    expect(surroundings.dueAt).toBe(clock.now() + 1_000);
    surroundings.ask([server]);
    expect(surroundings.dueAt).toBe(clock.now() + 250);
    run(10_000);
    // One to look at the addresses each second, and one for the answer that had come by then.
    expect(ticks()).toBe(11);
  });
});

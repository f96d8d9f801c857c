/** Ports of a peer's NAT that are opened on its word: few, and only as long as there is no direct path. */
import { describe, expect, it } from 'vitest';
import { Prober } from '../../../src/core/path/prober.js';
import { Traffic } from '../../../src/core/peer/traffic.js';
import { formatEndpoint } from '../../../src/core/lib/endpoint.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

function rig() {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const prober = new Prober(
    virtualEnv(clock, 1),
    {
      ping: (_transaction, _size, path) => {
        if (path.kind === 'direct') asked.push(formatEndpoint(path.endpoint));
      },
      offer: () => undefined,
      setPath: () => undefined,
      suspicious: () => undefined,
      relays: () => [],
      direct: true,
      blind: () => true,
      loops: (host) => host === '10.1.0.9',
      veiled: () => false,
      changed: () => undefined,
      log: () => undefined,
    },
    1_368,
  );
  return { clock, prober, asked };
}

const range = (port: number, host = '203.0.113.1') => ({ first: { host, port }, count: 64 });

describe('ports that the peer names', () => {
  it('get one ping each', () => {
    const { clock, prober, asked } = rig();
    prober.start(clock.now());
    prober.open(clock.now(), range(5_000));
    expect(asked).toHaveLength(64);
    expect([asked[0], asked[63]]).toEqual(['203.0.113.1:5000', '203.0.113.1:5063']);
  });

  it('get none before there is a session, and none at addresses that no peer has', () => {
    const { clock, prober, asked } = rig();
    prober.open(clock.now(), range(5_000));
    prober.start(clock.now());
    prober.open(clock.now(), range(5_000, '127.0.0.1'));
    prober.open(clock.now(), range(5_000, '224.0.0.1'));
    clock.advance(60_000);
    // One of the network itself, which would carry them.
    prober.open(clock.now(), range(5_000, '10.1.0.9'));
    expect(asked).toEqual([]);
  });

  it('are bounded, however often it names some', () => {
    const { clock, prober, asked } = rig();
    prober.start(clock.now());
    for (let s = 0; s < 60; s++) {
      for (let i = 0; i < 50; i++) prober.open(clock.now(), range(1_000 + 64 * i));
      clock.advance(1_000);
    }
    expect(asked.length).toBeGreaterThan(64);
    expect(asked.length).toBeLessThanOrEqual(432 + 4 * 60);
  });

  it('and addresses that it offers get no more together than either alone', () => {
    const { clock, prober, asked } = rig();
    prober.start(clock.now());
    for (let ms = 0; ms < 60_000; ms += 50) {
      const first = 1_000 + ms;
      if (ms % 500 === 0) {
        const at = (port: number) => ({ kind: 'host', endpoint: { host: '203.0.113.1', port } }) as const;
        prober.offer(
          clock.now(),
          Array.from({ length: 24 }, (_, i) => at(first + i)),
        );
        prober.open(clock.now(), range(first));
      }
      clock.advance(50);
      prober.tick(clock.now(), new Traffic());
    }
    expect(asked.length).toBeGreaterThan(400);
    expect(asked.length).toBeLessThanOrEqual(432 + 4 * 60);
  });
});

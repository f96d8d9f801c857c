/** Members that know of each other by beacons on their LAN only: no relay, no address remembered. */
import { describe, expect, it } from 'vitest';
import { fromBase64Url } from '../../../src/core/lib/bytes.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { beaconKey, parseBeacon, sealBeacon } from '../../../src/core/wire/beacon.js';
import { encodeCard } from '../../../src/core/wire/ring.js';
import { MemoryNet } from '../../support/memory-net.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

/** Members at 192.0.2.1, .2 …, all on one LAN; `knows`: they knew each other before. */
function lan(count: number, knows: boolean) {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const profiles = memberProfiles(count, clock);
  const hearers: ((bytes: Uint8Array) => void)[] = [];
  const said: Uint8Array[] = [];
  const say = (bytes: Uint8Array): void => {
    said.push(bytes);
    clock.after(1, () => {
      for (const heard of hearers) heard(bytes);
    });
  };
  const boxes = profiles.map((profile, i) => {
    const others = knows ? profiles.filter((other) => other !== profile) : [];
    return boxOf({
      net,
      clock,
      profile,
      host: `192.0.2.${i + 1}`,
      seed: 20 + i,
      state: { members: others.map(({ credential }) => credential) },
      ports: {
        addresses: () => [{ device: 'eth0', address: `192.0.2.${i + 1}`, internal: false, prefix: 24 }],
        lan: (heard) => {
          hearers.push(heard);
          return {
            stand: () => undefined,
            send: (_device, bytes) => {
              say(bytes);
            },
          };
        },
      },
    });
  });
  return {
    clock,
    net,
    profiles,
    boxes,
    say,
    said,
    key: beaconKey(selfOf(profiles[0] as Profile).network.rootKey),
  };
}

const paths = ({ engine }: Box): unknown[] =>
  engine.peers().map(({ state, path }) => [state, path?.kind, path?.endpoint]);

describe('on one LAN', () => {
  it.each([
    ['members that know each other', true],
    ['members that never heard of each other', false],
  ])('%s are connected directly within seconds', async (_, knows) => {
    const { clock, boxes } = lan(2, knows);
    const [a, b] = boxes as [Box, Box];
    await a.engine.start();
    await clock.run(5_000);
    await b.engine.start();
    await clock.run(8_000);
    expect(paths(a)).toEqual([['connected', 'direct', '192.0.2.2:5000']]);
    expect(paths(b)).toEqual([['connected', 'direct', '192.0.2.1:5000']]);
  });

  it('nothing is said by a node that does not use it', async () => {
    const { clock, net, profiles, said } = lan(2, true);
    const quiet = boxOf({ net, clock, profile: profiles[0] as Profile, host: '192.0.2.9', seed: 3 });
    await quiet.engine.start();
    await clock.run(20_000);
    expect(said).toEqual([]);
  });

  it('whoever knows the key has nobody send to machines beyond the LAN, and little to those on it', async () => {
    const { clock, net, profiles, boxes, say, said, key } = lan(2, true);
    const [victim] = boxes as [Box];
    const sent = new Map<string, number>();
    net.route = (from, to) => {
      sent.set(to.host, (sent.get(to.host) ?? 0) + 1);
      return { from, to };
    };
    await victim.engine.start();
    await clock.run(100);
    const credential = fromBase64Url((profiles[1] as Profile).credential) as Uint8Array;
    const echo = parseBeacon(said.at(-1) as Uint8Array, key)?.challenge as Uint8Array;
    const endpoints = ['203.0.113.5', '192.0.2.77', '192.0.2.78'].map((host) => ({ host, port: 53 }));
    const card = encodeCard({
      credential,
      candidates: endpoints.map((endpoint) => ({ kind: 'host', endpoint })),
    });
    for (let s = 0; s < 30; s++) {
      for (let i = 0; i < 10; i++)
        say(
          sealBeacon(
            { challenge: new Uint8Array(8).fill(i), echoes: [echo], card },
            key,
            new SeededRandom(s * 10 + i + 1),
          ),
        );
      await clock.run(1_000);
    }
    expect(sent.get('203.0.113.5')).toBeUndefined();
    expect(sent.get('192.0.2.77')).toBeGreaterThan(0);
    expect(sent.get('192.0.2.77')).toBeLessThanOrEqual(8);
  });
});

/** A member that leaves is forgotten at once by all, and is not brought back by what others still have of it. */
import { afterEach, describe, expect, it } from 'vitest';
import { signFarewell, verifyFarewell } from '../../../src/core/identity/farewell.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { registerOnce } from '../../../src/core/relays/net/register.js';
import { encodeTestimony, parseTestimony } from '../../../src/core/wire/testimony.js';
import { env, fastEnv, Kit, TestNetwork, until } from '../rendezvous/relay-kit.js';
import { memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { VirtualClock } from '../../support/virtual.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('a farewell', () => {
  const [a, b, stranger] = [
    ...memberProfiles(2, new VirtualClock()),
    ...memberProfiles(1, new VirtualClock(), 5),
  ].map((profile) => selfOf(profile)) as [
    ReturnType<typeof selfOf>,
    ReturnType<typeof selfOf>,
    ReturnType<typeof selfOf>,
  ];
  const { rootKey } = a.network;

  it('is of the member that signed it, and of its network', () => {
    const good = signFarewell(rootKey, b.keys, 7);
    expect(verifyFarewell(good, a.networkId)).toBe(b.idText);
    expect(verifyFarewell(good, stranger.networkId)).toBeUndefined();
    for (let i = 0; i < good.length; i++) {
      const bad = good.slice();
      bad[i] = (bad[i] ?? 0) ^ 1;
      expect(verifyFarewell(bad, a.networkId)).toBeUndefined();
      expect(verifyFarewell(good.subarray(0, i), a.networkId)).toBeUndefined();
    }
  });

  it('travels as the byte picture says', () => {
    const message = { type: 'farewell', document: Uint8Array.of(1, 2) } as const;
    expect([...encodeTestimony(message)]).toEqual([0x31, 0, 2, 1, 2]);
    expect(parseTestimony(Uint8Array.of(0x31, 0, 2, 1, 2, 9))).toEqual(message);
    expect(parseTestimony(Uint8Array.of(0x30, 0, 1, 7))).toEqual({
      type: 'receipt',
      document: Uint8Array.of(7),
    });
    for (const bytes of [
      [],
      [0x31],
      [0x31, 0, 2, 1],
      [0x36, 0, 0],
      [0x31, 3, 0x85, ...new Array<number>(901).fill(0)],
    ])
      expect(parseTestimony(Uint8Array.from(bytes))).toBeUndefined();
  });
});

describe('members of one that leaves', () => {
  it('forget it at once, though they hear of it by others, and for good', async () => {
    const clock = new VirtualClock();
    const net = new MemoryNet({ clock, latencyMs: 5 });
    const profiles = memberProfiles(3, clock) as [Profile, Profile, Profile];
    const hosts = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
    // The first and the last do not reach each other: only the one between them hears the farewell itself.
    net.route = (from, to) => (new Set([from.host, to.host]).has('192.0.2.2') ? { from, to } : null);
    const endpoints = { [selfOf(profiles[1]).idText]: ['192.0.2.2:5000'] };
    const box = (i: number, state = {}): Box =>
      boxOf({ net, clock, profile: profiles[i] as Profile, host: hosts[i] ?? '', state, seed: i + 1 });
    const credentials = profiles.map(({ credential }) => credential);
    const boxes = [0, 1, 2].map((i) => box(i, { members: credentials.filter((_, n) => n !== i), endpoints }));
    for (const { engine } of boxes) await engine.start();
    await clock.run(12_000);
    const names = ({ engine }: Box): string[] => engine.peers().map(({ name }) => name);
    const [first, middle, last] = boxes as [Box, Box, Box];
    expect(names(first)).toEqual(['n1', 'n2']);
    last.engine.leave();
    await last.engine.stop();
    await clock.run(1_000);
    expect([names(first), names(middle)]).toEqual([['n1'], ['n0']]);
    // What is kept holds after a restart, also against an old list of members.
    await first.engine.stop();
    const again = box(0, { ...first.saved, members: credentials.slice(1), endpoints });
    await again.engine.start();
    await clock.run(5_000);
    expect(names(again)).toEqual(['n1']);
  });
});

describe('a relay', () => {
  it('frees address and name of one that leaves, tells the others, and does not take it again', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const watcher = await kit.client(network.node(1), relay.fact).up();
    const leaver = network.node(7, undefined, { name: 'web' });
    const farewell = signFarewell(network.root.publicKey, leaver.keys, Date.now());
    const common = { relay: relay.fact, agent: 'x', timeoutMs: 5_000, env };
    // Of somebody else: nothing comes of it.
    const other = network.node(8);
    await registerOnce({ ...common, ...other, farewell });
    await registerOnce({ ...common, ...leaver });
    await registerOnce({ ...common, ...leaver, farewell });
    await until(() => watcher.farewells.length === 1);
    expect(watcher.farewells.map(toBase64Url)).toEqual([toBase64Url(farewell)]);
    const welcome = await registerOnce({ ...common, ...network.node(7, undefined, { name: 'web' }) });
    expect(welcome.left).toEqual([toBase64Url(farewell)]);
    const back = registerOnce({ ...common, ...leaver });
    await expect(back).rejects.toMatchObject({ code: 'EVIO_RELAY_REFUSED' });
    // Also after a restart.
    await relay.server.stop();
    const restarted = await kit.relay({ home: relay.home, listen: relay.listen });
    const late = registerOnce({ ...common, ...leaver, relay: restarted.fact });
    await expect(late).rejects.toMatchObject({ code: 'EVIO_RELAY_REFUSED' });
  });

  it('serves who has left no longer, and passes its words on once', async () => {
    const relay = await kit.relay({ env: fastEnv(4) });
    const network = new TestNetwork([relay.fact]);
    const watcher = await kit.client(network.node(1), relay.fact).up();
    const leaver = network.node(7);
    const { client, downs, refusals } = await kit.client(leaver, relay.fact).up();
    const farewell = signFarewell(network.root.publicKey, leaver.keys, Date.now());
    for (let i = 0; i < 3; i++) client.leave(farewell);
    await until(() => relay.server.clients === 1);
    await until(() => watcher.presence.some(({ id, online }) => id === leaver.idText && !online));
    expect(watcher.farewells).toHaveLength(1);
    await until(() => downs.length === 1);
    await until(() => refusals.length === 1);
  });
});

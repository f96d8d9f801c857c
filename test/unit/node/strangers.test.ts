/** A broadcast of a member that a node does not know: it asks the member that passed it on, and loses nothing. */
import { describe, expect, it } from 'vitest';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { MemoryNet } from '../../support/memory-net.js';
import { witnessed } from '../../support/receipts.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

describe('a broadcast of a member that is not known', () => {
  it('comes all the same: who passed it on says whose it is', async () => {
    const clock = new VirtualClock();
    const net = new MemoryNet({ clock, latencyMs: 5 });
    const env = { clock, random: new SeededRandom(4) };
    const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'root' };
    const root = makeNetwork(plan, env);
    const keys = keysFromSeed(secretBytes(root.rootSeed ?? ''));
    const join = (role: 'switch' | 'leaf', name: string): Profile => {
      const wish = { expiresMs: 3_600_000, uses: 0, role, tags: [] } as const;
      const profile = makeMember(decodeToken(makeInvite(root, wish, env).token), { name }, env);
      const credential = witnessed(selfOf(profile).credential, keys, clock.date());
      return { ...profile, credential: toBase64Url(credential) };
    };
    const profiles = [root, ...['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => join('switch', name))];
    const members = profiles.map(({ credential }) => credential);
    const endpoints = Object.fromEntries(
      profiles.map((profile, i) => [selfOf(profile).idText, [`192.0.2.${i + 1}:5000`]]),
    );
    const box = (profile: Profile, host: number, known = members): Box =>
      boxOf({
        net,
        clock,
        profile,
        host: `192.0.2.${host}`,
        seed: host,
        state: { members: known.filter((credential) => credential !== profile.credential), endpoints },
      });
    const switches = profiles.map((profile, i) => box(profile, i + 1));
    // It has links with four of them, and those tell nobody of it.
    const leaf = box(join('leaf', 'leaf'), 20);
    for (const { engine } of [...switches, leaf]) await engine.start();
    await clock.run(12_000);
    const knowing = (): number =>
      switches.filter(({ engine }) => engine.peers().some(({ name }) => name === 'leaf')).length;
    expect(knowing()).toBeLessThan(switches.length - 2);
    const heard = (): Uint8Array[][] => switches.map(({ frames }) => frames.splice(0));
    heard();
    const say = (fill: number, length = 100): Uint8Array => {
      const frame = new Uint8Array(length).fill(fill);
      frame.fill(255, 0, 6);
      frame.set(leaf.mac, 6);
      frame.set([0x88, 0xb5], 12);
      leaf.plane.transmit(frame);
      return frame;
    };
    const first = [say(1), say(2, 1_364)];
    await clock.run(1_000);
    expect(heard()).toEqual(switches.map(() => first));
    expect(knowing()).toBe(switches.length);
    // It is known from here on: nothing waits any more.
    const second = say(3);
    await clock.run(20);
    expect(heard()).toEqual(switches.map(() => [second]));
    for (const { engine } of [...switches, leaf]) await engine.stop();
  });
});

/** Joining a network that has no relay: the machine with the root key counts and dates, and nobody else admits anybody. */
import { describe, expect, it } from 'vitest';
import { decodeToken } from '../../../src/core/identity/token.js';
import type { Env } from '../../../src/core/lib/env.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { MemoryNet } from '../../support/memory-net.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

const minute = 60_000;

function lab(uses = 0) {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const env: Pick<Env, 'clock' | 'random'> = { clock, random: new SeededRandom(4) };
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'root' };
  const root = makeNetwork(plan, env);
  const { token } = makeInvite(root, { expiresMs: minute, uses, role: 'switch', tags: [] }, env);
  const endpoints = { [selfOf(root).idText]: ['192.0.2.1:5000'] };
  const box = (profile: Profile, host: number, state = {}): Box =>
    boxOf({ net, clock, profile, host: `192.0.2.${host}`, seed: host, state });
  /** A machine that knows the root's. */
  const joiner = (name: string, host: number): Box => {
    const profile = makeMember(decodeToken(token), { name }, env);
    return box(profile, host, { members: [root.credential], endpoints });
  };
  return { clock, box, joiner, root, token, env };
}

const names = ({ engine }: Box): string[] =>
  engine
    .peers()
    .filter(({ state }) => state === 'connected')
    .map(({ name }) => name)
    .sort();

describe('a network without relays', () => {
  it('is joined through the machine that made it; then all members take the joiner, also without that one', async () => {
    const { clock, box, joiner, root } = lab();
    const [r, a, b] = [box(root, 1), joiner('a', 2), joiner('b', 3)];
    for (const { engine } of [r, a, b]) await engine.start();
    await clock.run(15_000);
    expect(names(r)).toEqual(['a', 'b']);
    expect(names(a)).toEqual(['b', 'root']);
    expect(a.saved?.credential).not.toBe(a.profile.credential);
    await r.engine.stop();
    for (const { engine } of [a, b]) await engine.stop();
    // Both begin anew from what they keep.
    const again = [a, b].map((before, i) => box(before.profile, 2 + i, before.saved));
    for (const { engine } of again) await engine.start();
    await clock.run(15_000);
    expect(again.map(names)).toEqual([['b'], ['a']]);
  });

  it('is not joined while that machine is away, whatever other members think', async () => {
    const { clock, box, joiner, root, token, env } = lab();
    const [r, a] = [box(root, 1), joiner('a', 2)];
    for (const { engine } of [r, a]) await engine.start();
    await clock.run(5_000);
    await r.engine.stop();
    const profile = makeMember(decodeToken(token), { name: 'late' }, env);
    const late = box(profile, 4, {
      members: [a.saved?.credential ?? ''],
      endpoints: { [selfOf(a.profile).idText]: ['192.0.2.2:5000'] },
    });
    await late.engine.start();
    await clock.run(15_000);
    expect(names(a)).toEqual([]);
    expect(names(late)).toEqual([]);
  });

  it('counts the uses of a token, also after a restart, and takes nobody when it has expired', async () => {
    const { clock, box, joiner, root } = lab(2);
    let r = box(root, 1);
    await r.engine.start();
    const boxes = [joiner('a', 2), joiner('b', 3)];
    const [late] = [joiner('late', 5)];
    for (const { engine } of boxes) await engine.start();
    await clock.run(8_000);
    expect(names(r)).toEqual(['a', 'b']);
    await r.engine.stop();
    r = box(root, 1, r.saved);
    await r.engine.start();
    const third = joiner('c', 4);
    await third.engine.start();
    await clock.run(15_000);
    expect(names(r)).toEqual(['a', 'b']);
    // The date in its certificate is of when the token was good.
    for (const { engine } of [...boxes, third]) await engine.stop();
    await clock.run(minute);
    await late?.engine.start();
    await clock.run(15_000);
    expect(names(r)).toEqual([]);
    expect(toBase64Url(selfOf(third.profile).credential)).toBe(
      third.saved?.credential ?? third.profile.credential,
    );
  });
});

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

  it('has who joins by a token of --approve wait for an admin, seen by its handshakes, with no session meanwhile', async () => {
    const { clock, box, root, env } = lab();
    const { token } = makeInvite(
      root,
      { expiresMs: minute, uses: 0, role: 'switch', tags: [], approve: true },
      env,
    );
    const r = box(root, 1);
    await r.engine.start();
    const waits = box(makeMember(decodeToken(token), { name: 'web' }, env), 2, {
      members: [root.credential],
      endpoints: { [selfOf(root).idText]: ['192.0.2.1:5000'] },
    });
    await waits.engine.start();
    await clock.run(5_000);
    const { idText: id } = selfOf(waits.profile);
    expect(r.engine.status().waiting).toMatchObject([{ id, name: 'web', approvals: 0, needed: 1 }]);
    expect(r.engine.peers()).toEqual([]);
    expect(names(waits)).toEqual([]);
    expect(await r.engine.amend({ do: 'admit', peer: 'web' })).toMatchObject({ subject: id });
    await expect(r.engine.amend({ do: 'admit', peer: id })).rejects.toMatchObject({ code: 'EVIO_BAD_VALUE' });
    await clock.run(30_000);
    expect(names(r)).toEqual(['web']);
    expect(names(waits)).toEqual(['root']);
    expect(r.engine.status().waiting).toBeUndefined();
  });

  it('asks for as many admins as it has, of the root key only, and for all members to be known', async () => {
    const { clock, box, joiner, root } = lab();
    const [r, a] = [box(root, 1), joiner('a', 2)];
    for (const { engine } of [r, a]) await engine.start();
    await clock.run(15_000);
    const two = { do: 'admission', approvals: 2 } as const;
    await expect(r.engine.amend(two)).rejects.toMatchObject({ code: 'EVIO_BAD_VALUE' });
    await r.engine.amend({ do: 'admin-add', peer: 'a', byRoot: true });
    await clock.run(5_000);
    await expect(a.engine.amend(two)).rejects.toMatchObject({ code: 'EVIO_ROOT_KEY' });
    await r.engine.amend(two);
    await clock.run(15_000);
    // Who is a member stays one; who comes by the same token waits for both.
    expect(names(r)).toEqual(['a']);
    const late = joiner('late', 3);
    await late.engine.start();
    await clock.run(5_000);
    await r.engine.amend({ do: 'admit', peer: 'late' });
    await clock.run(20_000);
    expect(r.engine.status().waiting).toMatchObject([{ name: 'late', approvals: 1, needed: 2 }]);
    expect(names(r)).toEqual(['a']);
    const { idText: peer } = selfOf(late.profile);
    await a.engine.amend({ do: 'admit', peer });
    await clock.run(30_000);
    expect(names(r)).toEqual(['a', 'late']);
  });
});

/** Members that joined by an ephemeral invite are forgotten minutes after they went; others stay. */
import { describe, expect, it } from 'vitest';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { boxOf } from '../../support/node-box.js';
import { MemoryNet } from '../../support/memory-net.js';
import { witnessed } from '../../support/receipts.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

describe('a passing member', () => {
  it('is known while it is here and for five minutes more; its name is free then', async () => {
    const clock = new VirtualClock();
    const net = new MemoryNet({ clock, latencyMs: 5 });
    const env = { clock, random: new SeededRandom(4) };
    const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'root' };
    const root = makeNetwork(plan, env);
    const keys = keysFromSeed(secretBytes(root.rootSeed ?? ''));
    const join = (ephemeral: boolean, name: string) => {
      const wish = { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [], ephemeral } as const;
      const profile = makeMember(decodeToken(makeInvite(root, wish, env).token), { name }, env);
      const credential = witnessed(selfOf(profile).credential, keys, clock.date());
      return { ...profile, credential: toBase64Url(credential) };
    };
    const [job, lasting] = [join(true, 'job'), join(false, 'lasting')];
    const r = boxOf({
      net,
      clock,
      profile: root,
      host: '192.0.2.1',
      seed: 1,
      state: { members: [lasting.credential] },
    });
    const endpoints = { [selfOf(root).idText]: ['192.0.2.1:5000'] };
    const state = { members: [root.credential], endpoints };
    const j = boxOf({ net, clock, profile: job, host: '192.0.2.2', seed: 2, state });
    for (const { engine } of [r, j]) await engine.start();
    const names = (): string[] => r.engine.peers().map(({ name }) => name);
    await clock.run(400_000);
    expect(names()).toEqual(['job', 'lasting']);
    await j.engine.stop();
    await clock.run(240_000);
    expect(names()).toEqual(['job', 'lasting']);
    await clock.run(120_000);
    expect(names()).toEqual(['lasting']);
    expect(r.saved?.members).toHaveLength(1);
  }, 60_000);
});

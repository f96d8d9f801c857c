/** A node in a network that its relay does not list: real relay and clock, no packets between members. */
import { afterEach, describe, expect, it } from 'vitest';
import { makeMember, makeInvite, makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { MemoryNet } from '../../support/memory-net.js';
import { env, Kit, until } from '../rendezvous/relay-kit.js';
import { realTimeNode } from './real-time-node.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('a node in a network too large to be listed', () => {
  it('asks its relay for a member that a person names', async () => {
    const relay = await kit.relay({
      limits: { introduceAll: 4, handshakes: 1_000, handshakesPerAddress: 1_000 },
    });
    // So wide that no two members derive the same address.
    const wish = { name: 'lab', cidr: '10.0.0.0/8', relays: [relay.fact], mtu: 1350, nodeName: 'n0' };
    const first = makeNetwork(wish, env);
    const { token } = makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
    const ids = new Map<string, string>();
    for (let i = 1; i <= 40; i++) {
      const self = selfOf(makeMember(decodeToken(token), { name: `n${i}` }, env));
      ids.set(`n${i}`, self.idText);
      await kit.client(self, relay.fact).up();
    }
    const engine = realTimeNode(kit, new MemoryNet({ clock: env.clock }), first, '192.0.2.1');
    await engine.start();
    await until(() => engine.peers().length >= 8);
    const known = new Set(engine.peers().map((peer) => peer.name));
    const [one, other] = [...ids.keys()].filter((name) => !known.has(name)) as [string, string];
    expect(await engine.why(one)).toMatchObject({ peer: ids.get(one) });
    // Also to be pinged, and by the beginning of an id.
    const start = ids.get(other)?.slice(0, 12) ?? '';
    const report = await engine.ping(start, 1, 50, 10);
    expect(report).toMatchObject({ peer: ids.get(other), sent: 1, received: 0 });
    expect(engine.peers().map((peer) => peer.name)).toEqual(expect.arrayContaining([one, other]));
    await expect(engine.why('nobody')).rejects.toMatchObject({ code: 'EVIO_UNKNOWN_PEER' });
  });
});

/** Two nodes where no UDP passes at all: real relay and clock, packets by its WebSocket. */
import { afterEach, describe, expect, it } from 'vitest';
import { stateSchema } from '../../../src/core/config/schema.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { Engine } from '../../../src/core/node/engine.js';
import { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';
import { env, Kit, until } from '../rendezvous/relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('two nodes behind firewalls that drop UDP', () => {
  it('reach each other through the relay, and say why', async () => {
    const relay = await kit.relay();
    const wish = { name: 'lab', cidr: '10.0.0.0/8', relays: [relay.fact], mtu: 1350, nodeName: 'n0' };
    const first = makeNetwork(wish, env);
    const { token } = makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
    const second = makeMember(decodeToken(token), { name: 'n1' }, env);
    const net = new MemoryNet({ clock: env.clock, route: () => null });
    const engineOf = (profile: Profile, host: string): Engine => {
      const engine = new Engine(
        {
          profile,
          state: stateSchema.parse({ version: 1 }),
          saveState: () => undefined,
          env,
          version: '0.0.0',
          port: 5000,
        },
        {
          makePlane: (options) => new MemoryPlane(options, { net, host }),
          addresses: () => [{ device: 'eth0', address: host, internal: false }],
        },
      );
      kit.later(() => engine.stop());
      return engine;
    };
    const [a, b] = [engineOf(first, '192.0.2.1'), engineOf(second, '192.0.2.2')];
    await a.start();
    await b.start();
    await until(() => a.peers()[0]?.state === 'connected' && a.status().nat.udpBlocked, 15_000);
    expect(await a.why('n1')).toMatchObject({
      path: { kind: 'relay', endpoint: expect.stringMatching(/^ws:/) as string },
      advice: [expect.stringContaining('UDP from this machine does not reach the relay')],
    });
    expect(a.status().relays).toMatchObject([{ state: 'connected', transport: 'websocket' }]);
  });
});

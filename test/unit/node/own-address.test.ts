/** A node whose address or name becomes another's, or is set to another while it runs. */
import { afterEach, describe, expect, it } from 'vitest';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { formatIpv4 } from '../../../src/core/lib/ipv4.js';
import { makeInvite, makeMember, makeNetwork, resign } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { env, Kit, until } from '../rendezvous/relay-kit.js';
import { memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { witnessed } from '../../support/receipts.js';
import { VirtualClock } from '../../support/virtual.js';
import { realTimeNode } from './real-time-node.js';

const kit = new Kit();
afterEach(() => kit.clean());

describe('a node that hears of an earlier claim to its address', () => {
  /** Three nodes; the last claims the address of the second, a while later. */
  async function lab(wantedIp: boolean) {
    const clock = new VirtualClock();
    const net = new MemoryNet({ clock, latencyMs: 5 });
    const [root, victim, other] = memberProfiles(3, clock) as [Profile, Profile, Profile];
    const ip = formatIpv4(selfOf(victim).certificate.ip);
    const keys = keysFromSeed(secretBytes(root.rootSeed ?? ''));
    await clock.run(1_000);
    const credential = toBase64Url(witnessed(resign(other, { ip }, clock.date()), keys, clock.date()));
    const thief = { ...other, credential, ...(wantedIp ? { wantedIp: ip } : {}) };
    const profiles = [root, victim, thief];
    const endpoints = { [selfOf(root).idText]: ['192.0.2.1:5000'] };
    const boxes = profiles.map((profile, i) => {
      const members = profiles.filter((each) => each !== profile).map((each) => each.credential);
      return boxOf({
        net,
        clock,
        profile,
        host: `192.0.2.${i + 1}`,
        state: { members, endpoints },
        seed: i + 1,
      });
    });
    for (const { engine } of boxes) await engine.start();
    await clock.run(20_000);
    return { ip, boxes: boxes as [Box, Box, Box] };
  }

  it('takes another, which a witness vouches for, and all are connected', async () => {
    const { ip, boxes } = await lab(false);
    const [root, victim, thief] = boxes;
    expect(thief.engine.status().node.ip).not.toBe(ip);
    expect(victim.engine.status().node.ip).toBe(ip);
    for (const { engine } of boxes) {
      expect(engine.peers().map(({ state, addressOf }) => [state, addressOf])).toEqual([
        ['connected', null],
        ['connected', null],
      ]);
      expect(engine.status().conflicts).toEqual([]);
    }
    const seen = root.engine.peers().find(({ name }) => name === 'n2');
    expect(seen?.ip).toBe(thief.engine.status().node.ip);
  });

  it('keeps one that was asked for; it and the others tell whose it is', async () => {
    const { ip, boxes } = await lab(true);
    const [root, , thief] = boxes;
    expect(thief.engine.status().node.ip).toBe(ip);
    for (const { engine } of [root, thief])
      expect(engine.status().conflicts).toMatchObject([{ what: 'ip', name: 'n2', ip, holder: 'n1' }]);
    expect(root.engine.peers().map(({ name, addressOf }) => [name, addressOf])).toEqual([
      ['n1', null],
      ['n2', 'n1'],
    ]);
  });
});

describe('a name and an address that are set while the node runs', () => {
  it('are what the others see, and those of before are free', async () => {
    const relay = await kit.relay();
    const wish = { name: 'lab', cidr: '10.0.0.0/8', relays: [relay.fact], mtu: 1350, nodeName: 'n0' };
    const first = makeNetwork(wish, env);
    const { token } = makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
    const second = makeMember(decodeToken(token), { name: 'n1' }, env);
    const net = new MemoryNet({ clock: env.clock });
    const [a, b] = [realTimeNode(kit, net, first, '192.0.2.1'), realTimeNode(kit, net, second, '192.0.2.2')];
    await a.start();
    await b.start();
    await until(() => a.peers()[0]?.state === 'connected', 15_000);
    const change = resign(second, { name: 'web', ip: '10.7.7.7' }, env.clock.date());
    expect(await b.adopt(toBase64Url(selfOf(first).credential), undefined)).toBe(false);
    expect(await b.adopt(toBase64Url(change), '10.7.7.7')).toBe(true);
    expect(b.status().node).toMatchObject({ ip: '10.7.7.7', name: 'web' });
    await until(() => a.peers()[0]?.name === 'web' && a.peers()[0]?.state === 'connected', 15_000);
    expect(a.peers()).toMatchObject([{ ip: '10.7.7.7', id: selfOf(second).idText }]);
    const ip = formatIpv4(selfOf(second).certificate.ip);
    const third = makeMember(decodeToken(token), { name: 'n1', ip }, env);
    await kit.client(selfOf(third), relay.fact).up();
  });
});

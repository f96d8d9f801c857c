import { describe, expect, it } from 'vitest';
import { makeMember, makeInvite, makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { Peers } from '../../../src/core/peer/peers.js';
import type { Peer } from '../../../src/core/peer/peer.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

/** Members with room for three, and peers that only say whether they have a session. */
function rig() {
  const env = virtualEnv(new VirtualClock());
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'self' };
  const self = selfOf(makeNetwork(plan, env));
  const owner = makeNetwork(plan, env);
  const { token } = makeInvite(owner, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
  const established = new Set<string>();
  const online = new Set<string>();
  const closed: string[] = [];
  const members = new Peers(
    selfOf(owner).network,
    self.idText,
    {
      env,
      makePeer: (slot, member) =>
        ({
          slot,
          member,
          session: {
            get established() {
              return established.has(member.name);
            },
          },
          update: () => true,
          close: () => closed.push(member.name),
        }) as unknown as Peer,
      isOnline: (id) => online.has(id),
      changed: () => undefined,
      removed: () => undefined,
    },
    3,
  );
  const join = (name: string) => selfOf(makeMember(decodeToken(token), { name }, env));
  return { members, join, established, online, closed };
}

describe('members', () => {
  it('make room for a newcomer by forgetting who is neither connected nor online', () => {
    const { members, join, established, online, closed } = rig();
    const [one, two, three, four, five] = ['one', 'two', 'three', 'four', 'five'].map(join);
    for (const self of [one, two, three]) members.take(self?.credential ?? new Uint8Array(0));
    established.add('one');
    online.add(two?.idText ?? '');
    const slot = members.get(three?.idText ?? '')?.slot;
    expect(members.take(four?.credential ?? new Uint8Array(0))).toMatchObject({ slot });
    expect(closed).toEqual(['three']);
    expect(members.all().map((peer) => peer.member.name)).toEqual(['one', 'two', 'four']);
    established.add('four');
    expect(members.take(five?.credential ?? new Uint8Array(0))).toBeUndefined();
    expect(members.size).toBe(3);
  });
});

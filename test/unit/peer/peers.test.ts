import { describe, expect, it } from 'vitest';
import { claimantOf, selfOf, type Self } from '../../../src/core/membership/self.js';
import { Peers } from '../../../src/core/peer/peers.js';
import type { Peer } from '../../../src/core/peer/peer.js';
import { memberProfiles } from '../../support/members.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

/** Members with room for three, and peers that only say whether they have a session. `others[i]` is called `n<i + 2>`. */
function rig() {
  const env = virtualEnv(new VirtualClock());
  const selves = memberProfiles(7, env.clock).map((profile) => selfOf(profile));
  const [owner, self, ...others] = selves as [Self, Self, ...Self[]];
  const established = new Set<string>();
  const online = new Set<string>();
  const closed: string[] = [];
  const members = new Peers(
    owner.network,
    () => claimantOf(self),
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
  return { members, others: others as [Self, Self, Self, Self, Self], established, online, closed };
}

describe('members', () => {
  it('make room for a newcomer by forgetting who is neither connected nor online', () => {
    const { members, others, established, online, closed } = rig();
    const [one, two, three, four, five] = others;
    for (const self of [one, two, three]) members.take(self.credential);
    established.add('n2');
    online.add(two.idText);
    const slot = members.get(three.idText)?.slot;
    expect(members.take(four.credential)).toMatchObject({ slot });
    expect(closed).toEqual(['n4']);
    expect(members.all().map((peer) => peer.member.name)).toEqual(['n2', 'n3', 'n5']);
    established.add('n5');
    expect(members.take(five.credential)).toBeUndefined();
    expect(members.size).toBe(3);
  });
});

/** Members that left: none of them comes back by what others still have of it, and their number fills no memory. */
import { expect, it } from 'vitest';
import { maxLeft, Roster } from '../../../src/core/membership/roster.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { claimantOf, selfOf } from '../../../src/core/membership/self.js';
import { memberProfiles } from '../../support/members.js';
import { VirtualClock } from '../../support/virtual.js';

it('who left is not taken again, until very many have left after it', () => {
  const clock = new VirtualClock();
  const [first, second] = memberProfiles(2, clock) as [Profile, Profile];
  const roster = new Roster(selfOf(first).network, () => claimantOf(selfOf(first)));
  const { credential, idText } = selfOf(second);
  expect(roster.take(credential, clock.date()).kind).toBe('new');
  roster.bury(idText);
  const others = (count: number, from: number): void => {
    for (let i = 0; i < count; i++) roster.bury((from + i).toString(16).padStart(32, '0'));
  };
  others(maxLeft - 1, 0);
  expect(roster.take(credential, clock.date())).toEqual({ kind: 'refused', fault: 'left' });
  others(1, maxLeft);
  expect(roster.take(credential, clock.date()).kind).toBe('new');
});

import { describe, expect, it } from 'vitest';
import { LocalGroups, localGroupLimit, membershipMs } from '../../../src/core/switch/group-listener.js';
import { igmp, igmpV3, ip4, ip6, keyOf, mld, mldV2, viewOf } from '../../support/membership-frames.js';

const hears = (groups: LocalGroups, frame: Uint8Array, now = 0): void => {
  groups.listen(viewOf(frame), 0, frame.length, now);
};
const four = (group: string): number => keyOf(ip4(group));
const six = (group: string): number => keyOf(ip6(group));

describe('LocalGroups', () => {
  it('keeps what is joined, forgets what is left, and tells of changes', () => {
    const groups = new LocalGroups();
    hears(groups, igmpV3({ type: 4, group: '239.1.2.3' }));
    hears(groups, mldV2({ type: 4, group: 'ff05::5' }));
    expect([...groups.keys()]).toEqual([four('239.1.2.3'), six('ff05::5')]);
    expect(groups.changed).toBe(true);
    groups.changed = false;
    hears(groups, igmpV3({ type: 2, group: '239.1.2.3' }));
    expect(groups.changed).toBe(false);
    hears(groups, igmp(0x17, '239.1.2.3', '224.0.0.2'));
    expect(groups.changed).toBe(true);
    expect(groups.has(four('239.1.2.3'))).toBe(false);
    hears(groups, mld(132, 'ff05::5'));
    expect([...groups.keys()]).toEqual([]);
  });

  it('does not believe that a group is left while pods are behind the host', () => {
    const groups = new LocalGroups();
    const joins = igmp(0x16, '239.1.2.3');
    groups.listen(viewOf(joins), 0, joins.length, 0, true);
    hears(groups, igmp(0x17, '239.1.2.3', '224.0.0.2'), 1_000);
    expect(groups.has(four('239.1.2.3'))).toBe(true);
    // It goes when the host answers and nobody has named it any more.
    hears(groups, igmp(0x16, '239.9.9.9'), membershipMs + 1_000);
    groups.expire(membershipMs + 1_001);
    expect(groups.has(four('239.1.2.3'))).toBe(false);
  });

  it('ignores link-local scope', () => {
    const groups = new LocalGroups();
    hears(groups, igmp(0x16, '224.0.0.251'));
    hears(groups, mldV2({ type: 4, group: 'ff02::1:ff00:1' }, { type: 4, group: 'ff01::1' }));
    expect([...groups.keys()]).toEqual([]);
    expect(groups.changed).toBe(false);
  });

  it('keeps a MAC until the last group that has it is left', () => {
    const groups = new LocalGroups();
    hears(groups, igmp(0x16, '238.1.2.3'));
    hears(groups, igmp(0x16, '239.129.2.3'));
    groups.changed = false;
    hears(groups, igmp(0x17, '238.1.2.3', '224.0.0.2'));
    expect(groups.changed).toBe(false);
    expect(groups.has(four('239.1.2.3'))).toBe(true);
    hears(groups, igmp(0x17, '239.129.2.3', '224.0.0.2'));
    expect(groups.has(four('239.1.2.3'))).toBe(false);
  });

  it('drops after 260 s what the host no longer names in its answers', () => {
    const groups = new LocalGroups();
    hears(groups, igmp(0x16, '239.1.2.3'), 0);
    hears(groups, igmp(0x16, '239.1.2.4'), 0);
    hears(groups, igmpV3({ type: 2, group: '239.1.2.4' }), 125_000);
    hears(groups, igmpV3({ type: 2, group: '239.1.2.4' }), 250_000);
    groups.expire(membershipMs);
    expect([...groups.keys()]).toHaveLength(2);
    groups.expire(membershipMs + 1);
    expect([...groups.keys()]).toEqual([four('239.1.2.4')]);
  });

  it('keeps the groups of a host that answers no queries', () => {
    const groups = new LocalGroups();
    hears(groups, igmpV3({ type: 4, group: '239.1.2.3' }), 0);
    hears(groups, mldV2({ type: 2, group: 'ff05::5' }), 250_000);
    groups.expire(2 * membershipMs);
    expect(groups.has(four('239.1.2.3'))).toBe(true);
  });

  it('is crowded while more groups are wanted than it keeps', () => {
    const groups = new LocalGroups();
    for (let i = 0; i < localGroupLimit; i++) hears(groups, igmp(0x16, `239.1.1.${i}`), 0);
    expect(groups.crowded).toBe(false);
    groups.changed = false;
    hears(groups, igmp(0x16, '239.2.0.1'), 0);
    expect(groups.crowded).toBe(true);
    expect(groups.changed).toBe(true);
    expect([...groups.keys()]).toHaveLength(localGroupLimit);
    groups.changed = false;
    groups.expire(membershipMs + 1);
    expect(groups.crowded).toBe(false);
    expect(groups.changed).toBe(true);
  });
});

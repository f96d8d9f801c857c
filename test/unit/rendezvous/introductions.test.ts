/** What a hub-less test can show: both crossings of the threshold, the pace of sizes, the bound of a watch set. */
import { noClaims } from '../../../src/core/identity/claims.js';
import { describe, expect, it } from 'vitest';
import type { ToNode } from '../../../src/core/wire/signal.js';
import { Introductions, watchLimit } from '../../../src/rendezvous/introductions.js';
import { defaultLimits } from '../../../src/rendezvous/limits.js';
import { begun, LocalNetwork, type LocalMember } from '../../../src/rendezvous/local-network.js';
import type { MemberConnection } from '../../../src/rendezvous/member-connection.js';
import { NetworkRecord, type KnownMember } from '../../../src/rendezvous/network-record.js';
import { LocalPresence } from '../../../src/rendezvous/presence.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

/** A member whose connection keeps what it is sent. */
class TestMember {
  readonly local: LocalMember;
  heard: ToNode[] = [];

  constructor(network: LocalNetwork, id: string) {
    const connection = {
      send: (message: ToNode) => this.heard.push(message),
      sendPlain: (plain: Uint8Array) =>
        this.heard.push(JSON.parse(new TextDecoder().decode(plain)) as ToNode),
      later: (messages: Iterable<() => ToNode>) => {
        for (const message of messages) this.heard.push(message());
      },
    } as unknown as MemberConnection;
    const idBytes = new Uint8Array(16);
    const speaker = { key: new Uint8Array(32), inviteId: '', rights: 0 };
    this.local = {
      connection,
      network,
      id,
      idBytes,
      association: 0,
      admin: () => false,
      speaker,
      ...begun(0),
    };
  }

  get id(): string {
    return this.local.id;
  }

  /** What was heard since, of one type. */
  take<T extends ToNode['type']>(type: T): Extract<ToNode, { type: T }>[] {
    const taken = this.heard.filter((message) => message.type === type);
    this.heard = this.heard.filter((message) => message.type !== type);
    return taken as Extract<ToNode, { type: T }>[];
  }
}

function stage(introduceAll: number) {
  const clock = new VirtualClock();
  const introductions = new Introductions({ ...defaultLimits, introduceAll }, virtualEnv(clock));
  const record = new NetworkRecord('0123456789abcdef', 0);
  const presence = new LocalPresence({
    arrived: (_network, known, news) => introductions.arrived(network, known, news),
    left: (_network, id) => introductions.left(network, id),
  });
  const network = new LocalNetwork(record, presence);
  const arrive = (number: number): TestMember => {
    const id = number.toString(16).padStart(32, '0');
    const known: KnownMember = {
      ...{
        id,
        name: `n${number}`,
        ip: number,
        signedAt: 0,
        claims: noClaims,
        ephemeral: false,
        notAfter: Infinity,
        lastSeen: 0,
      },
      credential: Uint8Array.of(number >> 8, number),
    };
    const member = new TestMember(network, id);
    record.put(known);
    introductions.settle(network);
    const introduction = introductions.introduce(network, id);
    network.here.set(id, member.local);
    presence.arrive(record.id, known, true);
    introductions.welcomed(member.local, introduction);
    return member;
  };
  const leave = ({ local, id }: TestMember): void => {
    introductions.forget(local);
    network.here.delete(id);
    presence.leave(record.id, id);
  };
  return { clock, introductions, record, network, presence, arrive, leave };
}

describe('Introductions', () => {
  it('tell everybody of everybody again when the network shrank', () => {
    const { introductions, record, arrive, leave } = stage(10);
    const members = Array.from({ length: 30 }, (_, i) => arrive(i + 1));
    for (const gone of members.splice(5)) {
      leave(gone);
      record.delete(gone.id);
    }
    for (const member of members) member.heard = [];
    introductions.pruned();
    for (const member of members) {
      expect(member.heard.at(-1)).toEqual({ type: 'roster', complete: true, size: 5 });
      expect(member.take('member')).toHaveLength(4);
      expect(member.take('presence').every(({ online }) => online)).toBe(true);
    }
    // And from then on of every newcomer.
    const { id } = arrive(500);
    for (const member of members) expect(member.take('presence')).toMatchObject([{ id, online: true }]);
  });

  it('do not tell everybody of everybody each time that one comes and goes', () => {
    const { introductions, record, arrive, leave } = stage(10);
    const members = Array.from({ length: 10 }, (_, i) => arrive(i + 1));
    for (const member of members) member.heard = [];
    for (let i = 0; i < 20; i++) {
      const passing = arrive(100 + i);
      leave(passing);
      record.delete(passing.id);
      introductions.pruned();
    }
    for (const member of members) {
      expect(member.take('roster')).toHaveLength(1);
      // At most of those that came.
      expect(member.take('member').length).toBeLessThanOrEqual(20);
    }
  });

  it('say how large the network is once a minute, when that changed by an eighth', () => {
    const { clock, arrive } = stage(4);
    const first = arrive(1);
    for (let i = 2; i <= 40; i++) arrive(i);
    expect(first.take('roster')).toEqual([{ type: 'roster', complete: false, size: 4 }]);
    clock.advance(60_000);
    expect(first.take('roster')).toEqual([{ type: 'roster', complete: false, size: 40 }]);
    for (let i = 41; i <= 45; i++) arrive(i);
    clock.advance(60_000);
    expect(first.take('roster')).toEqual([]);
    arrive(46);
    clock.advance(60_000);
    expect(first.take('roster')).toEqual([{ type: 'roster', complete: false, size: 46 }]);
  });

  it('keep no timer and no memory of networks where nobody is', () => {
    const { clock, introductions, arrive, leave } = stage(1);
    const members = [arrive(1), arrive(2), arrive(3)];
    members.forEach(leave);
    clock.advance(60_000);
    introductions.stop();
    const late = arrive(4);
    expect(late.heard).toEqual([]);
  });

  it('tell of a bounded number of members, of those asked for last', () => {
    const { introductions, arrive, leave } = stage(4);
    const count = watchLimit + 60;
    const members = Array.from({ length: count }, (_, i) => arrive(i + 1));
    const asker = members[0] as TestMember;
    for (let at = 1; at < count; at += 16) {
      const ids = members.slice(at, at + 16).map(({ id }) => id);
      introductions.find(asker.local, { type: 'find', query: 1, ids });
    }
    asker.heard = [];
    members.slice(1).forEach(leave);
    const told = asker.take('presence').map(({ id }) => id);
    expect(told).toHaveLength(watchLimit);
    expect(told).toContain(members.at(-1)?.id);
    expect(told).not.toContain(members[20]?.id);
  });

  it('tell members that are here of those that come and go elsewhere', () => {
    const { record, presence, network, arrive } = stage(10);
    const here = arrive(1);
    const known: KnownMember = {
      ...{
        id: 'ee'.repeat(16),
        name: 'far',
        ip: 99,
        signedAt: 0,
        claims: noClaims,
        ephemeral: false,
        notAfter: Infinity,
        lastSeen: 0,
      },
      credential: Uint8Array.of(9),
    };
    record.put(known);
    presence.arrive(record.id, known, true);
    expect(here.heard).toEqual([
      { type: 'member', credential: 'CQ' },
      { type: 'presence', id: known.id, online: true },
    ]);
    // Who comes later is told of it in the welcome, although it has no connection here.
    expect(network.online.has(known.id)).toBe(true);
    here.heard = [];
    presence.leave(record.id, known.id);
    expect(here.heard).toEqual([{ type: 'presence', id: known.id, online: false }]);
  });
});

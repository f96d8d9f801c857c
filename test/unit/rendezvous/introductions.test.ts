/** What a hub-less test can show: both crossings of the threshold, the pace of sizes, the bound of a watch set. */
import { describe, expect, it } from 'vitest';
import type { ToNode } from '../../../src/core/wire/signal.js';
import { Introductions, watchLimit } from '../../../src/rendezvous/introductions.js';
import { defaultLimits } from '../../../src/rendezvous/limits.js';
import { NetworkRecord, type KnownMember } from '../../../src/rendezvous/registry.js';
import type { Session } from '../../../src/rendezvous/session.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

class FakeSession {
  admitted: { record: NetworkRecord; id: string } | undefined;
  heard: ToNode[] = [];

  sendPlain(plain: Uint8Array): void {
    this.send(JSON.parse(new TextDecoder().decode(plain)) as ToNode);
  }

  send(message: ToNode): void {
    this.heard.push(message);
  }

  later(messages: Iterable<() => ToNode>): void {
    for (const message of messages) this.send(message());
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
  const arrive = (number: number): FakeSession => {
    const id = number.toString(16).padStart(32, '0');
    const known: KnownMember = {
      ...{ id, name: `n${number}`, ip: number, signedAt: 0, notAfter: Infinity, lastSeen: 0 },
      credential: Uint8Array.of(number >> 8, number),
    };
    const session = new FakeSession();
    record.put(known);
    introductions.settle(record);
    const { first, rest } = introductions.introduce(record, id);
    session.admitted = { record, id };
    record.arrive(id, session as unknown as Session);
    session.later(rest);
    introductions.arrived(record, session as unknown as Session, known, first.online, true);
    return session;
  };
  const leave = (session: FakeSession): void => {
    const { id } = session.admitted as { id: string };
    introductions.forget(record, session as unknown as Session);
    record.leave(id);
    introductions.left(record, id);
  };
  return { clock, introductions, record, arrive, leave };
}

describe('Introductions', () => {
  it('tell everybody of everybody again when the network shrank', () => {
    const { introductions, record, arrive, leave } = stage(10);
    const sessions = Array.from({ length: 30 }, (_, i) => arrive(i + 1));
    for (const gone of sessions.splice(8)) {
      leave(gone);
      record.delete(gone.admitted?.id ?? '');
    }
    for (const session of sessions) session.heard = [];
    introductions.pruned();
    for (const session of sessions) {
      expect(session.heard.at(-1)).toEqual({ type: 'roster', complete: true, size: 8 });
      expect(session.take('member')).toHaveLength(7);
      expect(session.take('presence').every(({ online }) => online)).toBe(true);
    }
    // And from then on of every newcomer.
    const { id } = arrive(500).admitted as { id: string };
    for (const session of sessions) expect(session.take('presence')).toMatchObject([{ id, online: true }]);
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
    const sessions = [arrive(1), arrive(2), arrive(3)];
    sessions.forEach(leave);
    clock.advance(60_000);
    introductions.stop();
    const late = arrive(4);
    expect(late.heard).toEqual([]);
  });

  it('tell of a bounded number of members, of those asked for last', () => {
    const { introductions, arrive, leave } = stage(4);
    const count = watchLimit + 60;
    const sessions = Array.from({ length: count }, (_, i) => arrive(i + 1));
    const asker = sessions[0] as FakeSession;
    for (let at = 1; at < count; at += 16) {
      const ids = sessions.slice(at, at + 16).map(({ admitted }) => admitted?.id ?? '');
      introductions.find(asker as unknown as Session, { type: 'find', query: 1, ids });
    }
    asker.heard = [];
    sessions.slice(1).forEach(leave);
    const told = asker.take('presence').map(({ id }) => id);
    expect(told).toHaveLength(watchLimit);
    expect(told).toContain(sessions.at(-1)?.admitted?.id);
    expect(told).not.toContain(sessions[20]?.admitted?.id);
  });
});

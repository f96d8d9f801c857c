/** The waiting room by itself: who finds room in it. That of a whole relay is in waiting.test.ts. */
import { describe, expect, it } from 'vitest';
import type { Member } from '../../../src/core/identity/certificate.js';
import { maxApplicants } from '../../../src/core/wire/signal.js';
import type { Hello, MemberConnection } from '../../../src/rendezvous/member-connection.js';
import { WaitingRoom, type Applicant } from '../../../src/rendezvous/waiting-room.js';
import { VirtualClock } from '../../support/virtual.js';

const half = maxApplicants / 2;
const room = (): WaitingRoom => new WaitingRoom(new VirtualClock(), () => undefined);
/** All that the room looks at. */
const applicant = (idText: string, inviteId: string, observed: string): Applicant => ({
  network: 'n',
  connection: { observed } as MemberConnection,
  hello: {} as Hello,
  remoteStatic: new Uint8Array(32),
  member: { idText, inviteId, credential: new Uint8Array(1) } as Member,
});
const shareOf = (waiting: WaitingRoom, inviteId: string): number =>
  waiting.of('n').filter(({ member }) => member.inviteId === inviteId).length;

describe('the waiting room', () => {
  it('gives one invite half of it, also where its holders came by another first', () => {
    const waiting = room();
    for (let i = 0; i < half; i++)
      expect(waiting.enter(applicant(`a${i}`, 'a', `192.0.${i}.1`))).toBeUndefined();
    expect(waiting.enter(applicant('late', 'a', '192.0.99.1'))).toBe('full');
    expect(waiting.enter(applicant('b', 'b', '192.0.99.1'))).toBeUndefined();
    // The same node by the invite whose share is taken: it goes on waiting by its own.
    expect(waiting.enter(applicant('b', 'a', '192.0.99.1'))).toBe('full');
    expect([shareOf(waiting, 'a'), shareOf(waiting, 'b')]).toEqual([half, 1]);
  });

  it('gives one site half of it, also where its nodes came from elsewhere first', () => {
    const waiting = room();
    for (let i = 0; i < half; i++)
      expect(waiting.enter(applicant(`a${i}`, `i${i}`, `192.0.2.${i}`))).toBeUndefined();
    expect(waiting.enter(applicant('b', 'b', '198.51.100.1'))).toBeUndefined();
    expect(waiting.enter(applicant('b', 'b', '192.0.2.99'))).toBe('full');
    expect(waiting.of('n').length).toBe(half + 1);
  });

  it('lets who waits connect anew, however full it is', () => {
    const waiting = room();
    const [first, again] = [applicant('a0', 'a', '192.0.2.1'), applicant('a0', 'a', '192.0.2.77')];
    waiting.enter(first);
    for (let i = 1; i < half; i++) waiting.enter(applicant(`a${i}`, 'a', `192.0.2.${i}`));
    for (let i = 0; i < half; i++) waiting.enter(applicant(`b${i}`, 'b', `198.51.${i}.1`));
    expect(waiting.size).toBe(maxApplicants);
    expect(waiting.enter(again)).toBe(first.connection);
    expect(waiting.size).toBe(maxApplicants);
  });
});

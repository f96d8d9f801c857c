import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../src/core/wire/candidate.js';
import { encodeCard, parseCard, type RingMessage } from '../../../src/core/wire/ring.js';
import {
  Introductions,
  introductionsAtOnce,
  introductionsInAllAtOnce,
  introductionsInAllPerS,
  introductionsPerS,
} from '../../../src/core/overlay/introductions.js';
import type { LinkPeer } from '../../../src/core/overlay/ports.js';

function endpointOf(last: number): Candidate {
  return { kind: 'reflexive', endpoint: { host: `192.0.2.${last}`, port: 5_000 } };
}

/** Members by name, whose credential is one byte. */
function rig() {
  const sent: { to: string; message: RingMessage }[] = [];
  const introduced: { name: string; candidates: readonly Candidate[] }[] = [];
  const waysChanged: string[] = [];
  const peers = new Map<string, LinkPeer>();
  const add = (name: string, byte: number, state: LinkPeer['state']): LinkPeer => {
    const member = { id: new Uint8Array(16), idText: name, name, role: 1, credential: Uint8Array.of(byte) };
    const peer: LinkPeer = {
      slot: byte,
      member,
      state,
      indirect: false,
      remembered: [],
      whereabouts: [endpointOf(byte)],
      silenceMs: 0,
      waitingMs: () => 0,
      connect: () => undefined,
      introduced: (_now, candidates) => introduced.push({ name, candidates }),
      disconnect: () => undefined,
      waysChanged: () => waysChanged.push(name),
    };
    peers.set(name, peer);
    return peer;
  };
  const introductions = new Introductions({
    members: {
      get: (id) => peers.get(id),
      lookup: () => undefined,
      all: () => [...peers.values()],
      take: (credential) => [...peers.values()].find(({ slot }) => slot === credential[0]),
    },
    send: (peer, message) => sent.push({ to: peer.member.name, message }),
    candidates: () => [endpointOf(9)],
    credential: () => Uint8Array.of(99),
  });
  return { introductions, add, sent, introduced, waysChanged };
}

const cardOf = (byte: number): Uint8Array =>
  encodeCard({ credential: Uint8Array.of(byte), candidates: [endpointOf(byte)] });

describe('introductions', () => {
  it('give each of two links the card of the other', () => {
    const { introductions, add, sent } = rig();
    const asker = add('a', 1, 'connected');
    add('b', 2, 'connected');
    introductions.meet(0, asker, 'b');
    const told = sent.map(({ to, message }) => [
      to,
      message.type === 'introduce' && parseCard(message.card)?.credential[0],
    ]);
    expect(told).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  it('are made only between two that are linked with us, and cost nothing else', () => {
    const { introductions, add, sent } = rig();
    const asker = add('a', 1, 'connected');
    add('b', 2, 'connecting');
    for (const id of ['b', 'a', 'nobody']) introductions.meet(0, asker, id);
    expect([sent, introductions.budgets]).toEqual([[], 0]);
  });

  it('take who is named to its endpoints, and to a new way to it', () => {
    const { introductions, add, introduced, waysChanged } = rig();
    const friend = add('a', 1, 'connected');
    add('b', 2, 'idle');
    introductions.introduce(0, friend, cardOf(2));
    expect([introduced, waysChanged]).toEqual([[{ name: 'b', candidates: [endpointOf(2)] }], ['b']]);
  });

  it('change nothing for who is connected, who is nobody, and what is no card', () => {
    const { introductions, add, introduced, waysChanged } = rig();
    const friend = add('a', 1, 'connected');
    add('b', 2, 'connected');
    for (const card of [cardOf(2), cardOf(77), Uint8Array.of(1, 2, 3)])
      introductions.introduce(0, friend, card);
    introductions.learnt(0, 'a', cardOf(2));
    expect([introduced, waysChanged]).toEqual([[], []]);
  });

  it('tell of ourselves by our own card', () => {
    const card = parseCard(rig().introductions.card());
    expect(card).toEqual({ credential: Uint8Array.of(99), candidates: [endpointOf(9)] });
  });

  it.each(['meet', 'introduce', 'seek'] as const)('by %s are as many as the budget of the link', (kind) => {
    const { introductions, add, sent, introduced } = rig();
    const peers = [add('a', 1, 'connected'), add('c', 3, 'connected')] as const;
    add('b', 2, kind === 'meet' ? 'connected' : 'idle');
    const done = (): number => (kind === 'meet' ? sent.length / 2 : introduced.length);
    const ask = (now: number, peer: LinkPeer, times: number): number => {
      const before = done();
      for (let i = 0; i < times; i++) {
        if (kind === 'meet') introductions.meet(now, peer, 'b');
        else if (kind === 'introduce') introductions.introduce(now, peer, cardOf(2));
        else introductions.learnt(now, peer.member.idText, cardOf(2));
      }
      return done() - before;
    };
    expect(ask(0, peers[0], 100)).toBe(introductionsAtOnce);
    expect(ask(0, peers[1], 1)).toBe(1);
    expect(ask(1_000, peers[0], 100)).toBe(introductionsPerS);
  });

  it('are bounded for all links together', () => {
    const { introductions, add, introduced } = rig();
    add('b', 2, 'idle');
    const ask = (now: number): number => {
      const before = introduced.length;
      for (let link = 0; link < 100; link++) {
        for (let i = 0; i < 5; i++) introductions.learnt(now, `link ${link}`, cardOf(2));
      }
      return introduced.length - before;
    };
    expect(ask(0)).toBe(introductionsInAllAtOnce);
    expect(ask(1_000)).toBe(introductionsInAllPerS);
  });
});

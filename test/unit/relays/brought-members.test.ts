/** Credentials of members that a hostile relay brings without end: each costs signatures. */
import { expect, it, vi } from 'vitest';
import type { RelayClientListener, RelaySession } from '../../../src/core/relays/net/relay-client.js';
import type { Welcome } from '../../../src/core/wire/signal.js';
import { VirtualClock } from '../../support/virtual.js';
import { TestNetwork } from '../rendezvous/relay-kit.js';
import { plane, relaySetOf } from './relay-set-rig.js';

const relay = vi.hoisted(() => ({ says: undefined as RelayClientListener | undefined }));
vi.mock(import('../../../src/core/relays/net/relay-client.js'), () => {
  class Connected {
    readonly state = 'connected';
    constructor(_options: unknown, listener: RelayClientListener) {
      relay.says = listener;
    }
  }
  return { RelayClient: Connected as never };
});

it('are taken up to a number, and then some a second, whether by welcome, by word or by answer', () => {
  const clock = new VirtualClock();
  const fact = { address: '127.0.0.1:1', key: new TestNetwork([]).root.publicKey };
  const node = new TestNetwork([fact]).node(1);
  let taken = 0;
  relaySetOf(
    { node, relays: [fact], plane, clock },
    {
      welcome: ({ members }) => (taken += members.length),
      member: () => taken++,
    },
  );
  const { says } = relay;
  if (!says) throw new Error('no client was made');
  const members = Array.from({ length: 4_096 }, () => 'AAAA');
  const welcome = { members, online: [], date: 0, udpPort: 1 } as unknown as Welcome;
  const session = { endpoint: undefined, association: 1, key: new Uint8Array(32) } as unknown as RelaySession;
  for (let s = 0; s < 60; s++) {
    says.up(welcome, session);
    for (let i = 0; i < 100; i++) says.member(new Uint8Array(3));
    says.answer({ type: 'located', members: members.slice(0, 16) });
    clock.advance(1_000);
  }
  expect(taken).toBeGreaterThan(1_024);
  expect(taken).toBeLessThanOrEqual(1_024 + 60 * 128);
});

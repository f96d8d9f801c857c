import { expect, it } from 'vitest';
import type { KnownMember } from '../../../src/rendezvous/network-record.js';
import { LocalPresence } from '../../../src/rendezvous/presence.js';
import { presenceContract } from './presence-contract.js';

presenceContract(
  'a relay that is alone',
  () => ({ relay: (listener) => new LocalPresence(listener), settled: () => Promise.resolve() }),
  1,
);

it('keeps nothing of a network in which nobody is online any more', () => {
  const presence = new LocalPresence({ arrived: () => undefined, left: () => undefined });
  const id = 'ab'.repeat(16);
  presence.arrive('net', { id } as KnownMember, true);
  expect(presence.of('net')).not.toBe(presence.of('another'));
  presence.leave('net', id);
  expect(presence.of('net')).toBe(presence.of('another'));
});

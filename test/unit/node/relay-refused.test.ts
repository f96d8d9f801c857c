/** A relay refuses a node that reaches nobody: whether the node goes on depends on what the relay says, and on the other relays. */
import { expect, it } from 'vitest';
import { EvioError } from '../../../src/core/lib/errors.js';
import { RelayEvents } from '../../../src/core/node/relay-events.js';
import type { Refusal } from '../../../src/core/wire/signal.js';

/** @returns whether the node ends */
function ends(code: Refusal, allRefuse: boolean): boolean {
  let ended = false;
  const events = new RelayEvents({
    members: { all: () => [] },
    relays: { anyUp: false, allRefuse },
    ownAddress: { taken: () => false },
    fatal: () => (ended = true),
  } as never);
  events.refused(new EvioError('EVIO_RELAY_REFUSED', 'no'), code);
  return ended;
}

it('is no end while another relay may take it, unless it is about the node itself', () => {
  expect(ends('network-not-allowed', false)).toBe(false);
  expect(ends('version', false)).toBe(false);
  expect(ends('network-not-allowed', true)).toBe(true);
  expect(ends('revoked', false)).toBe(true);
  expect(ends('full', true)).toBe(false);
});

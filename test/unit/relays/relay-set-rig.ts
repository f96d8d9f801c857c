/** A node's set of relays over the real relays of a test, not started. */
import { Carriers } from '../../../src/core/carriers/carrier.js';
import type { Clock } from '../../../src/core/lib/env.js';
import { RelaySet, type RelaySetListener } from '../../../src/core/relays/relay-set.js';
import { env, type TestNode } from '../rendezvous/relay-kit.js';

type Options = ConstructorParameters<typeof RelaySet>[0];

export interface RelaySetWish {
  readonly node: TestNode;
  readonly relays: Options['relays'];
  readonly plane: Options['plane'] & ConstructorParameters<typeof Carriers>[0];
  /** Default: some of its own over the plane. */
  readonly carriers?: Carriers;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** A plane that takes everything and does nothing. */
export const plane = {
  sendPacket: () => undefined,
  setRelay: () => undefined,
  carried: () => undefined,
  relayHeardMs: () => 0,
  now: () => 0,
};

/** What it tells is forgotten where `listener` does not take it. */
export function relaySetOf(
  { node, relays, plane, carriers = new Carriers(plane), clock = env.clock }: RelaySetWish,
  listener: Partial<RelaySetListener> = {},
): RelaySet {
  return new RelaySet(
    {
      relays,
      keys: node.keys,
      networkBytes: node.networkBytes,
      credential: () => node.credential,
      agent: 'evio/test',
      env: { ...env, clock },
      plane,
      carriers,
    },
    {
      welcome: () => undefined,
      refused: () => undefined,
      member: () => undefined,
      applicants: () => undefined,
      waiting: () => undefined,
      ledger: () => undefined,
      presence: () => undefined,
      left: () => undefined,
      named: () => undefined,
      roster: () => undefined,
      changed: () => undefined,
      up: () => undefined,
      down: () => undefined,
      reflexive: () => undefined,
      stunServers: () => undefined,
      ...listener,
    },
  );
}

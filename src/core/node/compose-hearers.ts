/** Everybody is there: who hears what relays, the machine, peers and the plane tell. */
import { messageOf } from '../lib/errors.js';
import type { Outputs } from '../lib/turn.js';
import type { Peer } from '../peer/peer.js';
import type { Applicants } from './applicants.js';
import type { Arrivals } from './arrivals.js';
import type { Outside } from './compose-outside.js';
import type { OwnAddress } from './own-address.js';
import { PeerEvents, type PeerNews } from './peer-events.js';
import type { PeerTimers } from './peer-timers.js';
import type { Pinger } from './pinger.js';
import { PlaneEvents, type PlaneEventParts } from './plane-events.js';
import type { RunContext } from './ports.js';
import { RelayEvents } from './relay-events.js';
import { Waking } from './waking.js';
import { WayEvents } from './ways.js';

/** What the plane's listener needs, and what the others do beside that. */
export interface HearerParts extends Omit<
  PlaneEventParts,
  'plane' | 'clock' | 'log' | 'network' | 'tell' | 'carriers' | 'relays' | 'surroundings' | 'fatal'
> {
  readonly context: RunContext;
  readonly outside: Outside;
  readonly peerNews: Outputs<PeerNews>;
  readonly timers: PeerTimers<Peer>;
  readonly arrivals: Arrivals;
  readonly ownAddress: OwnAddress;
  readonly applicants: Applicants;
  readonly pinger: Pinger;
}

/** Names the listeners of all outboxes. Returns that of the plane, whose calls are inputs of a turn. */
export function composeHearers(parts: HearerParts): PlaneEvents {
  const { context, outside, peerNews, timers, arrivals, ownAddress, applicants, pinger, ...heard } = parts;
  const { members, overlay, subnets, services, ledger, farewells, renewals, keyChanges } = heard;
  const { options, credential, keeper, tell, fatal } = context;
  const { plane, carriers, relays, relayNews, surroundings, wayNews } = outside;
  const { env } = options;
  const { clock, log } = env;
  const { networkId } = credential.self;
  const waking = new Waking(members);
  const wayEvents = new WayEvents(clock, members, overlay, timers, waking, (change) => {
    // A socket may be bound to what is gone. The old one stays in use where there is no other to be had.
    plane.rebind().catch((thrown: unknown) => {
      log.warn('udp socket not renewed', { reason: messageOf(thrown) });
    });
    if (change === 'slept') relays.resume('this machine slept');
    else if (change === 'moved') relays.nudge();
    else if (relays.anyUp) relays.move();
    else relays.resume('packets leave by another interface');
    subnets.moved();
  });
  wayNews.deliver(wayEvents);
  relayNews.deliver(
    new RelayEvents({
      env,
      network: networkId,
      credential,
      dates: options.dates,
      keeper,
      relays,
      surroundings,
      members,
      overlay,
      ledger,
      arrivals,
      ways: wayEvents,
      ownAddress,
      farewells,
      applicants,
      tell,
      fatal,
    }),
  );
  peerNews.deliver(
    new PeerEvents({
      clock,
      log,
      network: networkId,
      relays,
      surroundings,
      members,
      waking,
      overlay,
      subnets,
      services,
      ledger,
      renewals,
      keyChanges,
      pinger,
      keeper,
      tidying: context.ports.tidying,
      tell,
    }),
  );
  return new PlaneEvents({
    ...heard,
    plane,
    clock,
    log,
    network: networkId,
    tell,
    carriers,
    relays,
    surroundings,
    fatal,
  });
}

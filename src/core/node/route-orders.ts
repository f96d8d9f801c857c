/** What a person orders of the subnets of this machine, and what is remembered of others' from the last run. */
import { parseAnnouncement } from '../identity/announcement.js';
import { rangesOf } from '../identity/network.js';
import { nodeIdOf, nodeIdText } from '../identity/node-id.js';
import type { Clock } from '../lib/env.js';
import { equalPrefixes } from '../lib/prefix.js';
import type { Profile } from '../membership/profile.js';
import type { Self } from '../membership/self.js';
import type { Peers } from '../peer/peers.js';
import { acceptAll, withAccepted } from '../subnets/acceptance.js';
import type { Announcer, KeptAnnouncement } from '../subnets/book.js';
import { checkPrefix, roomBeside, withSubnet } from '../subnets/own.js';
import { withRoutes, type RouteChoice, type RouteSettings } from '../subnets/settings.js';
import type { Subnets } from '../subnets/subnets.js';

export interface RouteOrdersParts {
  readonly clock: Clock;
  readonly routes: RouteSettings;
  readonly self: () => Self;
  /** Of the run. Throws EvioError EVIO_NOT_RUNNING. */
  readonly subnets: () => Subnets;
  readonly changeProfile: (change: (profile: Profile) => Profile) => Promise<unknown>;
  readonly changed: () => void;
}

export class RouteOrders {
  readonly #parts: RouteOrdersParts;
  /** The last change of the profile: they follow each other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(parts: RouteOrdersParts) {
    this.#parts = parts;
  }

  announce(cidr: string, shared: boolean): Promise<void> {
    const prefix = checkPrefix(cidr);
    return this.#change((routes) => {
      const { self, subnets, clock } = this.#parts;
      subnets().check(prefix, shared);
      const since = Math.floor(clock.date() / 1_000);
      const { network, credential } = self();
      const room = roomBeside(credential.length);
      const subnet = { prefix, shared, since };
      return { ...routes, announced: withSubnet(routes.announced, subnet, rangesOf(network), room) };
    });
  }

  withdraw(cidr: string): Promise<void> {
    const prefix = checkPrefix(cidr);
    return this.#change((routes) => {
      const announced = routes.announced.filter((subnet) => !equalPrefixes(subnet.prefix, prefix));
      return announced.length === routes.announced.length ? routes : { ...routes, announced };
    });
  }

  accept(range: string, accepted: boolean): Promise<void> {
    const wanted = range === acceptAll ? acceptAll : checkPrefix(range);
    return this.#change((routes) => ({
      ...routes,
      accepted: withAccepted(routes.accepted, wanted, accepted),
    }));
  }

  /** First on disk, then in effect, one after the other. */
  #change(change: (routes: RouteChoice) => RouteChoice): Promise<void> {
    const { routes, changeProfile } = this.#parts;
    const done = this.#changing.then(async () => {
      const changed = change(routes);
      await changeProfile((profile) => withRoutes(profile, changed));
      routes.announced = changed.announced;
      routes.accepted = changed.accepted;
      this.#parts.changed();
    });
    this.#changing = done.catch(() => undefined);
    return done;
  }
}

/** What members announced when the node stopped last, of those that are known. */
export function keptSubnets(
  kept: readonly KeptAnnouncement[],
  members: Peers,
): (KeptAnnouncement & { readonly member: Announcer })[] {
  return kept.flatMap((one) => {
    const announcement = parseAnnouncement(one.document);
    const peer = announcement && members.get(nodeIdText(nodeIdOf(announcement.nodeKey)));
    return peer ? [{ ...one, member: peer.member }] : [];
  });
}

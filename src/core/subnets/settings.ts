/** What the operator set about subnets: it outlives a run of the node, and stands in the profile. */
import type { Subnet } from '../identity/announcement.js';
import type { Profile } from '../membership/profile.js';
import { keptSubnets, subnetsOf } from './own.js';

export interface RouteChoice {
  /** What this node announces. */
  readonly announced: readonly Subnet[];
  /** Ranges that it accepts, or `all`. */
  readonly accepted: readonly string[];
}

export class RouteSettings implements RouteChoice {
  announced: readonly Subnet[];
  accepted: readonly string[];

  constructor(profile: Pick<Profile, 'announced' | 'acceptedRoutes'>) {
    this.announced = subnetsOf(profile.announced);
    this.accepted = profile.acceptedRoutes ?? [];
  }
}

/** The profile with these. */
export function withRoutes(profile: Profile, { announced, accepted }: RouteChoice): Profile {
  const { announced: _, acceptedRoutes: __, ...rest } = profile;
  return {
    ...rest,
    ...(announced.length > 0 ? { announced: keptSubnets(announced) } : {}),
    ...(accepted.length > 0 ? { acceptedRoutes: accepted } : {}),
  };
}

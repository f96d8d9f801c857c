/** What a person may order of a node, beside what the ledger says: subnets, and what its machine does. */
import type { Profile } from '../membership/profile.js';
import type { Self } from '../membership/self.js';
import type { RouteSettings } from '../subnets/settings.js';
import { LocalOrders } from './local-orders.js';
import type { LocalSettings } from './local-settings.js';
import type { NodeOptions } from './node.js';
import { RouteOrders } from './route-orders.js';
import type { Run } from './run.js';

export interface OrdersParts {
  readonly options: NodeOptions;
  readonly routes: RouteSettings;
  readonly settings: LocalSettings;
  readonly self: () => Self;
  /** Throws EvioError EVIO_NOT_RUNNING. */
  readonly live: () => Run;
  readonly running: () => Run | undefined;
}

export function composeOrders({ options, routes, settings, self, live, running }: OrdersParts): {
  readonly routes: RouteOrders;
  readonly local: LocalOrders;
} {
  const changeProfile = async (change: (profile: Profile) => Profile): Promise<void> => {
    await options.changeProfile?.(change);
  };
  const orders = new RouteOrders({
    ...{ clock: options.env.clock, routes, self, changeProfile },
    subnets: () => live().subnets,
    changed: () => {
      const run = running();
      run?.turn.input(() => {
        run.subnets.reconfigured();
      });
    },
  });
  const local = new LocalOrders({
    ...{ settings, live, changeProfile, log: options.env.log },
    announce: (cidr, shared) => orders.announce(cidr, shared),
    withdraw: (cidr) => orders.withdraw(cidr),
  });
  return { routes: orders, local };
}

/** DEL and GC of pods that are neighbours in the network. What is not there any more is no error. */
import { BlockingClient } from '../../core/control/client-blocking.js';
import { containsCidr, parseIpv4, type Cidr } from '../../core/lib/ipv4.js';
import { lockOf, type Context } from '../commands/context.js';
import { Code, CniError } from '../errors.js';
import { listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { linkName, linkPrefix } from '../names.js';
import { Network } from '../programs.js';
import type { Parameters } from '../request.js';
import { detach } from './add.js';
import { Leases } from './leases.js';
import { heldRanges, placeOf, returnRanges } from './ranges.js';

export function del(context: Context, { containerId, ifname }: Parameters): void {
  const { config, home } = context;
  const leases = new Leases(home.path);
  locked(lockOf(home), (held) => {
    detach(Network.host(held), leases, undefined, linkName(config.name, containerId, ifname));
  });
  giveBack(context, leases);
}

/** Goes on after a failure, and throws CniError with all of them. */
export function gc(context: Context): void {
  const { config, home } = context;
  const { name, valid = [] } = config;
  const leases = new Leases(home.path);
  const keep = new Set(valid.map(({ containerId, ifname }) => linkName(name, containerId, ifname)));
  const failures: string[] = [];
  locked(lockOf(home), (held) => {
    const host = Network.host(held);
    const ours = [...listLinks().map(({ ifname }) => ifname), ...leases.list().map(({ link }) => link)];
    // One without a name was being written when its plugin was killed.
    const stale = ours.filter((link) => link === '' || link.startsWith(linkPrefix(name)));
    for (const link of new Set(stale.filter((link) => !keep.has(link))))
      try {
        detach(host, leases, undefined, link);
      } catch (thrown) {
        failures.push(thrown instanceof CniError ? `${thrown.message}: ${thrown.details}` : String(thrown));
      }
  });
  giveBack(context, leases);
  if (failures.length > 0)
    throw new CniError(Code.failed, 'not everything could be removed', failures.join('; '));
}

/** Ranges without pods go back to the network. Where no node runs they do with the next pod that goes. */
function giveBack({ config, home }: Context, leases: Leases): void {
  try {
    BlockingClient.use(home.controlSocket, (client) => {
      const place = placeOf(client, config.network);
      const ranges = heldRanges(client, place);
      const empty = locked(lockOf(home), () => {
        const used = leases.list().map(({ ip }) => ({ base: parseIpv4(ip) ?? 0, prefix: 32 }));
        return ranges.filter((range: Cidr) => !used.some((address) => containsCidr(range, address)));
      });
      returnRanges(client, place, empty);
    });
  } catch {
    // It is no part of what the runtime asked for.
  }
}

/** ADD: connects a pod. */
import { existsSync } from 'node:fs';
import { forgetAttached, noteAttached, podOf } from '../attached.js';
import { plug, tidy, unplug } from '../bridge.js';
import { Code, CniError } from '../errors.js';
import { Kernel, listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { linkName, macOf } from '../names.js';
import { deviceOf, evioLink } from '../node.js';
import { configure } from '../pod.js';
import { checkOverlap } from '../overlap.js';
import { Network } from '../programs.js';
import { beginFilter } from '../standing.js';
import type { Parameters } from '../request.js';
import type { Result } from '../result.js';
import { ipamOf, lockOf, withLease, type Context } from './context.js';

/** Does `work` unless it threw already: what undoes must go on, and the first failure is the one to tell. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // The failure that led here is told; the runtime calls DEL, which says what is in the way.
  }
}

/** On any failure nothing of the pod is left. Throws CniError. */
export function add(asked: Context, { containerId, ifname, netns }: Parameters): Result {
  if (!existsSync(netns))
    throw new CniError(Code.environment, `CNI_NETNS: there is no namespace at ${netns}`);
  const { home } = asked;
  const context = withLease(asked);
  const device = deviceOf(asked.config, home);
  const { config } = context;
  return locked(lockOf(home), (held) => {
    const host = Network.host(held);
    const links = listLinks();
    const evio = evioLink(links, device);
    const link = linkName(config.name, containerId, ifname);
    // Before anything is done: an attachment that is there must not be undone by the failure of a second one.
    if (links.some((candidate) => candidate.ifname === link))
      throw new CniError(Code.exists, `the container ${containerId} is attached by ${ifname} already`);
    const ipam = ipamOf(context, held);
    const nft = beginFilter(host);
    let leased = false;
    try {
      const addresses = ipam.add(config.raw, config.version);
      leased = true;
      checkOverlap(addresses, links, config.bridge);
      const mac = config.mac ?? macOf(addresses.ips[0]?.address ?? '');
      const { bridge, hairpin, guard, policy } = config;
      const masqueraded = config.masquerade ? device : undefined;
      // As evio's interface: longer packets would not get through, longer super-frames not whole.
      const { mtu, gso_max_size: superFrame } = evio;
      const ends = {
        bridge,
        link,
        netns,
        ifname,
        mac,
        mtu,
        superFrame,
        guard,
        hairpin,
        routedOnly: policy,
        device: masqueraded,
      };
      const interfaces = Kernel.use((kernel) => plug(host, nft, kernel, links, addresses, ends));
      const pod = policy ? podOf(process.env['CNI_ARGS']) : undefined;
      if (pod)
        noteAttached(home.path, link, {
          ...pod,
          ips: addresses.ips.map(({ address }) => address.split('/')[0] ?? ''),
        });
      const routes = configure(netns, ifname, addresses);
      return {
        interfaces: [...interfaces, { name: ifname, mac, mtu, sandbox: netns }],
        ips: addresses.ips.map((ip) => ({ ...ip, interface: interfaces.length })),
        routes,
        dns: addresses.dns,
      };
    } catch (thrown) {
      attempt(() => {
        unplug(listLinks().some(({ ifname }) => ifname === link) ? [link] : []);
      });
      attempt(() => {
        tidy(host, config.bridge, [link]);
      });
      attempt(() => {
        forgetAttached(home.path, link);
      });
      // A plugin that refused because of an earlier lease of this container must keep that.
      if (leased)
        attempt(() => {
          ipam.do('DEL', config.raw, config.version);
        });
      throw thrown;
    } finally {
      nft.close();
    }
  });
}

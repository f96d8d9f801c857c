/** DEL: disconnects a pod. What is not there any more is no error. */
import { forgetAttached } from '../attached.js';
import { tidy, unplug } from '../bridge.js';
import { listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { linkName } from '../names.js';
import { Network } from '../programs.js';
import type { Parameters } from '../request.js';
import { ipamOf, lockOf, withPool, type Context } from './context.js';

export function del(asked: Context, { containerId, ifname }: Parameters): void {
  const context = withPool(asked);
  const { config, home } = context;
  locked(lockOf(home), (held) => {
    const host = Network.host(held);
    const link = linkName(config.name, containerId, ifname);
    // The host's end is found by its name, so the pod's namespace may be gone.
    if (listLinks().some((candidate) => candidate.ifname === link)) unplug([link]);
    tidy(host, config.bridge, [link]);
    forgetAttached(home.path, link);
    // Last: an address is given to another pod only after this one has lost it.
    ipamOf(context, held).do('DEL', config.raw, config.version);
  });
}

/** CHECK and STATUS of pods that are neighbours in the network. */
import { existsSync } from 'node:fs';
import { BlockingClient } from '../../core/control/client-blocking.js';
import { EvioError } from '../../core/lib/errors.js';
import { lockOf, type Context } from '../commands/context.js';
import { Code, CniError } from '../errors.js';
import { listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { linkName } from '../names.js';
import { asAnswer, evioLink } from '../node.js';
import { checkPod } from '../pod.js';
import { checkGuard } from '../port-guard.js';
import { Network } from '../programs.js';
import type { Parameters } from '../request.js';
import { Leases } from './leases.js';
import { placeOf, type Place } from './ranges.js';
import { namesOf } from './wiring.js';

/** Throws CniError (102) that names what is missing, 7 without a previous result. */
export function check(context: Context, { containerId, ifname, netns }: Parameters): void {
  const { config, home } = context;
  const { previous } = config;
  if (previous === undefined)
    throw new CniError(Code.config, 'CHECK needs the result of ADD', 'the runtime passes it as "prevResult"');
  const { device } = place(context);
  locked(lockOf(home), (held) => {
    const broken = (what: string): CniError => new CniError(Code.broken, what);
    const host = Network.host(held);
    const links = listLinks();
    const names = namesOf(device);
    const link = linkName(config.name, containerId, ifname);
    const [lease] = new Leases(home.path).of(link);
    if (lease === undefined) throw broken('the pod has no lease of its address');
    for (const name of [evioLink(links, device).ifname, names.bridge, names.port, names.link, link])
      if (!links.some((candidate) => candidate.ifname === name))
        throw broken(`the node lacks the interface ${name}`);
    for (const name of [names.link, link])
      if (links.find((candidate) => candidate.ifname === name)?.master !== names.bridge)
        throw broken(`the interface ${name} is no port of the bridge ${names.bridge}`);
    if (config.guard) checkGuard(host, names.bridge, link);
    if (!existsSync(netns)) throw broken(`there is no namespace at ${netns}`);
    checkPod(netns, ifname, previous);
  });
}

/** Throws CniError (51) when evio does not run here, or gives pods no addresses. */
export function status(context: Context): void {
  try {
    const { device } = place(context);
    namesOf(device);
    evioLink(listLinks(), device);
  } catch (thrown) {
    const { message, details } = thrown as CniError;
    throw new CniError(Code.limited, message, details);
  }
}

function place({ config, home }: Context): Place {
  try {
    return BlockingClient.use(home.controlSocket, (client) => placeOf(client, config.network));
  } catch (thrown) {
    throw thrown instanceof EvioError ? asAnswer(thrown) : thrown;
  }
}

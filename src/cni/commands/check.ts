/** CHECK: is the pod connected as ADD left it? */
import { existsSync } from 'node:fs';
import { gatewaysOf } from '../bridge.js';
import { Code, CniError } from '../errors.js';
import { listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { checkMasquerade } from '../masquerade.js';
import { linkName } from '../names.js';
import { deviceOf, evioLink } from '../node.js';
import { checkPod } from '../pod.js';
import { checkGuard } from '../port-guard.js';
import { Network } from '../programs.js';
import type { Parameters } from '../request.js';
import { ipamOf, lockOf, withPool, type Context } from './context.js';

/** Throws CniError (102) that names what is missing, 7 without a previous result. */
export function check(asked: Context, { containerId, ifname, netns }: Parameters): void {
  const context = withPool(asked);
  const { config, home } = context;
  const { previous, bridge } = config;
  if (previous === undefined)
    throw new CniError(Code.config, 'CHECK needs the result of ADD', 'the runtime passes it as "prevResult"');
  const device = deviceOf(config, home);
  locked(lockOf(home), (held) => {
    const broken = (what: string): CniError => new CniError(Code.broken, what);
    const host = Network.host(held);
    const links = listLinks();
    evioLink(links, device);
    ipamOf(context, held).do('CHECK', config.raw, config.version);
    const name = linkName(config.name, containerId, ifname);
    const port = links.find(({ ifname }) => ifname === name);
    if (port === undefined) throw broken(`the node lacks the interface ${name}`);
    if (port.master !== bridge) throw broken(`the interface ${name} is no port of the bridge ${bridge}`);
    const gateway = links.find(({ ifname }) => ifname === bridge);
    const has = new Set(gateway?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
    for (const address of gatewaysOf(previous))
      if (!has.has(address)) throw broken(`the bridge ${bridge} lacks the address ${address}`);
    if (config.masquerade) checkMasquerade(host, bridge);
    if (config.guard) checkGuard(host, bridge, name);
    if (!existsSync(netns)) throw broken(`there is no namespace at ${netns}`);
    checkPod(netns, ifname, previous);
  });
}

/** What is done inside a pod: its interface gets addresses and routes. */
import { writeFileSync } from 'node:fs';
import { Code, CniError } from './errors.js';
import { Kernel, listLinks, Refusal } from './kernel/kernel.js';
import { within } from './kernel/namespace.js';
import { isV6, type Addresses, type Result, type Route } from './result.js';
import { Network } from './programs.js';

/** The default route of each family that has a gateway: what a pod gets whose IPAM plugin says nothing of routes. */
function defaultRoutes({ ips }: Addresses): readonly Route[] {
  const families = [false, true].map((v6) =>
    ips.find(({ address, gateway }) => gateway !== undefined && isV6(address) === v6),
  );
  return families.flatMap((ip) =>
    ip === undefined ? [] : [{ dst: isV6(ip.address) ? '::/0' : '0.0.0.0/0', gw: ip.gateway ?? '' }],
  );
}

/** The gateway of a route: its own, else that of its family. */
function gatewayOf({ dst, gw }: Route, { ips }: Addresses): string | undefined {
  return gw ?? ips.find(({ address }) => isV6(address) === isV6(dst))?.gateway;
}

/** Gives the interface of the pod in this namespace its addresses and routes. Returns the routes that it has. */
export function configure(netns: string, ifname: string, addresses: Addresses): readonly Route[] {
  const { ips, routes } = addresses;
  return within(netns, () =>
    Kernel.use((kernel) => {
      if (ips.some(({ address }) => isV6(address)))
        writeFileSync(`/proc/sys/net/ipv6/conf/${ifname}/disable_ipv6`, '0');
      kernel.set(ifname, { up: true });
      // Duplicates are looked for by the IPAM plugin; the kernel's search takes a second.
      for (const { address } of ips) kernel.addAddress(ifname, address);
      const add = (route: Route): void => {
        kernel.addRoute(ifname, route.dst, { gateway: gatewayOf(route, addresses) });
      };
      for (const route of routes) add(route);
      if (routes.length > 0) return routes;
      return defaultRoutes(addresses).filter((route) => {
        try {
          add(route);
          return true;
        } catch (thrown) {
          if (!(thrown instanceof Refusal)) throw thrown;
          // The pod leaves by another of its networks.
          return false;
        }
      });
    }),
  );
}

/** Throws CniError (102) unless the pod has what this result says. */
export function checkPod(netns: string, ifname: string, result: Result): void {
  const missing = (what: string): CniError => new CniError(Code.broken, `the pod lacks ${what}`);
  const link = within(netns, listLinks).find((candidate) => candidate.ifname === ifname);
  if (link === undefined) throw missing(`the interface ${ifname}`);
  if (!link.flags.includes('UP')) throw new CniError(Code.broken, `the pod's interface ${ifname} is down`);
  const has = new Set(link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
  for (const { address, interface: at } of result.ips) {
    if (at !== undefined && result.interfaces[at]?.name !== ifname) continue;
    if (!has.has(address)) throw missing(`the address ${address}`);
  }
  const routes = { 4: new Set<string>(), 6: new Set<string>() };
  for (const family of [4, 6] as const)
    if (result.routes.some(({ dst }) => isV6(dst) === (family === 6)))
      routes[family] = new Set(Network.at(netns).routes(family));
  for (const { dst } of result.routes) {
    const shown = dst.endsWith('/0') ? 'default' : dst.replace(/\/(32|128)$/, '');
    if (!routes[isV6(dst) ? 6 : 4].has(shown)) throw missing(`a route to ${dst}`);
  }
}

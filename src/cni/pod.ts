/** What is done inside a pod: its interface gets addresses and routes. */
import { Code, CniError } from './errors.js';
import { isV6, type Addresses, type Result, type Route } from './result.js';
import type { Network } from './programs.js';

/** The default route of each family that has a gateway: what a pod gets whose IPAM plugin says nothing of routes. */
function defaultRoutes({ ips }: Addresses): readonly Route[] {
  const families = [false, true].map((v6) =>
    ips.find(({ address, gateway }) => gateway !== undefined && isV6(address) === v6),
  );
  return families.flatMap((ip) =>
    ip === undefined ? [] : [{ dst: isV6(ip.address) ? '::/0' : '0.0.0.0/0', gw: ip.gateway ?? '' }],
  );
}

function routeLine({ dst, gw }: Route, { ips }: Addresses, ifname: string): string {
  const via = gw ?? ips.find(({ address }) => isV6(address) === isV6(dst))?.gateway;
  return `route add ${dst} ${via === undefined ? '' : `via ${via} `}dev ${ifname}`;
}

/** Gives the interface its addresses and routes. Returns the routes that it has. */
export function configure(pod: Network, ifname: string, addresses: Addresses): readonly Route[] {
  // Duplicates are looked for by the IPAM plugin; the kernel's search takes a second.
  const lines = [
    `link set dev ${ifname} up`,
    ...addresses.ips.map(
      ({ address }) => `address add ${address} dev ${ifname}${isV6(address) ? ' nodad' : ''}`,
    ),
  ];
  if (addresses.ips.some(({ address }) => isV6(address)))
    pod.run(['sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${ifname}/disable_ipv6`]);
  if (addresses.routes.length > 0) {
    pod.change([...lines, ...addresses.routes.map((route) => routeLine(route, addresses, ifname))]);
    return addresses.routes;
  }
  const wanted = defaultRoutes(addresses);
  try {
    pod.change([...lines, ...wanted.map((route) => routeLine(route, addresses, ifname))]);
    return wanted;
  } catch (thrown) {
    const at = thrown instanceof CniError ? /Command failed -:(\d+)/.exec(thrown.details)?.[1] : undefined;
    if (at === undefined || Number(at) <= lines.length) throw thrown;
    // The pod leaves by another of its networks.
    return [];
  }
}

/** Throws CniError (102) unless the pod has what this result says. */
export function checkPod(pod: Network, ifname: string, result: Result): void {
  const missing = (what: string): CniError => new CniError(Code.broken, `the pod lacks ${what}`);
  const link = pod.links().find((candidate) => candidate.ifname === ifname);
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
      routes[family] = new Set(pod.routes(family));
  for (const { dst } of result.routes) {
    const shown = dst.endsWith('/0') ? 'default' : dst.replace(/\/(32|128)$/, '');
    if (!routes[isV6(dst) ? 6 : 4].has(shown)) throw missing(`a route to ${dst}`);
  }
}

/**
 * The address that a pod asks for, by the runtime's capabilities `ips` and `mac` (Multus: those of `k8s.v1.cni.cncf.io/networks`).
 * Both say the same here: the MAC of a pod follows from its address, and so does its IPv6 address. Pure.
 */
import { formatCidr, isHostAddress, parseIpv4 } from '../../core/lib/ipv4.js';
import type { Config } from '../config.js';
import { Code, CniError } from '../errors.js';
import { macOf, macPrefix } from '../names.js';
import type { Place } from './ranges.js';
import { ip6Of } from './wiring.js';

/**
 * @returns the IPv4 address, undefined where the pod asks for none
 * @throws CniError (7) for one that no pod of this network can have, and for two
 */
export function wantedAddress({ ips, mac }: Config, { cidr, prefix6 }: Place): string | undefined {
  const refuse = (what: string): CniError =>
    new CniError(
      Code.config,
      what,
      `a pod has one address of ${formatCidr(cidr)}, and the MAC ${macPrefix}:… that follows from it`,
    );
  const bare = ips.map((ip) => ip.split('/')[0] ?? '');
  const own = [
    ...bare.filter((ip) => parseIpv4(ip) !== undefined),
    ...(mac === undefined ? [] : [addressOf(mac) ?? mac]),
  ];
  const [wanted] = own;
  if (wanted === undefined) {
    if (bare.length > 0) throw refuse(`a pod of mode "flat" asks for ${bare.join(', ')} alone`);
    return undefined;
  }
  const ip = parseIpv4(wanted);
  if (ip === undefined) throw refuse(`a pod of mode "flat" asks for the MAC ${wanted}`);
  if (!isHostAddress(cidr, ip)) throw refuse(`a pod asks for ${wanted}, which is none of the network`);
  const ip6 = ip6Of(prefix6, macOf(wanted));
  for (const other of [...own, ...bare])
    if (other !== wanted && other !== ip6) throw refuse(`a pod asks for ${wanted} and for ${other}`);
  return wanted;
}

/** The address from which a pod's MAC was made. */
function addressOf(mac: string): string | undefined {
  if (!mac.startsWith(`${macPrefix}:`)) return undefined;
  const octets = mac.slice(macPrefix.length + 1).split(':');
  return octets.map((octet) => parseInt(octet, 16)).join('.');
}

/**
 * A pod sends as itself: from its own addresses, and not with the MAC of another pod or of the gateway. A table of nftables in
 * the bridge's own family, with a chain for each port that is called like the port; what a pod forged is counted there.
 *
 *   from a port ──▶ its chain ── MAC of another pod: dropped
 *                             ── neighbour discovery (RFC 4861) of another's address, or of a router: dropped
 *                             ── own address, of IP and of ARP: on
 *                             ── anything else: dropped
 */
import { addressBytes } from '../core/lib/endpoint.js';
import { macPrefix, tableName } from './names.js';
import type { Network } from './programs.js';
import { isV6 } from './result.js';
import { standing, type Standing } from './standing.js';

/** What is there before there are rules. */
function frame(bridge: string): string[] {
  return [
    `table bridge ${tableName(bridge)} {`,
    '  map ports { type ifname : verdict; }',
    '  chain from-pod { type filter hook prerouting priority dstnat; policy accept; }',
    '}',
  ];
}

const fromPod = ['iifname vmap @ports'];

/** What all guarded ports share. */
export function guarding(bridge: string): Standing {
  return standing({
    table: `bridge ${tableName(bridge)}`,
    frame: frame(bridge),
    chains: { 'from-pod': fromPod },
  });
}

/**
 * The same, and what keeps to itself what the node says on its bridge to find pods of its own: other members would take it for a
 * lie. `link` is the port that leads to them.
 */
export function guardingUplink(bridge: string, link: string): Standing {
  const table = `bridge ${tableName(bridge)}`;
  return standing({
    table,
    frame: [
      ...frame(bridge),
      `add chain ${table} to-network { type filter hook postrouting priority srcnat; policy accept; }`,
    ],
    chains: {
      'from-pod': fromPod,
      'to-network': [`oifname "${link}" ether saddr & ff:ff:00:00:00:00 != ${macPrefix}:00:00:00:00 drop`],
    },
  });
}

/** Words of nft: the target of an advertisement is none of these addresses, and not link-local. */
function targetsOther(v6: readonly string[]): string {
  const words = v6.flatMap((address) => {
    const bytes = addressBytes(address);
    return bytes ? [`@th,64,128 != 0x${Buffer.from(bytes).toString('hex')}`] : [];
  });
  return [...words, '@th,64,10 != 0x3fa'].join(' ');
}

/**
 * The script for nft that guards a port, which is not there yet, beside what all share. `addresses` with their prefix lengths. `strict`: nothing but
 * this MAC passes.
 */
export function guardScript(
  bridge: string,
  link: string,
  mac: string,
  addresses: readonly string[],
  strict = false,
): string {
  const table = `bridge ${tableName(bridge)}`;
  const rule = `add rule ${table} ${link}`;
  const own = addresses.map((address) => address.split('/')[0] ?? '');
  const v4 = own.filter((address) => !isV6(address));
  const v6 = own.filter(isV6);
  return [
    `add chain ${table} ${link}`,
    `flush chain ${table} ${link}`,
    // The tuning plugin may give the pod another MAC afterwards: only what looks like another pod's is refused.
    `${rule} ${strict ? '' : `ether saddr & ff:ff:00:00:00:00 == ${macPrefix}:00:00:00:00 `}ether saddr != ${mac} counter drop`,
    ...(v4.length > 0 ? [`${rule} ip saddr { ${v4.join(', ')} } return`] : []),
    `${rule} arp saddr ip { ${['0.0.0.0', ...v4].join(', ')} } return`,
    `${rule} icmpv6 type { nd-router-advert, nd-redirect } counter drop`,
    `${rule} icmpv6 type nd-neighbor-advert ${targetsOther(v6)} counter drop`,
    `${rule} ip6 saddr { ${['::', 'fe80::/10', ...v6].join(', ')} } return`,
    `${rule} counter drop`,
    `add element ${table} ports { "${link}" : jump ${link} }`,
    '',
  ].join('\n');
}

/** The script that ends the guard of these ports, whether there is one or not: what is added first can be deleted. */
export function unguardScript(bridge: string, links: readonly string[]): string {
  const table = `bridge ${tableName(bridge)}`;
  return [
    ...frame(bridge),
    ...links.flatMap((link) => [
      `add chain ${table} ${link}`,
      `add element ${table} ports { "${link}" : jump ${link} }`,
      `delete element ${table} ports { "${link}" }`,
      `delete chain ${table} ${link}`,
    ]),
    '',
  ].join('\n');
}

/** Names of the ports that have a guard. */
export function guardedPorts(host: Network, bridge: string): readonly string[] {
  let printed: string;
  try {
    printed = host.run(['nft', '-j', 'list', 'table', 'bridge', tableName(bridge)]);
  } catch {
    // No table: no guard.
    return [];
  }
  const { nftables } = JSON.parse(printed) as { nftables: { chain?: { name: string } }[] };
  return nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain.name]));
}

/** Throws CniError when the port has none. */
export function checkGuard(host: Network, bridge: string, link: string): void {
  host.run(['nft', 'list', 'chain', 'bridge', tableName(bridge), link]);
}

/**
 * Towards the outside pods have the address of their node; towards pods and members their own. One table of nftables for
 * each bridge, written as a whole: writing it again changes nothing, and it goes with the bridge.
 */
import { isV6 } from './result.js';
import { tableName } from './names.js';
import type { Network } from './programs.js';

/** The script for nft. `addresses` with their prefix lengths; `device` is evio's interface. */
export function masqueradeScript(bridge: string, device: string, addresses: readonly string[]): string {
  const table = `inet ${tableName(bridge)}`;
  const inside = `oifname != { "${bridge}", "${device}" }`;
  return [
    `table ${table} {`,
    '  set pods4 { type ipv4_addr; flags interval; auto-merge; }',
    '  set pods6 { type ipv6_addr; flags interval; auto-merge; }',
    '  chain outward { type nat hook postrouting priority srcnat; policy accept; }',
    '}',
    ...addresses.map((address) => `add element ${table} ${isV6(address) ? 'pods6' : 'pods4'} { ${address} }`),
    `flush chain ${table} outward`,
    `add rule ${table} outward ip saddr @pods4 ip daddr != 224.0.0.0/4 ${inside} masquerade`,
    `add rule ${table} outward ip6 saddr @pods6 ip6 daddr != ff00::/8 ${inside} masquerade`,
    '',
  ].join('\n');
}

/** Throws CniError when the table is missing. */
export function checkMasquerade(host: Network, bridge: string): void {
  host.run(['nft', 'list', 'chain', 'inet', tableName(bridge), 'outward']);
}

/**
 * Towards the outside pods have the address of their node; towards pods and members their own. One table of nftables for
 * each bridge, which goes with it.
 */
import { formatPrefix } from '../core/lib/prefix.js';
import { tableName } from './names.js';
import { rangeOf } from './overlap.js';
import type { Network } from './programs.js';
import { isV6 } from './result.js';
import { standing, type Standing } from './standing.js';

/** The rules. `addresses` with the lengths of their ranges; `device` is evio's interface. */
export function masquerading(bridge: string, device: string, addresses: readonly string[]): Standing {
  const table = `inet ${tableName(bridge)}`;
  const inside = `oifname != { "${bridge}", "${device}" }`;
  const ranges = addresses.flatMap((address) => {
    const range = rangeOf(address);
    return range ? [formatPrefix(range)] : [];
  });
  return standing({
    table,
    frame: [
      `table ${table} {`,
      '  set pods4 { type ipv4_addr; flags interval; auto-merge; }',
      '  set pods6 { type ipv6_addr; flags interval; auto-merge; }',
      '  chain outward { type nat hook postrouting priority srcnat; policy accept; }',
      '}',
    ],
    elements: ranges.map((range) => [isV6(range) ? 'pods6' : 'pods4', range]),
    chains: {
      outward: [
        `ip saddr @pods4 ip daddr != 224.0.0.0/4 ${inside} masquerade`,
        `ip6 saddr @pods6 ip6 daddr != ff00::/8 ${inside} masquerade`,
      ],
    },
  });
}

/** Throws CniError when the table is missing. */
export function checkMasquerade(host: Network, bridge: string): void {
  host.run(['nft', 'list', 'chain', 'inet', tableName(bridge), 'outward']);
}

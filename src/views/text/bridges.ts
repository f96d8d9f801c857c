/** `evio bridge` and `evio bridge list` as plain text. */
import type { LanReport } from '../../core/control/schema.js';
import { printable, table } from '../format.js';

/** `eth1, blocked: ben bridges this LAN, and stands first.` */
export function lanText({ interface: device, state, reason }: LanReport): string {
  return `${printable(device)}, ${state}${reason === null ? '' : `: ${printable(reason)}`}`;
}

export function bridgesText(bridges: readonly (LanReport & { readonly network: string })[]): string {
  if (bridges.length === 0) return 'No LAN is bridged.\n';
  return table(
    ['NETWORK', 'INTERFACE', 'STATE', 'ALSO ON THE LAN', ''],
    bridges.map(({ network, interface: device, state, reason, others }) => [
      printable(network),
      printable(device),
      state,
      others.map(({ name }) => printable(name)).join(', '),
      reason === null ? '' : printable(reason),
    ]),
  );
}

/** What to do where machines on the LAN send longer frames than the network carries. */
export function mtuAdvice(network: number, lan: number): string[] {
  if (lan <= network) return [];
  return [
    `Machines on the LAN send up to ${lan} bytes, and the network carries ${network}: longer packets are dropped. Set it once, for all members: evio network set mtu=${lan}`,
  ];
}

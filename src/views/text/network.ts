/** `evio network show` and `evio admin list` for people. */
import { shownRelay } from '../../core/lib/relay-address.js';

export interface ShownAdmin {
  readonly id: string;
  readonly name: string | null;
  readonly rank: number;
  readonly self: boolean;
}

export interface ShownNetwork {
  readonly id: string;
  readonly name: string;
  readonly cidr: string;
  readonly mtu: number;
  readonly relays: readonly string[];
  readonly serial: number;
  /** How many admins must let in who joins. */
  readonly admit: number;
  readonly revoked: readonly {
    readonly id: string;
    readonly name: string;
    readonly reason: string;
    readonly at: string;
    readonly by: string;
  }[];
}

export function adminsText(admins: readonly ShownAdmin[]): string {
  if (admins.length === 0)
    return 'No admin was named yet: the machine that made the network is the only one.';
  return admins
    .map(({ id, name, rank, self }) => `${id}  rank ${rank}  ${name ?? '?'}${self ? '  (this machine)' : ''}`)
    .join('\n');
}

export function networkText(network: ShownNetwork): string {
  const { name, id, cidr, mtu, relays, serial, admit, revoked } = network;
  return [
    `network  ${name} (${id})`,
    `range    ${cidr}`,
    `mtu      ${mtu}`,
    `relays   ${relays.length === 0 ? 'none' : relays.map(shownRelay).join(', ')}`,
    `ledger   ${serial} statements`,
    ...(admit === 0
      ? []
      : [`joining  when ${admit === 1 ? 'an admin has' : `${admit} admins have`} let it in`]),
    ...revoked.map(
      (bar) =>
        `revoked  ${bar.name} (${bar.id}) ${bar.at} by ${bar.by}${bar.reason === '' ? '' : `: ${bar.reason}`}`,
    ),
  ].join('\n');
}

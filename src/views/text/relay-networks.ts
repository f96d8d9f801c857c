/** `evio relay networks` and `evio relay invite list` as plain text. */
import { table } from '../format.js';

export interface RelayNetworkRow {
  readonly id: string;
  readonly name: string;
  readonly by: 'claim' | 'ticket' | 'operator' | 'before' | null;
  readonly since: string | null;
  readonly members: number;
  readonly online: number;
}

export interface RelayInviteRow {
  readonly id: string;
  readonly state: string;
  readonly expires: string;
  readonly uses: number | null;
  readonly networks: readonly string[];
}

const words = {
  claim: 'the first to come',
  ticket: 'relay invite',
  operator: 'evio relay allow',
  before: 'served before',
} as const;

export function relayNetworksText(networks: readonly RelayNetworkRow[]): string {
  if (networks.length === 0) return 'This relay knows no network yet.\n';
  return table(
    ['ID', 'NAME', 'LET IN BY', 'SINCE', 'MEMBERS', 'ONLINE'],
    networks.map((network) => [
      network.id,
      network.name || '-',
      network.by === null ? '-' : words[network.by],
      network.since ?? '-',
      String(network.members),
      String(network.online),
    ]),
  );
}

export function relayInvitesText(invites: readonly RelayInviteRow[]): string {
  if (invites.length === 0) return 'This relay knows no relay invites.\n';
  return table(
    ['ID', 'STATE', 'EXPIRES', 'USED', 'NETWORKS'],
    invites.map(({ id, state, expires, uses, networks }) => [
      id,
      state,
      expires,
      `${networks.length} of ${uses ?? '?'}`,
      networks.join(',') || '-',
    ]),
  );
}

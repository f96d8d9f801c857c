/** `evio netcheck` as plain text. */
import { shownRelay } from '../../core/lib/relay-address.js';
import { printable } from '../format.js';

/** The JSON of `evio netcheck`. */
export interface NetcheckFindings {
  readonly udp: boolean;
  readonly ipv6: boolean;
  readonly nat: {
    readonly mapping: string;
    readonly filtering: string;
    readonly hairpin: boolean | null;
    readonly addresses: readonly string[];
  };
  readonly relays: readonly {
    readonly url: string;
    readonly rttMs: number | null;
    readonly tcpMs: number | null;
    readonly observed: string | null;
  }[];
  readonly portMapping: { readonly kind: string; readonly external: string | null };
  readonly mtu: number | null;
  readonly portal?: string | null;
  readonly proxy: { readonly variables: readonly string[]; readonly foreign: readonly string[] };
}

export function netcheckText({
  udp,
  ipv6,
  nat,
  relays,
  portMapping,
  mtu,
  portal,
  proxy,
}: NetcheckFindings): string {
  const yes = (value: boolean | null): string => (value === null ? 'not known' : value ? 'yes' : 'no');
  const ms = (value: number | null): string => (value === null ? 'no answer' : `${value} ms`);
  const rows: [string, string][] = [
    ['UDP', relays.length === 0 ? 'not known: no relay to ask (evio netcheck --relay HOST:PORT)' : yes(udp)],
    ['IPv6', yes(ipv6)],
    ['NAT mapping', nat.mapping],
    ['NAT filtering', nat.filtering],
    ['Hairpin', yes(nat.hairpin)],
    ['Seen as', nat.addresses.join(', ') || '-'],
    [
      'Port mapping',
      portMapping.external === null
        ? portMapping.kind
        : `${portMapping.kind}, outside ${portMapping.external}`,
    ],
    ['MTU to relay', mtu === null ? 'not known' : `${mtu} bytes`],
    ...proxy.variables.map((name): [string, string] => ['Proxy', `${name} is set; evio does not use it`]),
    ...proxy.foreign.map((url): [string, string] => [
      'In between',
      `something that is no relay answers for ${shownRelay(url)}: a portal or a proxy`,
    ]),
    ...(portal == null
      ? []
      : [
          ['Login', `${printable(portal)} answers in its place: log in there if it is of this network`] as [
            string,
            string,
          ],
        ]),
    ...relays.map(({ url, rttMs, tcpMs }): [string, string] => [
      'Relay',
      `${shownRelay(url)}  UDP ${ms(rttMs)}, TCP ${ms(tcpMs)}`,
    ]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(13)}  ${value}\n`).join('');
}

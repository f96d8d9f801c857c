/** The kinds of site that the matrix is of, and what evio can do about two of them. */
import { findProgram } from '../../src/lab/exec.js';
import type { SiteOptions } from '../../src/lab/site.js';

export interface Kind {
  readonly name: string;
  readonly nat: SiteOptions['nat'];
  readonly what: string;
  /** Its router opens ports when it is asked so. */
  readonly opens?: 'pcp' | 'upnp';
  /** Nothing but this way leads out. */
  readonly only?: 'proxy';
}

const all: (Kind & { readonly needs?: string })[] = [
  { name: 'public', nat: 'public', what: 'a public address of both families' },
  { name: 'EIF', nat: 'endpoint-independent-filtering', what: 'endpoint-independent mapping and filtering' },
  {
    name: 'ADF',
    nat: 'address-dependent-filtering',
    what: 'endpoint-independent mapping, address-dependent filtering',
  },
  {
    name: 'APDF',
    nat: 'endpoint-independent',
    what: 'endpoint-independent mapping, address-and-port-dependent filtering',
  },
  { name: 'double', nat: 'double-nat', what: 'two routers as `APDF` in a row' },
  {
    name: 'sequential',
    nat: 'sequential-ports',
    what: 'address-and-port-dependent mapping and filtering, ports in a row',
  },
  {
    name: 'random',
    nat: 'address-and-port-dependent',
    what: 'address-and-port-dependent mapping and filtering, random ports',
  },
  {
    name: 'pcp',
    nat: 'address-and-port-dependent',
    what: 'as `random`, and its router opens ports when asked by PCP or NAT-PMP (miniupnpd)',
    opens: 'pcp',
    needs: 'miniupnpd',
  },
  {
    name: 'upnp',
    nat: 'address-and-port-dependent',
    what: 'as `random`, and its router opens ports when asked by UPnP (miniupnpd)',
    opens: 'upnp',
    needs: 'miniupnpd',
  },
  { name: 'v6', nat: 'ipv6-only', what: 'IPv6 only, behind a stateful firewall' },
  { name: 'no-udp', nat: 'udp-blocked', what: 'as `APDF`, UDP is dropped' },
  { name: 'tcp-443', nat: 'tcp-443-only', what: 'nothing but TCP to port 443 gets out' },
  {
    name: 'proxy',
    nat: 'endpoint-independent',
    what: 'nothing gets out but to an HTTP proxy, which takes CONNECT to port 443 (tinyproxy)',
    only: 'proxy',
    needs: 'tinyproxy',
  },
];

/** Those whose programs are on this machine. */
export const kinds: readonly Kind[] = all.filter(
  ({ needs }) => needs === undefined || findProgram(needs) !== undefined,
);

const opened = ['pcp', 'upnp'];
/** One outside port for all, so that it can be told. */
const told = ['public', 'EIF', 'ADF', 'APDF', 'double', ...opened];
/** Let in what comes from ports that were not sent to. */
const open = ['public', 'EIF', 'ADF', ...opened];

/** The technique that may miss, and that who says `--no-birthday` takes no part in. */
export const byLuck = 'many ports are opened, random ones tried';

/** By which technique of evio the two become direct; undefined: by none. */
export function technique(a: string, b: string): string | undefined {
  const both = (one: readonly string[], other: readonly string[]): boolean =>
    (one.includes(a) && other.includes(b)) || (one.includes(b) && other.includes(a));
  if (both(opened, [...told, 'sequential', 'random'])) return 'a port of the router';
  if (both(told, told)) return 'both tell their outside port, and send at once';
  if (both(['sequential', 'random'], open)) return 'the other side lets in whoever comes';
  if (both(['sequential'], told)) return 'ports in a row are predicted';
  if (both(['random'], told)) return byLuck;
  return both(['v6'], ['v6', 'public']) ? 'IPv6' : undefined;
}

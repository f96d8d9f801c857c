/** Names, ranges and addresses as operators give them. */
import { addressBytes, parseHostPort } from '../lib/endpoint.js';
import { EvioError } from '../lib/errors.js';
import { formatCidr, formatIpv4, isHostAddress, parseCidr, parseIpv4, type Cidr } from '../lib/ipv4.js';

export const defaultCidr = '10.144.0.0/16';
export const defaultMtu = 1400;

/** The operator error of a value that cannot be used. */
export function badValue(message: string, ...suggestions: string[]): EvioError {
  return new EvioError('EVIO_BAD_VALUE', message, suggestions);
}

/** A host name made into one DNS label (RFC 1123 section 2.1); never empty. */
export function nodeNameFrom(hostName: string): string {
  const label = (hostName.split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return label === '' ? 'node' : label;
}

/** True for one DNS label in lower case: what no terminal obeys. */
export function isNodeName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
}

/** Passes a name that is a DNS label. Throws EvioError EVIO_BAD_VALUE. */
export function checkNodeName(name: string): string {
  if (isNodeName(name)) return name;
  throw badValue(
    `"${name}" cannot be a node name: it takes lower-case letters, digits and hyphens, at most 63.`,
    `For example: ${nodeNameFrom(name)}`,
  );
}

/** Passes a network name that people can type. Throws EvioError EVIO_BAD_VALUE. */
export function checkNetworkName(name: string): string {
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name)) return name;
  throw badValue(
    `"${name}" cannot be a network name: it takes letters, digits, dots, hyphens and underscores, at most 64.`,
    'For example: evio init home',
  );
}

/** The range of a network. Throws EvioError EVIO_BAD_VALUE. */
export function checkCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr) {
    throw badValue(
      `"${text}" is not an IPv4 range; the bits after the prefix must be zero.`,
      `For example: --cidr ${defaultCidr}`,
    );
  }
  if (cidr.prefix < 8 || cidr.prefix > 30) {
    throw badValue(
      `The range ${text} must have a prefix from /8 to /30.`,
      `For example: --cidr ${defaultCidr}`,
    );
  }
  const first = cidr.base >>> 24;
  if (first === 0 || first === 127 || first >= 224) {
    throw badValue(`The range ${text} is not for hosts (RFC 6890).`, `For example: --cidr ${defaultCidr}`);
  }
  return cidr;
}

/** Passes what may mean a peer: a name, an address, an id or the beginning of one. Throws EvioError EVIO_BAD_VALUE. */
export function checkPeer(text: string): string {
  const peer = text.toLowerCase();
  // An id and its beginnings have the form of a name, too.
  if (isNodeName(peer) || addressBytes(peer)) return peer;
  throw badValue(
    `"${text}" cannot be a peer: it takes a name, an address, an id or the beginning of one.`,
    'See the names, addresses and ids with: evio peers',
  );
}

/** The address as a number. Throws EvioError EVIO_BAD_VALUE, or EVIO_ADDRESS_OUTSIDE when no host in `range` may have it. */
export function checkAddress(text: string, range: Cidr): number {
  const ip = parseIpv4(text);
  if (ip === undefined)
    throw badValue(`"${text}" is not an IPv4 address.`, 'Write it as four numbers: --ip 10.144.0.7');
  if (!isHostAddress(range, ip)) {
    throw new EvioError(
      'EVIO_ADDRESS_OUTSIDE',
      `The address ${text} is not one for a host in ${formatCidr(range)}.`,
      [
        `Choose one from ${formatIpv4(range.base + 1)} on, inside ${formatCidr(range)}.`,
        'Leave out --ip to get one.',
      ],
    );
  }
  return ip;
}

/** Passes HOST:PORT, or [IPv6]:PORT. Throws EvioError EVIO_BAD_VALUE. */
export function checkHostPort(text: string): string {
  if ((parseHostPort(text)?.port ?? 0) > 0) return text;
  throw badValue(`"${text}" is not HOST:PORT.`, 'For example: relay.example.org:3478');
}

/** Passes the id of a network. Throws EvioError EVIO_BAD_VALUE. */
export function checkNetworkId(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  throw badValue(
    `"${text}" is not a network id.`,
    'Members see it in parentheses behind the name: "evio network show"',
    'Those that the relay on this machine knows: evio relay networks',
  );
}

/** The addresses and routes of this machine, as the kernel tells. */
import { readFileSync } from 'node:fs';
import { addressBytes } from '../lib/endpoint.js';
import { containsCidr } from '../lib/ipv4.js';
import { cidrOfPrefix, containsPrefix, prefixOfBytes, type Prefix } from '../lib/prefix.js';
import { localRanges, networkRanges, type LocalRange } from '../surroundings/local-ranges.js';
import { systemAddresses } from './addresses.js';

/** Without the interfaces that evio made. Empty of routes where there is no /proc/net/route. */
export function machineRanges(): LocalRange[] {
  return localRanges(systemAddresses(), routes());
}

/** What networks that run here have, this process's too. */
export function runningRanges(): LocalRange[] {
  return networkRanges(systemAddresses());
}

/**
 * True when this machine reaches all of the prefix by another interface than `except` and those that evio made: by its own
 * network or a route to more. Of IPv6 its addresses tell.
 */
export function reachesOtherwise(prefix: Prefix, except: string): boolean {
  const cidr = cidrOfPrefix(prefix);
  if (cidr) {
    return machineRanges().some(
      ({ device, kind, cidr: range }) => device !== except && kind === 'route' && containsCidr(range, cidr),
    );
  }
  return systemAddresses().some(({ device, address }) => {
    const bytes = device === except || !address.includes(':') ? undefined : addressBytes(address);
    return bytes !== undefined && containsPrefix(prefix, prefixOfBytes(bytes, 128));
  });
}

function routes(): string {
  try {
    return readFileSync('/proc/net/route', 'utf8');
  } catch {
    return '';
  }
}

/** Which address ranges a machine lets a network have: it routes them all into it, so the word of a token is not enough. */
import { EvioError } from '../lib/errors.js';
import { formatCidr, formatIpv4, type Cidr } from '../lib/ipv4.js';
import { clashOf, isPrivateRange, minPrivatePrefix, type LocalRange } from '../surroundings/local-ranges.js';

/**
 * @param local what this machine uses
 * @param wayOut what the operator may do
 * @throws EvioError EVIO_ADDRESS_RANGE when the range is none for private use, or this machine uses a part of it
 */
export function checkRange(cidr: Cidr, local: readonly LocalRange[], wayOut: readonly string[]): void {
  if (!isPrivateRange(cidr)) {
    throw new EvioError(
      'EVIO_ADDRESS_RANGE',
      `The network's range ${formatCidr(cidr)} is not one for private use with a prefix of /${minPrivatePrefix} or longer: this machine would send what is for others into the network.`,
      wayOut,
    );
  }
  const clash = clashOf(cidr, local);
  if (clash) throw clashError(cidr, clash, wayOut);
}

/** This machine uses a part of the range. */
export function clashError(cidr: Cidr, clash: LocalRange, wayOut: readonly string[]): EvioError {
  return new EvioError(
    'EVIO_ADDRESS_RANGE',
    `The network's range ${formatCidr(cidr)} holds addresses that this machine uses: ${describeClash(clash)}.`,
    wayOut,
  );
}

/** `192.168.1.7 is its own, on eth0`. */
export function describeClash({ device, kind, cidr }: LocalRange): string {
  switch (kind) {
    case 'address':
      return `${formatIpv4(cidr.base)} is its own, on ${device}`;
    case 'gateway':
      return `${formatIpv4(cidr.base)} is its gateway, by ${device}`;
    case 'route':
      return `${formatCidr(cidr)} is reached by ${device}`;
  }
}

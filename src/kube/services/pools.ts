/** Ranges from which Services get addresses, one of a family at most. Pure. */
import { EvioError } from '../../core/lib/errors.js';
import {
  containsPrefix,
  formatPrefix,
  hostPrefix,
  isIpv4Prefix,
  parsePrefix,
  type Prefix,
} from '../../core/lib/prefix.js';

/** As Kubernetes calls them (`spec.ipFamilies`). */
export type Family = 'IPv4' | 'IPv6';
export type Pools = ReadonlyMap<Family, Prefix>;

/** Of a longer range no more are given. */
const mostAddresses = 65_536;

function familyOf(prefix: Prefix): Family {
  return isIpv4Prefix(prefix) ? 'IPv4' : 'IPv6';
}

/** `10.145.0.0/24`, `fd45:1::/112`, or both with a comma between. Throws EvioError EVIO_BAD_VALUE. */
export function parsePools(text: string): Pools {
  const pools = new Map<Family, Prefix>();
  for (const word of text.split(',')) {
    const prefix = parsePrefix(word.trim());
    if (prefix === undefined || pools.has(familyOf(prefix)))
      throw new EvioError('EVIO_BAD_VALUE', `"${text}" is no range of addresses for Services.`, [
        'For example 10.145.0.0/24, or of both families: 10.145.0.0/24,fd45:1::/112',
      ]);
    pools.set(familyOf(prefix), prefix);
  }
  return pools;
}

/** The canonical text of an address that lies in the pool of its family. */
export function pooled(
  ip: string,
  pools: Pools,
): { readonly family: Family; readonly ip: string } | undefined {
  const prefix = hostPrefix(ip);
  const pool = prefix && pools.get(familyOf(prefix));
  if (!prefix || !pool || !containsPrefix(pool, prefix)) return undefined;
  return { family: familyOf(prefix), ip: addressOf(prefix) };
}

function addressOf(prefix: Prefix): string {
  return formatPrefix(prefix).split('/')[0] as string;
}

/** The addresses of a pool, in order, without its first and last, which mean something else to some programs. */
export function* addressesIn({ words, length }: Prefix): Generator<string> {
  const size = Math.min(2 ** (128 - length), mostAddresses);
  const [first, last] = size > 2 ? [1, size - 2] : [0, size - 1];
  // No carry: the host bits of the last word are zero.
  for (let i = first; i <= last; i++)
    yield addressOf({ words: [words[0], words[1], words[2], words[3] + i], length: 128 });
}

/** The address as a range of its own, as members announce it. */
export function asRange(ip: string): string {
  return `${ip}/${ip.includes(':') ? 128 : 32}`;
}

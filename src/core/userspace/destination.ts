/** Which address a program means that asks the proxy for a host: a member, and nothing outside the network. */
import { addressBytes } from '../lib/endpoint.js';
import { parseIpv4, type Cidr } from '../lib/ipv4.js';

/** The network as the proxy needs it, at this moment. */
export interface Neighbourhood {
  readonly network: string;
  readonly range: Cidr;
  /** Upper 8 bytes of its IPv6 addresses. */
  readonly prefix6: Uint8Array;
  /** Address of the member with this name, in any case; undefined: nobody is called so. */
  address(name: string): string | undefined;
}

/** 'outside': an address or a name that is none of the network. */
export type Destination = Uint8Array | 'unknown' | 'outside';

/** @param host an address, NAME, NAME.NETWORK or NAME.NETWORK.evio; a dot at the end is none */
export function destinationOf(host: string, near: Neighbourhood): Destination {
  const ip = parseIpv4(host);
  if (ip !== undefined) {
    const { base, prefix } = near.range;
    const mask = prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0;
    return (ip & mask) >>> 0 === (base & mask) >>> 0 ? bytesOf(ip) : 'outside';
  }
  const bytes = addressBytes(host);
  if (bytes) return Buffer.compare(bytes.subarray(0, 8), near.prefix6) === 0 ? bytes : 'outside';
  const bare = host.toLowerCase().replace(/\.$/, '');
  const suffixes = [`.${near.network.toLowerCase()}.evio`, `.${near.network.toLowerCase()}`, ''];
  for (const suffix of suffixes) {
    if (!bare.endsWith(suffix)) continue;
    const found = parseIpv4(near.address(bare.slice(0, bare.length - suffix.length)) ?? '');
    if (found !== undefined) return bytesOf(found);
  }
  return bare.includes('.') && !bare.endsWith(suffixes[0] as string) ? 'outside' : 'unknown';
}

const bytesOf = (ip: number): Uint8Array => Uint8Array.of(ip >>> 24, ip >>> 16, ip >>> 8, ip);

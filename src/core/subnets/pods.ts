/**
 * Addresses of the network itself that pods behind a member have: small ranges, announced as subnets are. Whose they are is
 * ruled as for any subnet; packets for them need no route, since the pods are neighbours, and a member that has an
 * address in one keeps it.
 */
import { containsPrefix, ipv4Offset, isIpv4Prefix, prefixOfCidr, type Prefix } from '../lib/prefix.js';
import { podMacHigh } from '../wire/pod-mac.js';

/** Bits of the largest such range: nobody takes the network from its members by one word. */
export const podRangeBits = 28;

/** True for a subnet in a range of the network that may be of pods. */
export function isPodRange(
  network: readonly Prefix[],
  { prefix, shared }: { readonly prefix: Prefix; readonly shared: boolean },
): boolean {
  const small = isIpv4Prefix(prefix) && prefix.length >= ipv4Offset + podRangeBits;
  return small && !shared && network.some((range) => containsPrefix(range, prefix));
}

/** The address of the pod with this MAC, 6 bytes; undefined where it is no pod's. */
export function podAddressOf(mac: Uint8Array): Prefix | undefined {
  const view = new DataView(mac.buffer, mac.byteOffset, mac.length);
  return view.getUint16(0) === podMacHigh ? prefixOfCidr({ base: view.getUint32(2), prefix: 32 }) : undefined;
}

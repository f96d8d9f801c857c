/**
 * What IPv4 addresses this machine uses already, and which ranges a network may therefore not have: the interface of a
 * network gets a route for its whole range, before that of anything else that is less exact. No I/O: the caller brings
 * the lists.
 */
import { cidrsOverlap, containsCidr, parseCidr, parseIpv4, type Cidr } from '../lib/ipv4.js';

/** Something of this machine, and where it is. */
export interface LocalRange {
  readonly device: string;
  readonly kind: 'address' | 'gateway' | 'route';
  /** One address, or what a route leads to. */
  readonly cidr: Cidr;
  /** Of a gateway: the interface of a network that the default route leads into, since its route for the gateway is the more exact one. */
  readonly through?: string;
}

/** For private use: RFC 1918, RFC 6598 (behind a provider's NAT) and RFC 2544 (measurements). Not link-local: it has services of clouds. */
const privateRanges: readonly Cidr[] = [
  { base: 0x0a00_0000, prefix: 8 },
  { base: 0xac10_0000, prefix: 12 },
  { base: 0xc0a8_0000, prefix: 16 },
  { base: 0x6440_0000, prefix: 10 },
  { base: 0xc612_0000, prefix: 15 },
];
/** A shorter prefix takes more than a network needs: 4 million addresses. */
export const minPrivatePrefix = 10;

/** True for a range that a token may name without being asked about. */
export function isPrivateRange(cidr: Cidr): boolean {
  return cidr.prefix >= minPrivatePrefix && privateRanges.some((range) => containsCidr(range, cidr));
}

/** True for an IPv4 literal that the internet does not have: whoever has it is behind a NAT. */
export function isPrivateHost(host: string): boolean {
  const base = parseIpv4(host);
  return base !== undefined && isPrivateRange({ base, prefix: 32 });
}

/** Interfaces that evio makes. */
const ours = /^evio/;
/** A route to more than this is the way out, or a half of it, as VPNs have: everything lies in it. */
const defaultRoutePrefix = 4;
/** Of <linux/route.h>. */
const flagUp = 0x1;
const flagReject = 0x200;

/**
 * @param addresses of the interfaces, as `os.networkInterfaces()` tells
 * @param routes /proc/net/route (proc(5)) of a little-endian machine; empty where there is none
 */
export function localRanges(
  addresses: readonly { readonly device: string; readonly address: string }[],
  routes: string,
): LocalRange[] {
  const out: LocalRange[] = [];
  const astray: LocalRange[] = [];
  for (const { device, address } of addresses) {
    const ip = parseIpv4(address);
    if (ip !== undefined) out.push({ device, kind: 'address', cidr: { base: ip, prefix: 32 } });
  }
  for (const line of routes.split('\n').slice(1)) {
    const [device, destination = '', gateway = '', flagText = '', , , , mask = ''] = line.split('\t');
    const base = hostOrder(destination);
    const bits = hostOrder(mask);
    const flags = parseInt(flagText, 16);
    if (device === undefined || base === undefined || bits === undefined) continue;
    if ((flags & flagUp) === 0 || (flags & flagReject) !== 0) continue;
    const prefix = 32 - Math.log2(2 ** 32 - bits);
    if (Number.isInteger(prefix) && prefix >= defaultRoutePrefix) {
      out.push({ device, kind: 'route', cidr: { base, prefix } });
    }
    const by = hostOrder(gateway);
    if (by === undefined || by === 0) continue;
    const cidr = { base: by, prefix: 32 };
    if (!ours.test(device)) out.push({ device, kind: 'gateway', cidr });
    else if (prefix === 0) astray.push({ device, kind: 'gateway', cidr });
  }
  const others = out.filter(({ device }) => !ours.test(device));
  return [...others, ...astray.flatMap((gateway) => ofLan(gateway, others))];
}

/** A gateway that a default route looks for behind an interface of ours, where the LAN of another one has it. */
function ofLan({ device: through, kind, cidr }: LocalRange, others: readonly LocalRange[]): LocalRange[] {
  const lan = others.find((other) => other.kind === 'route' && containsCidr(other.cidr, cidr));
  return lan ? [{ device: lan.device, kind, cidr, through }] : [];
}

/** Ranges as a profile keeps them. */
export function cidrsOf(texts: readonly string[] = []): Cidr[] {
  return texts.map(parseCidr).filter((cidr) => cidr !== undefined);
}

/** The ranges that need no rule, as the operator named them: true when one holds the network's. */
export function isAllowed(cidr: Cidr, allowed: readonly Cidr[]): boolean {
  return allowed.some((range) => containsCidr(range, cidr));
}

/** Of a network that runs; a bridge for pods may have an address of its network. */
const ofNetwork = /^evio\d+$/;

/** The addresses of interfaces of networks: of this process and of others on this machine. */
export function networkRanges(
  addresses: readonly { readonly device: string; readonly address: string }[],
): LocalRange[] {
  return addresses.flatMap(({ device, address }) => {
    const base = ofNetwork.test(device) ? parseIpv4(address) : undefined;
    return base === undefined ? [] : [{ device, kind: 'address' as const, cidr: { base, prefix: 32 } }];
  });
}

/** What of this machine lies in the range, or leads to a part of it; what is most exact first. */
export function clashOf(cidr: Cidr, local: readonly LocalRange[]): LocalRange | undefined {
  const clashes = local.filter((range) => cidrsOverlap(range.cidr, cidr));
  return (['address', 'gateway', 'route'] as const)
    .map((kind) => clashes.find((range) => range.kind === kind))
    .find((range) => range !== undefined);
}

/** Eight hexadecimal digits of a number in the order of the network, read as one of a little-endian machine. */
function hostOrder(text: string): number | undefined {
  if (!/^[0-9A-Fa-f]{8}$/.test(text)) return undefined;
  const bytes = [6, 4, 2, 0].map((at) => parseInt(text.slice(at, at + 2), 16));
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

/**
 * Frames that member 1 may send to member 2, and frames that it may not: for tests of the guard, of the packet loop, and as seeds of
 * what a fuzzer mutates. Members 1, 2 and 3 are those of loop-rig.
 */
import { Verdict } from '../../src/core/switch/guard.js';
import {
  arpFrame,
  ipv4Frame,
  ipv6Frame,
  linkLocalOf,
  neighbourBody,
  plainFrame,
  tagged,
  udpFrame,
} from './frames.js';
import { ip6Of } from '../../src/core/identity/inner-ipv6.js';
import { ipOf, macOf, prefix6 } from './loop-rig.js';

export interface Case {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly verdict: Verdict;
}

const to = macOf(2);
const own = macOf(1);
const victim = macOf(3);
const zero = new Uint8Array(6);
const everyone = new Uint8Array(6).fill(255);
const load = new Uint8Array(8);

const ownLocal = linkLocalOf(own);
const toLocal = linkLocalOf(to);
const victimLocal = linkLocalOf(victim);
const own6 = ip6Of(prefix6, own);
const victim6 = ip6Of(prefix6, victim);
const chosen6 = Uint8Array.of(...prefix6, 0, 0, 0, 0, 0, 0, 0, 1);
const unspecified = new Uint8Array(16);
const allNodes = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
export const ownUla = Uint8Array.of(0xfd, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
export const victimUla = Uint8Array.of(0xfd, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3);

const dot1q = 0x8100;
const priority = [dot1q, 0] as const;

const quad = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const linkLayer = (kind: number, mac: Uint8Array): number[] => [kind, 1, ...mac];
const udp = (from: number, port: number): number[] => [
  ...[from >> 8, from & 255, port >> 8, port & 255],
  ...[0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
];

/** Extension headers, each before `next`. */
const destinationOptions = (next: number): number[] => [next, 0, 1, 4, 0, 0, 0, 0];
const hopByHop = destinationOptions;
const routing = (next: number): number[] => [next, 0, 4, 0, 0, 0, 0, 0];
const fragment = (next: number, offset: number, more: boolean): number[] => [
  ...[next, 0, (offset * 8) >> 8, ((offset * 8) & 0xf8) | (more ? 1 : 0)],
  ...[0, 0, 0, 9],
];
const authentication = (next: number): number[] => [next, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9];
const homeAddress = (next: number, address: Uint8Array): number[] => [
  ...[next, 2, 1, 2, 0, 0, 0xc9, 16],
  ...address,
];

const arp = (operation: number, mac: Uint8Array, ip: number, destination = to): Uint8Array =>
  arpFrame(destination, own, operation, { mac, ip }, { mac: to, ip: ipOf(2) });
const forgedArp = arp(2, own, ipOf(3));
const forgedIp = udpFrame(to, own, ipOf(3), ipOf(2), load);
const ip6 = (source: Uint8Array, next: number, body: readonly number[]): Uint8Array =>
  ipv6Frame(to, own, source, toLocal, next, body);
const advertise = (target: Uint8Array, mac = own): number[] => neighbourBody(136, target, linkLayer(2, mac));
const forgedNa = ip6(ownLocal, 58, advertise(victimLocal));
const echo6 = [128, 0, 0, 0, 0, 1, 0, 1];
const ipv4 = (source: number, protocol: number, body: readonly number[], more = 0): Uint8Array =>
  ipv4Frame(to, own, source, ipOf(2), protocol, body, more);
const changed = (frame: Uint8Array, at: number, ...bytes: readonly number[]): Uint8Array => {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
};
const llc = (...body: readonly number[]): Uint8Array =>
  Uint8Array.from([...to, ...own, body.length >> 8, body.length & 255, ...body]);
const typed = (type: number, ...body: readonly number[]): Uint8Array =>
  Uint8Array.from([...to, ...own, type >> 8, type & 255, ...body]);

const { pass, foreignMac, foreignAddress, malformed, unreadable, service, taken } = Verdict;
const all = (verdict: Verdict, cases: readonly (readonly [string, Uint8Array])[]): Case[] =>
  cases.map(([name, frame]) => ({ name, frame, verdict }));

/** What honest members send. */
export const honest: readonly Case[] = all(pass, [
  ['own MAC', plainFrame(to, own)],
  ['own IPv4 address', udpFrame(to, own, ipOf(1), ipOf(2), load)],
  ['own IPv4 address, padded', Uint8Array.from([...ipv4(ipOf(1), 17, udp(9, 9)), 0, 0, 0, 0])],
  ['TCP', ipv4(ipOf(1), 6, new Array<number>(20).fill(0))],
  ['ping', ipv4(ipOf(1), 1, [8, 0, 0, 0, 0, 1, 0, 1])],
  [
    'ICMP that says "unreachable"',
    ipv4(ipOf(1), 1, [3, 1, 0, 0, 0, 0, 0, 0, ...new Array<number>(28).fill(0)]),
  ],
  ['a first fragment', ipv4(ipOf(1), 17, udp(9, 9), 0x2000)],
  ['a later fragment that looks like a DHCP answer', ipv4(ipOf(1), 17, udp(67, 68), 0x0002)],
  ['GRE, whatever is in it', ipv4(ipOf(1), 47, [0, 0, 0x86, 0xdd])],
  ['a DHCP request without an address', ipv4(0, 17, udp(68, 67))],
  ['a DHCP request with one', ipv4(ipOf(1), 17, udp(68, 67))],
  ['IGMP without an address', ipv4(0, 2, [0x22, 0, 0, 0, 0, 0, 0, 0])],
  ['an ARP request', arp(1, own, ipOf(1), everyone)],
  ['an ARP answer', arp(2, own, ipOf(1))],
  ['an ARP answer, padded', Uint8Array.from([...arp(2, own, ipOf(1)), ...new Array<number>(18).fill(0)])],
  ['an ARP probe', arpFrame(everyone, own, 1, { mac: own, ip: 0 }, { mac: zero, ip: ipOf(1) })],
  [
    'a gratuitous ARP request',
    arpFrame(everyone, own, 1, { mac: own, ip: ipOf(1) }, { mac: zero, ip: ipOf(1) }),
  ],
  ['ARP behind a priority tag', tagged(arp(2, own, ipOf(1)), priority)],
  ['ARP behind two priority tags', tagged(arp(2, own, ipOf(1)), priority, priority)],
  [
    'IPv4 behind a service tag and a tag',
    tagged(udpFrame(to, own, ipOf(1), ipOf(2), load), [0x88a8, 7], [dot1q, 9]),
  ],
  ['another address inside a VLAN', tagged(udpFrame(to, own, 0xac1f_0501, 0xac1f_0502, load), [dot1q, 5])],
  ['ARP of another address inside a VLAN', tagged(arp(1, own, 0xac1f_0501, everyone), [dot1q, 5])],
  ['own link-local', ip6(ownLocal, 58, echo6)],
  ['own link-local inside a VLAN', tagged(ip6(ownLocal, 58, echo6), [dot1q, 5])],
  ['own address in the network', ip6(own6, 58, echo6)],
  ['own address in the network behind a priority tag', tagged(ip6(own6, 58, echo6), priority)],
  ['advertising its address in the network', ip6(own6, 58, advertise(own6))],
  ['duplicate address detection in the network', ip6(unspecified, 58, neighbourBody(135, own6))],
  ['an address of the network’s prefix inside a VLAN', tagged(ip6(chosen6, 58, echo6), [dot1q, 5])],
  ['an address of its own choice', ip6(ownUla, 58, echo6)],
  [
    'a link-local of its own choice',
    ip6(Uint8Array.of(0xfe, 0x80, ...new Array<number>(13).fill(0), 9), 58, echo6),
  ],
  ['a solicitation', ip6(ownLocal, 58, neighbourBody(135, toLocal, linkLayer(1, own)))],
  [
    'a solicitation for a third member',
    ip6(ownLocal, 58, neighbourBody(135, victimLocal, linkLayer(1, own))),
  ],
  [
    'a solicitation with a nonce',
    ip6(ownLocal, 58, neighbourBody(135, toLocal, [...linkLayer(1, own), 14, 1, 1, 2, 3, 4, 5, 6])),
  ],
  ['duplicate address detection', ip6(unspecified, 58, neighbourBody(135, ownLocal))],
  ['the same with a nonce', ip6(unspecified, 58, neighbourBody(135, ownLocal, [14, 1, 1, 2, 3, 4, 5, 6]))],
  ['advertising itself', ip6(ownLocal, 58, advertise(ownLocal))],
  ['advertising an address of its own choice', ip6(ownUla, 58, advertise(ownUla))],
  ['a router solicitation', ip6(ownLocal, 58, [133, 0, 0, 0, 0, 0, 0, 0, ...linkLayer(1, own)])],
  ['a router solicitation without an address', ip6(unspecified, 58, [133, 0, 0, 0, 0, 0, 0, 0])],
  ['an MLD report', ip6(ownLocal, 0, [58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 0])],
  [
    'an MLD report without an address',
    ip6(unspecified, 0, [58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 0]),
  ],
  ['TCP over IPv6', ip6(ownLocal, 6, new Array<number>(20).fill(0))],
  [
    'TCP behind every extension header',
    ip6(ownLocal, 0, [
      ...hopByHop(60),
      ...destinationOptions(43),
      ...routing(51),
      ...authentication(60),
      ...destinationOptions(6),
      ...new Array<number>(20).fill(0),
    ]),
  ],
  ['ESP', ip6(ownLocal, 50, new Array<number>(32).fill(3))],
  ['no next header', ip6(ownLocal, 59, [])],
  ['a first fragment of IPv6', ip6(ownLocal, 44, [...fragment(17, 0, true), ...udp(9, 9)])],
  ['a later fragment of IPv6', ip6(ownLocal, 44, [...fragment(58, 9, false), ...advertise(victimLocal)])],
  ['a fragmented echo', ip6(ownLocal, 44, [...fragment(58, 0, true), ...echo6])],
  ['a DHCPv6 request', ip6(ownLocal, 17, udp(546, 547))],
  ['LLDP', typed(0x88cc, 2, 7, 4, ...own)],
  ['802.1X', typed(0x888e, 1, 1, 0, 0)],
  ['Wake-on-LAN', typed(0x0842, ...new Array<number>(6).fill(255))],
  ['PPPoE discovery', typed(0x8863, 0x11, 9, 0, 0, 0, 0)],
  ['MPLS', typed(0x8847, 0, 0x10, 1, 64, 0x45)],
  ['a spanning tree BPDU', llc(0x42, 0x42, 3, 0, 0, 0, 0)],
  ['IS-IS', llc(0xfe, 0xfe, 3, 0x83)],
  ['CDP: SNAP of a vendor', llc(0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 2)],
]);

/** What they do not: each is what an attacker would send. */
export const hostile: readonly Case[] = [
  ...all(foreignMac, [
    ['another MAC', plainFrame(to, victim)],
    ['an ARP answer with another hardware address', arp(2, victim, ipOf(1))],
    ['an ARP request with another hardware address', arp(1, victim, ipOf(1), everyone)],
    ['an ARP probe with another hardware address', arp(1, victim, 0, everyone)],
    [
      'a solicitation with another link-layer address',
      ip6(ownLocal, 58, neighbourBody(135, toLocal, linkLayer(1, victim))),
    ],
    [
      'the same behind another option',
      ip6(ownLocal, 58, neighbourBody(135, toLocal, [14, 1, 1, 2, 3, 4, 5, 6, ...linkLayer(1, victim)])),
    ],
    ['an advertisement with another link-layer address', ip6(ownLocal, 58, advertise(ownLocal, victim))],
    [
      'a router solicitation with another link-layer address',
      ip6(ownLocal, 58, [133, 0, 0, 0, 0, 0, 0, 0, ...linkLayer(1, victim)]),
    ],
    [
      'a second link-layer address',
      ip6(ownLocal, 58, neighbourBody(136, ownLocal, [...linkLayer(2, own), ...linkLayer(2, victim)])),
    ],
  ]),
  ...all(foreignAddress, [
    ['a member’s IPv4 address', forgedIp],
    ['the receiver’s own address', udpFrame(to, own, ipOf(2), ipOf(2), load)],
    ['an IPv4 address of nobody', udpFrame(to, own, 0xc0a8_0101, ipOf(2), load)],
    ['a multicast IPv4 source', udpFrame(to, own, 0xe000_0001, ipOf(2), load)],
    ['the broadcast address as source', udpFrame(to, own, 0xffff_ffff, ipOf(2), load)],
    ['loopback as source', udpFrame(to, own, 0x7f00_0001, ipOf(2), load)],
    ['no address, and no question for one', udpFrame(to, own, 0, 0xffff_ffff, load)],
    ['no address, in a ping', ipv4(0, 1, [8, 0, 0, 0, 0, 1, 0, 1])],
    ['no address, in a later fragment', ipv4(0, 17, udp(68, 67), 0x0002)],
    ['a member’s address behind a priority tag', tagged(forgedIp, priority)],
    ['a member’s address behind two', tagged(forgedIp, priority, priority)],
    ['a member’s address inside a VLAN', tagged(forgedIp, [dot1q, 5])],
    ['a multicast source inside a VLAN', tagged(udpFrame(to, own, 0xe000_0001, ipOf(2), load), [dot1q, 5])],
    ['ARP as another', forgedArp],
    [
      'a gratuitous ARP request as another',
      arpFrame(everyone, own, 1, { mac: own, ip: ipOf(3) }, { mac: zero, ip: ipOf(3) }),
    ],
    ['ARP as nobody', arp(2, own, 0xc0a8_0101)],
    ['an ARP answer without an address', arp(2, own, 0)],
    ['ARP as another behind a priority tag', tagged(forgedArp, priority)],
    ['ARP as another behind two', tagged(forgedArp, priority, [0x88a8, 0])],
    ['a member’s link-local', ip6(victimLocal, 58, echo6)],
    ['a link-local made from the MAC of nobody', ip6(linkLocalOf(macOf(9)), 58, echo6)],
    ['a member’s address in the network', ip6(victim6, 58, echo6)],
    ['an address in the network made from the MAC of nobody', ip6(ip6Of(prefix6, macOf(9)), 58, echo6)],
    ['an address in the network of its own choice', ip6(chosen6, 58, echo6)],
    ['the same behind a priority tag', tagged(ip6(chosen6, 58, echo6), priority)],
    ['advertising a member’s address in the network', ip6(own6, 58, advertise(victim6))],
    ['advertising an address in the network of its own choice', ip6(own6, 58, advertise(chosen6))],
    ['a probe for a member’s address in the network', ip6(unspecified, 58, neighbourBody(135, victim6))],
    ['a home address of another in the network', ip6(own6, 60, [...homeAddress(58, victim6), ...echo6])],
    [
      'an address made from a member’s MAC',
      ip6(Uint8Array.from([0xfd, 9, 9, 9, 0, 0, 0, 0, ...victimLocal.subarray(8)]), 58, echo6),
    ],
    ['loopback of IPv6', ip6(Uint8Array.of(...new Array<number>(15).fill(0), 1), 58, echo6)],
    [
      'IPv4 inside IPv6',
      ip6(Uint8Array.of(...new Array<number>(10).fill(0), 255, 255, ...quad(ipOf(3))), 58, echo6),
    ],
    ['a multicast source of IPv6', ip6(allNodes, 58, echo6)],
    ['no address, in an echo', ip6(unspecified, 58, echo6)],
    ['no address, in TCP', ip6(unspecified, 6, new Array<number>(20).fill(0))],
    ['advertising a member', forgedNa],
    ['advertising a member behind a priority tag', tagged(forgedNa, priority)],
    [
      'advertising a member behind destination options',
      ip6(ownLocal, 60, [...destinationOptions(58), ...advertise(victimLocal)]),
    ],
    [
      'advertising a member behind hop-by-hop options',
      ip6(ownLocal, 0, [...hopByHop(58), ...advertise(victimLocal)]),
    ],
    [
      'advertising a member behind a routing header',
      ip6(ownLocal, 43, [...routing(58), ...advertise(victimLocal)]),
    ],
    [
      'advertising a member behind an authentication header',
      ip6(ownLocal, 51, [...authentication(58), ...advertise(victimLocal)]),
    ],
    [
      'advertising a member behind a mobility header',
      ip6(ownLocal, 135, [...destinationOptions(58), ...advertise(victimLocal)]),
    ],
    [
      'advertising a member behind six headers',
      ip6(ownLocal, 0, [
        ...hopByHop(60),
        ...destinationOptions(43),
        ...routing(60),
        ...destinationOptions(139),
        ...destinationOptions(140),
        ...destinationOptions(58),
        ...advertise(victimLocal),
      ]),
    ],
    ['advertising a multicast address', ip6(ownLocal, 58, advertise(allNodes))],
    ['advertising without an address', ip6(unspecified, 58, neighbourBody(136, ownLocal))],
    ['a probe for what only another can want', ip6(unspecified, 58, neighbourBody(135, victimLocal))],
    ['another home address', ip6(ownLocal, 60, [...homeAddress(58, victimLocal), ...echo6])],
  ]),
  ...all(taken, [
    ['an address of a member’s choice', ip6(victimUla, 58, echo6)],
    ['advertising an address of a member’s choice', ip6(ownLocal, 58, advertise(victimUla))],
    [
      'the same behind destination options',
      ip6(ownLocal, 60, [...destinationOptions(58), ...advertise(victimUla)]),
    ],
  ]),
  ...all(unreadable, [
    ['ARP as another under three tags', tagged(forgedArp, priority, priority, priority)],
    ['IPv4 as another under three tags', tagged(forgedIp, priority, priority, priority)],
    ['an advertisement under three tags', tagged(forgedNa, priority, [0x88a8, 0], priority)],
    ['ARP under seven tags', tagged(forgedArp, ...new Array<typeof priority>(7).fill(priority))],
    ['a tag of old QinQ', tagged(forgedArp, [0x9100, 0])],
    ['a tag of old QinQ behind one', tagged(forgedArp, priority, [0x9200, 0])],
    ['IPv4 by SNAP', llc(0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ...forgedIp.subarray(14))],
    ['ARP by SNAP', llc(0xaa, 0xaa, 3, 0, 0, 0, 8, 6, ...forgedArp.subarray(14))],
    ['ARP by SNAP of bridges', llc(0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 6, ...forgedArp.subarray(14))],
    ['a tag by SNAP', llc(0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 0, 8, 6, ...forgedArp.subarray(14))],
    ['a whole frame by SNAP', llc(0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, ...forgedArp)],
    ['SNAP that is numbered', llc(0xaa, 0xaa, 0, 0, 0, 0, 8, 6, ...forgedArp.subarray(14))],
    ['SNAP cut off', llc(0xaa, 0xaa, 3, 0, 0)],
    ['IPv4 by LLC', llc(6, 6, 3, ...forgedIp.subarray(14))],
    ['ARP of IEEE 802', changed(forgedArp, 14, 0, 6)],
    ['ARP for another protocol', changed(arp(2, own, ipOf(1)), 16, 0x86, 0xdd)],
    ['ARP with longer addresses', changed(arp(2, own, ipOf(1)), 18, 8)],
    ['InARP', arp(9, own, ipOf(1))],
    ['RARP by ARP', arp(4, own, ipOf(1))],
    [
      'nine extension headers',
      ip6(ownLocal, 60, [
        ...new Array<number>(8).fill(0).flatMap(() => destinationOptions(60)),
        ...destinationOptions(58),
        ...advertise(ownLocal),
      ]),
    ],
    [
      'an extension header longer than the packet',
      ip6(ownLocal, 60, [58, 9, 1, 4, 0, 0, 0, 0, ...advertise(victimLocal)]),
    ],
    ['an extension header cut off', ip6(ownLocal, 60, [58, 0, 1, 4])],
    ['an option longer than its header', ip6(ownLocal, 60, [58, 0, 1, 9, 0, 0, 0, 0, ...echo6])],
    [
      'a chain that ends behind the payload',
      changed(ip6(ownLocal, 60, [...destinationOptions(58), ...advertise(victimLocal)]), 18, 0, 8),
    ],
    [
      'a jumbogram',
      changed(ip6(ownLocal, 0, [58, 0, 0xc2, 4, 0, 1, 0, 0, ...advertise(victimLocal)]), 18, 0, 0),
    ],
    ['an advertisement in a fragment', ip6(ownLocal, 44, [...fragment(58, 0, true), ...advertise(ownLocal)])],
    [
      'an advertisement in the only fragment',
      ip6(ownLocal, 44, [...fragment(58, 0, false), ...advertise(ownLocal)]),
    ],
    [
      'a fragment in a fragment',
      ip6(ownLocal, 44, [...fragment(44, 0, true), ...fragment(58, 0, true), ...echo6]),
    ],
    [
      'a first fragment that ends in its headers',
      ip6(ownLocal, 44, [...fragment(60, 0, true), 58, 3, 1, 4, 0, 0, 0, 0]),
    ],
    ['a first fragment without its transport header', ip6(ownLocal, 44, [...fragment(17, 0, true), 0, 9])],
    ['an option of length 0', ip6(ownLocal, 58, neighbourBody(136, ownLocal, [2, 0, ...victim]))],
    ['an option that is cut off', ip6(ownLocal, 58, neighbourBody(136, ownLocal, [2, 2, ...own]))],
    ['bytes behind the options', ip6(ownLocal, 58, neighbourBody(136, ownLocal, [...linkLayer(2, own), 0]))],
    [
      'a longer link-layer address',
      ip6(ownLocal, 58, neighbourBody(136, ownLocal, [2, 2, ...own, 0, 0, 0, 0, 0, 0, 0, 0])),
    ],
    [
      'a link-layer address in a probe',
      ip6(unspecified, 58, neighbourBody(135, ownLocal, linkLayer(1, own))),
    ],
    ['an advertisement cut off', ip6(ownLocal, 58, advertise(ownLocal).slice(0, 20))],
    ['a UDP header cut off', ipv4(ipOf(1), 17, [0, 67, 0])],
  ]),
  ...all(service, [
    ['a router advertisement', ip6(ownLocal, 58, [134, 0, 0, 0, 64, 0, 7, 8, ...load])],
    [
      'a router advertisement behind options',
      ip6(ownLocal, 60, [...destinationOptions(58), 134, 0, 0, 0, 64, 0, 7, 8, ...load]),
    ],
    [
      'a router advertisement in a fragment',
      ip6(ownLocal, 44, [...fragment(58, 0, true), 134, 0, 0, 0, 64, 0, 7, 8, ...load]),
    ],
    ['a redirect of IPv6', ip6(ownLocal, 58, [137, 0, 0, 0, 0, 0, 0, 0, ...ownLocal, ...victimLocal])],
    ['a redirect of IPv4', ipv4(ipOf(1), 1, [5, 1, 0, 0, ...quad(ipOf(1)), ...forgedIp.subarray(14, 42)])],
    [
      'a router advertisement of IPv4',
      ipv4(ipOf(1), 1, [9, 0, 0, 0, 1, 2, 7, 8, ...quad(ipOf(1)), 0, 0, 0, 0]),
    ],
    ['a DHCP answer', ipv4(ipOf(1), 17, udp(67, 68))],
    ['a DHCP answer from another port', ipv4(ipOf(1), 17, udp(9, 68))],
    ['a DHCP answer in a first fragment', ipv4(ipOf(1), 17, udp(67, 68), 0x2000)],
    ['a DHCP answer inside a VLAN', tagged(ipv4(ipOf(1), 17, udp(67, 68)), [dot1q, 5])],
    ['a DHCPv6 answer', ip6(ownLocal, 17, udp(547, 546))],
    ['a DHCPv6 answer behind options', ip6(ownLocal, 60, [...destinationOptions(17), ...udp(547, 546)])],
    ['RARP', typed(0x8035, ...arp(4, own, ipOf(3)).subarray(14))],
  ]),
  ...all(malformed, [
    ['a group MAC as source', plainFrame(to, Uint8Array.of(3, 0, 0, 0, 0, 1))],
    ['a frame without a type', own.slice(0, 6)],
    ['an IPv4 header cut off', forgedIp.subarray(0, 33)],
    ['an IPv4 header of 16 bytes', changed(udpFrame(to, own, ipOf(1), ipOf(2), load), 14, 0x44)],
    ['another version in IPv4', changed(udpFrame(to, own, ipOf(1), ipOf(2), load), 14, 0x65)],
    ['an IPv4 length beyond the frame', changed(udpFrame(to, own, ipOf(1), ipOf(2), load), 16, 1, 0)],
    ['an IPv4 length inside the header', changed(udpFrame(to, own, ipOf(1), ipOf(2), load), 16, 0, 19)],
    ['an ARP packet cut off', arp(1, own, ipOf(1)).subarray(0, 41)],
    ['an IPv6 header cut off', forgedNa.subarray(0, 50)],
    ['another version in IPv6', changed(forgedNa, 14, 0x45)],
    ['an IPv6 length beyond the frame', changed(forgedNa, 18, 1, 0)],
  ]),
];

/**
 * Inner-source guard: what a frame of an authenticated member may say.
 *
 * A member speaks for itself only. Its frames carry its own MAC, also where ARP (RFC 826) and neighbour discovery (RFC
 * 4861) name a link-layer address; its own IPv4 address; in the network's IPv6 prefix its own, elsewhere an IPv6 address
 * that nobody else has. What a router or
 * server says to hosts (advertisements, redirects, DHCP answers) is not for members. The bridge right lifts all of it.
 * A pod behind a member speaks for itself in the same way, where the member announced the pod's address: its MAC follows
 * from the address (wire/pod-mac.ts).
 *
 *   frame ─▶ tags, two at most ─┬─▶ IPv4 ── own address ─────┬─▶ UDP: no DHCP answer; ICMP: no redirect
 *                               ├─▶ IPv6 ── own or free ──┬──┴─▶ the same behind every extension header
 *                               │                         └────▶ ND: target and link-layer options are its own
 *                               ├─▶ ARP  ── its own MAC and address
 *                               ├─▶ another type: carries no address that a host would take for IP
 *                               └─▶ more tags, IP inside LLC: not read, dropped
 *
 * The rule behind it: a host must not find in a frame what the guard did not. What cannot be read to its end is dropped.
 *
 * Whose an address is: the table of members says it first, then that of the subnets behind them (subnet-table.ts). Link-local addresses made from a MAC (RFC 4291 appendix A)
 * are the MAC's, and so are those in the network's prefix, which has no others (identity/inner-ipv6.ts). All others belong to the member that came first (address-owners.ts); those of a VLAN too, because it is
 * a LAN of its own, where certificates say nothing. Who is believed by hearsay only takes no
 * address for itself.
 */
import {
  EtherType,
  ethernetHeaderLength,
  etherTypeBefore,
  firstEtherType,
  isGroup,
  isTag,
  lanOf,
  macHigh,
  macLow,
  payloadOffset,
} from '../wire/ethernet.js';
import {
  ipv4HeaderLength,
  ipv6HeaderLength,
  Protocol,
  udpHeaderLength,
  Upper,
  upperLayer,
} from '../wire/ip.js';
import type { AddressOwners } from './address-owners.js';
import { podMacHigh } from '../wire/pod-mac.js';
import type { MemberTable } from './members.js';
import { Standing, type SubnetTable } from './subnet-table.js';

export const Verdict = {
  pass: 0,
  foreignMac: 1,
  foreignAddress: 2,
  malformed: 3,
  /** It goes on where the guard does not follow. */
  unreadable: 4,
  /** Only routers and servers say that. */
  service: 5,
  /** The address belongs to the member that came first, as far as this node knows. */
  taken: 6,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** Who sends: one reusable record per peer. */
export interface GuardSubject {
  readonly macHigh: number;
  readonly macLow: number;
  /** The IPv4 address of its certificate, signed 32 bits; 0 when that is not known here. */
  readonly ip: number;
  readonly bridge: boolean;
}

const arpLength = 28;
const arpRequest = 1;
const arpReply = 2;

const Icmp = { redirect: 5, routerAdvertisement: 9 } as const;
/** RFC 4861 section 4, RFC 2710, RFC 3810. */
const Icmp6 = {
  mldQuery: 130,
  mldDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  solicitation: 135,
  advertisement: 136,
  redirect: 137,
  mldReportV2: 143,
} as const;
/** Options of neighbour discovery that hold a link-layer address (RFC 4861 section 4.6.1). */
const sourceLinkLayer = 1;
const targetLinkLayer = 2;
const targetAt = 8;
/** Header and target of a solicitation or advertisement. */
const neighbourLength = 24;

const Port = { dhcpServer: 67, dhcpClient: 68, dhcp6Client: 546, dhcp6Server: 547 } as const;

const linkLocal = 0xfe80_0000 | 0;
/** ::ffff:0:0/96: where IPv4 addresses of a VLAN are kept, and IPv4 subnets. */
const mappedIpv4 = 0xffff;

export class Guard {
  /**
   * Of the frame judged last: offset behind the bytes that the verdict rests on. A checksum that the kernel is yet to
   * write must lie behind it.
   */
  examined = 0;
  #second = 0;
  /** The pod whose frame is judged, in the place of its member. */
  readonly #pod = { macHigh: podMacHigh, macLow: 0, ip: 0, bridge: false };
  readonly #members: MemberTable;
  readonly #owners: AddressOwners;
  readonly #subnets: SubnetTable;
  readonly #prefixHigh: number;
  readonly #prefixLow: number;

  /** @param prefix6 upper half of the members' IPv6 addresses, two signed words */
  constructor(
    members: MemberTable,
    owners: AddressOwners,
    subnets: SubnetTable,
    prefix6: readonly [number, number],
  ) {
    [this.#prefixHigh, this.#prefixLow] = prefix6;
    this.#members = members;
    this.#owners = owners;
    this.#subnets = subnets;
  }

  /** Tells the time, in ms: once a round is enough. */
  setTime(now: number): void {
    this.#second = Math.floor(now / 1_000) | 0;
  }

  /**
   * Judges the frame at `at` of `length` bytes that `subject` sent. Reads only inside the frame. `firstHand`:
   * it came from the subject itself, sealed by it.
   */
  judge(view: DataView, at: number, length: number, subject: GuardSubject, firstHand: boolean): Verdict {
    this.examined = 0;
    const payload = payloadOffset(view, at, length);
    if (payload === 0) return Verdict.malformed;
    const high = macHigh(view, at + 6);
    if (isGroup(high)) return Verdict.malformed;
    if (subject.bridge) return Verdict.pass;
    const low = macLow(view, at + 6);
    if (high !== subject.macHigh || low !== subject.macLow) {
      if (!this.#isPodOf(subject, high, low)) return Verdict.foreignMac;
      this.#pod.macLow = this.#pod.ip = low;
      subject = this.#pod;
    }
    const type = etherTypeBefore(view, at, payload);
    this.examined = payload;
    const lan = payload === ethernetHeaderLength ? 0 : lanOf(view, at, payload);
    if (type === EtherType.ipv4) return this.#ipv4(view, at, payload, length, lan, subject, firstHand);
    if (type === EtherType.ipv6) return this.#ipv6(view, at, payload, length, lan, subject, firstHand);
    if (type === EtherType.arp) return this.#arp(view, at, payload, length, lan, subject, firstHand);
    if (type === EtherType.rarp) return Verdict.service;
    if (isTag(type)) return Verdict.unreadable;
    return type < firstEtherType ? judgeLlc(view, at + payload, length - payload) : Verdict.pass;
  }

  /** The MAC is that of a pod with an address which this member announced, and which is no member's. */
  #isPodOf({ macHigh: ownerHigh, macLow: ownerLow }: GuardSubject, high: number, low: number): boolean {
    if (high !== podMacHigh) return false;
    const members = this.#members;
    if (members.findMac(high, low) >= 0 || members.findIp(low) >= 0) return false;
    return this.#subnets.standing(0, 0, mappedIpv4, low, ownerHigh, ownerLow) === Standing.own;
  }

  #arp(
    view: DataView,
    at: number,
    payload: number,
    length: number,
    lan: number,
    subject: GuardSubject,
    firstHand: boolean,
  ): Verdict {
    const arp = at + payload;
    this.examined = payload + arpLength;
    if (length < payload + arpLength) return Verdict.malformed;
    // Ethernet and IPv4, with 6 and 4 bytes of address: Linux takes other hardware types for Ethernet too.
    if (view.getUint32(arp) !== 0x0001_0800 || view.getUint16(arp + 4) !== 0x0604) return Verdict.unreadable;
    const operation = view.getUint16(arp + 6);
    if (operation !== arpRequest && operation !== arpReply) return Verdict.unreadable;
    if (macHigh(view, arp + 8) !== subject.macHigh || macLow(view, arp + 8) !== subject.macLow)
      return Verdict.foreignMac;
    const sender = view.getInt32(arp + 14);
    // A probe (RFC 5227).
    if (sender === 0) return operation === arpRequest ? Verdict.pass : Verdict.foreignAddress;
    return this.#address4(sender, lan, subject, firstHand);
  }

  #ipv4(
    view: DataView,
    at: number,
    payload: number,
    length: number,
    lan: number,
    subject: GuardSubject,
    firstHand: boolean,
  ): Verdict {
    const ip = at + payload;
    const room = length - payload;
    if (room < ipv4HeaderLength) return Verdict.malformed;
    const first = view.getUint8(ip);
    const header = (first & 0x0f) * 4;
    const total = view.getUint16(ip + 2);
    if (first >> 4 !== 4 || header < ipv4HeaderLength || total < header || total > room)
      return Verdict.malformed;
    this.examined = payload + header;
    const source = view.getInt32(ip + 12);
    const protocol = view.getUint8(ip + 9);
    // What has no address yet may ask for one, and tell which groups it wants (RFC 3376 section 4.2.13).
    const nobody = source === 0 && (protocol === Protocol.udp || protocol === Protocol.igmp);
    if (!nobody) {
      const verdict = this.#address4(source, lan, subject, firstHand);
      if (verdict !== Verdict.pass || protocol === Protocol.tcp) return verdict;
    }
    // Not the first fragment: Linux drops what overlaps one, so nothing of it can be written over.
    if ((view.getUint16(ip + 6) & 0x1fff) !== 0) return nobody ? Verdict.foreignAddress : Verdict.pass;
    if (protocol !== Protocol.udp && protocol !== Protocol.icmp) return Verdict.pass;
    if (total < header + 8) return Verdict.unreadable;
    const upper = ip + header;
    if (protocol === Protocol.icmp) {
      this.examined = payload + header + 2;
      const type = view.getUint8(upper);
      return type === Icmp.redirect || type === Icmp.routerAdvertisement ? Verdict.service : Verdict.pass;
    }
    this.examined = payload + header + 4;
    const from = view.getUint16(upper);
    const to = view.getUint16(upper + 2);
    if (from === Port.dhcpServer || to === Port.dhcpClient) return Verdict.service;
    const asks = from === Port.dhcpClient && to === Port.dhcpServer;
    return nobody && !asks ? Verdict.foreignAddress : Verdict.pass;
  }

  #ipv6(
    view: DataView,
    at: number,
    payload: number,
    length: number,
    lan: number,
    subject: GuardSubject,
    firstHand: boolean,
  ): Verdict {
    const ip = at + payload;
    const room = length - payload - ipv6HeaderLength;
    if (room < 0 || view.getUint8(ip) >> 4 !== 6) return Verdict.malformed;
    const size = view.getUint16(ip + 4);
    if (size > room) return Verdict.malformed;
    const unspecified = isUnspecified(view, ip + 8);
    if (!unspecified) {
      const verdict = this.#address6(view, ip + 8, lan, subject, firstHand);
      if (verdict !== Verdict.pass) return verdict;
    }
    const end = ip + ipv6HeaderLength + size;
    let protocol = view.getUint8(ip + 6);
    let upper = ipv6HeaderLength;
    let flags = 0;
    if (protocol !== Protocol.tcp && protocol !== Protocol.udp) {
      const found = upperLayer(view, ip, end);
      if (found < 0) return Verdict.unreadable;
      protocol = found & 0xff;
      flags = found;
      upper = found >> 11;
      if ((found & Upper.homeAddress) !== 0) return Verdict.foreignAddress;
    }
    this.examined = payload + upper;
    if ((flags & Upper.later) !== 0) return unspecified ? Verdict.foreignAddress : Verdict.pass;
    const fragment = (flags & Upper.fragment) !== 0;
    if (protocol === Protocol.icmpv6) {
      return this.#icmp6(view, at, ip + upper, end, lan, subject, firstHand, unspecified, fragment);
    }
    if (unspecified) return Verdict.foreignAddress;
    const udp = protocol === Protocol.udp;
    if (!udp && !fragment) return Verdict.pass;
    if (ip + upper + udpHeaderLength > end) return Verdict.unreadable;
    if (!udp) return Verdict.pass;
    this.examined = payload + upper + 4;
    const answers =
      view.getUint16(ip + upper) === Port.dhcp6Server || view.getUint16(ip + upper + 2) === Port.dhcp6Client;
    return answers ? Verdict.service : Verdict.pass;
  }

  /** The ICMPv6 message from `icmp` to `end`, both from the beginning of the view. */
  #icmp6(
    view: DataView,
    at: number,
    icmp: number,
    end: number,
    lan: number,
    subject: GuardSubject,
    firstHand: boolean,
    unspecified: boolean,
    fragment: boolean,
  ): Verdict {
    if (icmp + 8 > end) return Verdict.unreadable;
    this.examined = icmp - at + 2;
    const type = view.getUint8(icmp);
    if (type < Icmp6.routerSolicitation || type > Icmp6.redirect) {
      const mld = (type >= Icmp6.mldQuery && type <= Icmp6.mldDone) || type === Icmp6.mldReportV2;
      return unspecified && !mld ? Verdict.foreignAddress : Verdict.pass;
    }
    if (type === Icmp6.routerAdvertisement || type === Icmp6.redirect) return Verdict.service;
    // RFC 6980.
    if (fragment) return Verdict.unreadable;
    this.examined = end - at;
    let options = icmp + 8;
    if (type !== Icmp6.routerSolicitation) {
      options = icmp + neighbourLength;
      if (options > end) return Verdict.unreadable;
      const target = icmp + targetAt;
      if (type === Icmp6.advertisement) {
        if (unspecified) return Verdict.foreignAddress;
        const verdict = this.#address6(view, target, lan, subject, firstHand);
        if (verdict !== Verdict.pass) return verdict;
      } else if (unspecified && this.#isMadeByOther(view, target, subject)) {
        // Nobody but its owner can want it: that would only keep the owner from it (RFC 4862 section 5.4).
        return Verdict.foreignAddress;
      }
    }
    while (options < end) {
      if (options + 8 > end) return Verdict.unreadable;
      const kind = view.getUint8(options);
      const size = view.getUint8(options + 1) * 8;
      if (size === 0 || options + size > end) return Verdict.unreadable;
      if (kind === sourceLinkLayer || kind === targetLinkLayer) {
        if (size !== 8 || unspecified) return Verdict.unreadable;
        if (macHigh(view, options + 2) !== subject.macHigh || macLow(view, options + 2) !== subject.macLow)
          return Verdict.foreignMac;
      }
      options += size;
    }
    return Verdict.pass;
  }

  /** The table decides whose an address is, not the subject's certificate, which may claim one that is another's. */
  #address4(ip: number, lan: number, subject: GuardSubject, firstHand: boolean): Verdict {
    const members = this.#members;
    const owner = members.findIp(ip);
    if (owner >= 0) {
      const own = members.high(owner) === subject.macHigh && members.low(owner) === subject.macLow;
      return own ? Verdict.pass : Verdict.foreignAddress;
    }
    if (ip === subject.ip && ip !== 0) return Verdict.pass;
    const top = ip >>> 24;
    if (top >= 224 || top === 127 || top === 0) return Verdict.foreignAddress;
    const { macHigh: high, macLow: low } = subject;
    if (lan === 0) {
      const standing = this.#subnets.standing(0, 0, mappedIpv4, ip, high, low);
      if (standing !== Standing.nobodys)
        return standing === Standing.own ? Verdict.pass : Verdict.foreignAddress;
      // Of a member that is not known here only what it says is known, by hearsay.
      return subject.ip === 0 && !firstHand ? Verdict.pass : Verdict.foreignAddress;
    }
    return this.#owners.holds(0, 0, mappedIpv4, ip, lan, high, low, firstHand, this.#second)
      ? Verdict.pass
      : Verdict.taken;
  }

  /** The IPv6 address at `at`, which must not be the unspecified one. */
  #address6(view: DataView, at: number, lan: number, subject: GuardSubject, firstHand: boolean): Verdict {
    const a = view.getInt32(at);
    const b = view.getInt32(at + 4);
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    const { macHigh: high, macLow: low } = subject;
    const interfaceHigh = ((high ^ 0x0200) << 16) | ((low >>> 24) << 8) | 0xff;
    const ownInterface = c === interfaceHigh && d === (0xfe00_0000 | (low & 0xff_ffff));
    const inside = lan === 0 && a === this.#prefixHigh && b === this.#prefixLow;
    const scoped = inside || (a === linkLocal && b === 0);
    if (scoped && ownInterface) return Verdict.pass;
    // Its pods' are its as well, as their IPv4 addresses are: it passes on what they send to where it is the gateway.
    if (inside) return this.#isOfPod(c, d, subject) ? Verdict.pass : Verdict.foreignAddress;
    // Multicast; and all that begins with eight zeros: loopback, and IPv4 inside IPv6 (RFC 4291 section 2.5).
    if (a >>> 24 === 0xff || (a === 0 && b === 0)) return Verdict.foreignAddress;
    // Link-local addresses made from a MAC are that MAC's, whether its member is known or not.
    if (!ownInterface && (c & 0xff) === 0xff && d >>> 24 === 0xfe && (scoped || this.#isMember(c, d)))
      return Verdict.foreignAddress;
    if (lan === 0) {
      const standing = this.#subnets.standing(a, b, c, d, high, low);
      if (standing !== Standing.nobodys)
        return standing === Standing.own ? Verdict.pass : Verdict.foreignAddress;
    }
    return this.#owners.holds(a, b, c, d, lan, high, low, firstHand, this.#second)
      ? Verdict.pass
      : Verdict.taken;
  }

  /** The lower half of an address is made from the MAC of a pod of the subject. */
  #isOfPod(c: number, d: number, subject: GuardSubject): boolean {
    if ((c & 0xff) !== 0xff || d >>> 24 !== 0xfe) return false;
    return this.#isPodOf(subject, (c >>> 16) ^ 0x0200, ((c & 0xff00) << 16) | (d & 0xff_ffff));
  }

  /** The lower half of an address, made from a MAC, is made from that of a member. */
  #isMember(c: number, d: number): boolean {
    const low = ((c & 0xff00) << 16) | (d & 0xff_ffff);
    return this.#members.findMac((c >>> 16) ^ 0x0200, low) >= 0;
  }

  /** The address at `at` is made from the MAC of a member, who is not the subject. */
  #isMadeByOther(view: DataView, at: number, subject: GuardSubject): boolean {
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    if ((c & 0xff) !== 0xff || d >>> 24 !== 0xfe || !this.#isMember(c, d)) return false;
    const low = ((c & 0xff00) << 16) | (d & 0xff_ffff);
    return c >>> 16 !== (subject.macHigh ^ 0x0200) || low !== subject.macLow;
  }
}

function isUnspecified(view: DataView, at: number): boolean {
  return (
    view.getInt32(at) === 0 &&
    view.getInt32(at + 4) === 0 &&
    view.getInt32(at + 8) === 0 &&
    view.getInt32(at + 12) === 0
  );
}

const lsapIp = 0x06;
const lsapArp = 0x98;
const lsapSnap = 0xaa;
const unnumberedInformation = 0x03;
/** Who numbers the types behind a SNAP header: EtherTypes (RFC 1042), the same by bridges (802.1H), bridged frames (RFC 2684). */
const ouiEtherType = 0x000000;
const ouiBridgeTunnel = 0x0000f8;
const ouiBridged = 0x0080c2;

/**
 * A frame with a length in place of a type. Linux looks for no IP there, others behind a bridge may (RFC 1042): what
 * carries IP is not read, and the rest (spanning tree, IS-IS, NetBIOS) may pass.
 */
function judgeLlc(view: DataView, at: number, length: number): Verdict {
  if (length < 3) return Verdict.unreadable;
  // The lowest bit is for groups.
  const point = view.getUint8(at) & 0xfe;
  if (point === lsapIp || point === lsapArp) return Verdict.unreadable;
  if (point !== lsapSnap) return Verdict.pass;
  if (length < 8 || view.getUint8(at + 2) !== unnumberedInformation) return Verdict.unreadable;
  const oui = view.getUint32(at + 2) & 0xff_ffff;
  if (oui === ouiBridged) return Verdict.unreadable;
  if (oui !== ouiEtherType && oui !== ouiBridgeTunnel) return Verdict.pass;
  const type = view.getUint16(at + 6);
  const carriesIp =
    type < firstEtherType ||
    type === EtherType.ipv4 ||
    type === EtherType.ipv6 ||
    type === EtherType.arp ||
    type === EtherType.rarp ||
    isTag(type);
  return carriesIp ? Verdict.unreadable : Verdict.pass;
}

/**
 * Inner-source guard: what source addresses a frame of an authenticated member may carry.
 *
 * A member may use its own MAC only and may not speak as another member: IPv4 source, ARP sender, and the IPv6 link-local address that is made from a
 * member's MAC (RFC 4291 appendix A) are checked. The bridge right lifts all of it. Addresses that belong to no member are allowed: containers,
 * routed subnets, and an address before its certificate is known here. VLAN tags are looked through, because
 * hosts take priority-tagged frames for untagged ones.
 */
import { EtherType, etherTypeBefore, isGroup, macHigh, macLow, payloadOffset } from '../wire/ethernet.js';
import { ipv4HeaderLength, ipv6HeaderLength, Protocol } from '../wire/ip.js';
import type { MemberTable } from './members.js';

export const Verdict = { pass: 0, foreignMac: 1, foreignAddress: 2, malformed: 3 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

const neighbourAdvertisement = 136;

/** Who sends: one reusable record per peer. */
export interface GuardSubject {
  readonly macHigh: number;
  readonly macLow: number;
  readonly bridge: boolean;
}

/** True when the 16 bytes are a link-local address made from the MAC of a member other than `subject`. */
function isForeignLinkLocal(
  view: DataView,
  at: number,
  subject: GuardSubject,
  members: MemberTable,
): boolean {
  if (view.getUint32(at) !== 0xfe80_0000 || view.getUint32(at + 4) !== 0) return false;
  if (view.getUint8(at + 11) !== 0xff || view.getUint8(at + 12) !== 0xfe) return false;
  const high = view.getUint16(at + 8) ^ 0x0200;
  const low = (view.getUint8(at + 10) << 24) | (view.getUint8(at + 13) << 16) | view.getUint16(at + 14);
  if (high === subject.macHigh && low === subject.macLow) return false;
  return members.findMac(high, low) >= 0;
}

/** Judges the frame at `at` of `length` bytes that `subject` sent. Reads only inside the frame. */
export function checkSource(
  view: DataView,
  at: number,
  length: number,
  subject: GuardSubject,
  members: MemberTable,
): Verdict {
  const payload = payloadOffset(view, at, length);
  if (payload === 0) return Verdict.malformed;
  const high = macHigh(view, at + 6);
  if (isGroup(high)) return Verdict.malformed;
  if (subject.bridge) return Verdict.pass;
  if (high !== subject.macHigh || macLow(view, at + 6) !== subject.macLow) return Verdict.foreignMac;
  const type = etherTypeBefore(view, at, payload);
  const ip = at + payload;
  if (type === EtherType.ipv4) {
    if (length < payload + ipv4HeaderLength) return Verdict.malformed;
    return foreignIp(view.getInt32(ip + 12), subject, members);
  }
  if (type === EtherType.arp) {
    if (length < payload + 28) return Verdict.malformed;
    return foreignIp(view.getInt32(ip + 14), subject, members);
  }
  if (type === EtherType.ipv6) {
    if (length < payload + ipv6HeaderLength) return Verdict.malformed;
    if (isForeignLinkLocal(view, ip + 8, subject, members)) return Verdict.foreignAddress;
    const advertises =
      view.getUint8(ip + 6) === Protocol.icmpv6 &&
      length >= payload + ipv6HeaderLength + 24 &&
      view.getUint8(ip + ipv6HeaderLength) === neighbourAdvertisement;
    if (advertises && isForeignLinkLocal(view, ip + ipv6HeaderLength + 8, subject, members))
      return Verdict.foreignAddress;
  }
  return Verdict.pass;
}

/** The table decides whose an address is, not the subject's certificate, which may claim one that is another's. */
function foreignIp(ip: number, subject: GuardSubject, members: MemberTable): Verdict {
  if (ip === 0) return Verdict.pass;
  const owner = members.findIp(ip);
  if (owner < 0) return Verdict.pass;
  const own = members.high(owner) === subject.macHigh && members.low(owner) === subject.macLow;
  return own ? Verdict.pass : Verdict.foreignAddress;
}

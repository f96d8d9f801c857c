/**
 * How a host tells which multicast groups it wants, in place: IGMPv1-3 (RFC 1112, 2236, 3376) and MLDv1-2 (RFC 2710,
 * 3810). Reads reports, writes the general queries that make a host repeat them.
 *
 *   IGMPv1/v2, MLDv1   type 1 | max response 1 (code 1, checksum 2, delay 2, …) | checksum | group
 *   IGMPv3, MLDv2      type 1 | … | number of records 2 | ( record type 1 | aux words 1 | sources 2 | group | sources | aux )*
 *
 * Source filters reduce to wanting the group or not: `EXCLUDE {…}` and `INCLUDE {some}` want it, `INCLUDE {}` does not.
 * A group is handled as its key: the last 4 bytes of its MAC (RFC 1112 section 6.4, RFC 2464 section 7), signed. An IPv4
 * and an IPv6 group may share a key, as they may share nothing worse than a few frames too many.
 *
 * Nothing here is tracked that belongs to one link by its scope (RFC 4541 sections 2.1.2 and 3): 224.0.0.0/24, which
 * goes by its MAC, and IPv6 scopes up to link-local. Tagged frames are another LAN, and are left alone.
 */
import { EtherType, ethernetHeaderLength } from './ethernet.js';
import { ipv4HeaderLength, ipv6HeaderLength, onesSum, Protocol } from './ip.js';

/** Who a frame to a group MAC is for. */
export const Audience = {
  /** Everybody: broadcast, link-local scope, tagged, or not IP. */
  all: 0,
  /** The members that want the group. */
  group: 1,
  /** A membership report: for bridged networks, where a querier or router may wait for it, and for nobody else. */
  report: 2,
} as const;
export type Audience = (typeof Audience)[keyof typeof Audience];

const igmpProtocol = 2;
const Igmp = { query: 0x11, reportV1: 0x12, reportV2: 0x16, leave: 0x17, reportV3: 0x22 } as const;
const Mld = { query: 130, report: 131, done: 132, reportV2: 143 } as const;
/** Record types of IGMPv3 (RFC 3376 section 4.2.12) and MLDv2 (RFC 3810 section 5.2.12). */
const Record = { isInclude: 1, isExclude: 2, toInclude: 3, toExclude: 4, allow: 5 } as const;

/** Upper 2 bytes of the MACs of IPv4 (01:00:5e…) and IPv6 groups. */
const highOfIpv4 = 0x0100;
const highOfIpv6 = 0x3333;
const linkLocalScope = 2;

/** What `readReport` tells of every record. `at` is the offset of the group's address, 4 bytes or 16. */
export interface ReportSink {
  joined(view: DataView, at: number, v6: boolean): void;
  left(view: DataView, at: number, v6: boolean): void;
}

/** Who the frame to a group MAC at `at` of `length` bytes is for. Reads only inside the frame. */
export function audienceOf(view: DataView, at: number, length: number): Audience {
  if (length < ethernetHeaderLength + ipv4HeaderLength) return Audience.all;
  const high = view.getUint16(at);
  const ip = at + ethernetHeaderLength;
  if (high === highOfIpv4) {
    if (view.getUint16(at + 12) !== EtherType.ipv4) return Audience.all;
    if (view.getUint8(ip + 9) === igmpProtocol && messageAt(view, at, length) !== 0) return Audience.report;
    return isTrackedKey(view.getInt32(at + 2)) ? Audience.group : Audience.all;
  }
  if (high === highOfIpv6) {
    if (view.getUint16(at + 12) !== EtherType.ipv6 || length < ethernetHeaderLength + ipv6HeaderLength)
      return Audience.all;
    if (view.getUint8(ip + 6) === 0 && messageAt(view, at, length) !== 0) return Audience.report;
    return isTrackedIpv6(view, ip + 24) ? Audience.group : Audience.all;
  }
  return Audience.all;
}

/** Key of the group MAC at `at`. */
export function groupKey(view: DataView, at: number): number {
  return view.getInt32(at + 2);
}

/** Key of the group address at `at`, or 0 when the group is not tracked. */
export function keyOfAddress(view: DataView, at: number, v6: boolean): number {
  if (v6) return isTrackedIpv6(view, at) ? view.getInt32(at + 12) : 0;
  if (view.getUint8(at) >> 4 !== 14) return 0;
  const key = 0x5e00_0000 | (view.getInt32(at) & 0x7f_ffff);
  return isTrackedKey(key) ? key : 0;
}

/** False for the 256 MACs of 224.0.0.0/24, which other groups share. */
function isTrackedKey(key: number): boolean {
  return key >>> 8 !== 0x5e_0000;
}

function isTrackedIpv6(view: DataView, at: number): boolean {
  return view.getUint8(at) === 0xff && (view.getUint8(at + 1) & 0x0f) > linkLocalScope;
}

/** Offset in the frame of the IGMP or ICMPv6 message that is a report, leave or done; 0 when it is nothing of the kind. */
function messageAt(view: DataView, at: number, length: number): number {
  const ip = at + ethernetHeaderLength;
  if (view.getUint16(at + 12) === EtherType.ipv4) {
    const offset = ethernetHeaderLength + (view.getUint8(ip) & 0x0f) * 4;
    if (view.getUint8(ip) >> 4 !== 4 || offset < ethernetHeaderLength + ipv4HeaderLength) return 0;
    // A fragment shows no message, and none of these is ever long enough to be one.
    if (length < offset + 8 || (view.getUint16(ip + 6) & 0x3fff) !== 0) return 0;
    const type = view.getUint8(at + offset);
    const known =
      type === Igmp.reportV1 || type === Igmp.reportV2 || type === Igmp.leave || type === Igmp.reportV3;
    return known ? offset : 0;
  }
  // RFC 2710 section 3: every MLD message carries a Router Alert, so a Hop-by-Hop header comes first.
  const options = ethernetHeaderLength + ipv6HeaderLength;
  if (view.getUint8(ip) >> 4 !== 6 || length < options + 8) return 0;
  if (view.getUint8(at + options) !== Protocol.icmpv6) return 0;
  const offset = options + (view.getUint8(at + options + 1) + 1) * 8;
  if (length < offset + 8) return 0;
  const type = view.getUint8(at + offset);
  return type === Mld.report || type === Mld.done || type === Mld.reportV2 ? offset : 0;
}

/**
 * Tells `sink` what the frame reports, and returns true when it was a report that answers a query or renews a
 * membership. Checksums are not verified: the frame comes from the own host, over no wire.
 */
export function readReport(view: DataView, at: number, length: number, sink: ReportSink): boolean {
  if (length < ethernetHeaderLength + ipv4HeaderLength) return false;
  const ethertype = view.getUint16(at + 12);
  const v6 = ethertype === EtherType.ipv6;
  if (!v6 && ethertype !== EtherType.ipv4) return false;
  if (
    v6 &&
    (length < ethernetHeaderLength + ipv6HeaderLength || view.getUint8(at + ethernetHeaderLength + 6) !== 0)
  )
    return false;
  if (!v6 && view.getUint8(at + ethernetHeaderLength + 9) !== igmpProtocol) return false;
  const message = messageAt(view, at, length);
  if (message === 0) return false;
  const type = view.getUint8(at + message);
  if (type === Igmp.reportV3 || type === Mld.reportV2)
    return readRecords(view, at, message, length, v6, sink);
  const group = message + (v6 ? 8 : 4);
  if (length < group + (v6 ? 16 : 4)) return false;
  if (type === Igmp.leave || type === Mld.done) {
    sink.left(view, at + group, v6);
    return false;
  }
  sink.joined(view, at + group, v6);
  return true;
}

/** The records of IGMPv3 and MLDv2 differ in the length of an address only. */
function readRecords(
  view: DataView,
  at: number,
  message: number,
  length: number,
  v6: boolean,
  sink: ReportSink,
): boolean {
  const address = v6 ? 16 : 4;
  let left = view.getUint16(at + message + 6);
  let answers = false;
  for (let record = message + 8; left > 0 && length >= record + 4 + address; left--) {
    const type = view.getUint8(at + record);
    const sources = view.getUint16(at + record + 2);
    const group = at + record + 4;
    if (type === Record.isInclude || type === Record.isExclude) answers = true;
    if (type === Record.isExclude || type === Record.toExclude || (type === Record.allow && sources > 0)) {
      sink.joined(view, group, v6);
    } else if (type === Record.isInclude || type === Record.toInclude) {
      if (sources > 0) sink.joined(view, group, v6);
      else sink.left(view, group, v6);
    }
    // BLOCK_OLD_SOURCES leaves open whether any source is left: the next query tells.
    record += 4 + address * (1 + sources) + view.getUint8(at + record + 1) * 4;
  }
  return answers;
}

const routerAlertIpv4 = 0x9404_0000;
/** Querier's robustness 2 and interval 125 s, as they stand in a query (RFC 3376 section 4.1). */
const robustness = 2;
const intervalSeconds = 125;
/** Bytes that the longer query needs. */
export const queryCapacity = ethernetHeaderLength + ipv6HeaderLength + 8 + 28;

/**
 * Writes an IGMPv3 general query from 0.0.0.0, which never wins an election (RFC 4541 section 2.1.1), and returns its
 * length. `mac`: 6 bytes. `answerWithinMs` below 12 800, in steps of 100.
 */
export function writeIgmpQuery(view: DataView, at: number, mac: Uint8Array, answerWithinMs: number): number {
  putEthernet(view, at, highOfIpv4, 0x5e00_0001, mac, EtherType.ipv4);
  const ip = at + ethernetHeaderLength;
  view.setUint32(ip, 0x46c0_0024);
  view.setUint32(ip + 4, 0);
  view.setUint32(ip + 8, 0x0100_0000 | (igmpProtocol << 16));
  view.setUint32(ip + 12, 0);
  view.setUint32(ip + 16, 0xe000_0001);
  view.setUint32(ip + 20, routerAlertIpv4);
  view.setUint16(ip + 10, ~onesSum(view, ip, 24) & 0xffff);
  const igmp = ip + 24;
  view.setUint32(igmp, (Igmp.query << 24) | (Math.round(answerWithinMs / 100) << 16));
  view.setUint32(igmp + 4, 0);
  view.setUint32(igmp + 8, (robustness << 24) | (intervalSeconds << 16));
  view.setUint16(igmp + 2, ~onesSum(view, igmp, 12) & 0xffff);
  return ethernetHeaderLength + 24 + 12;
}

/** Writes an MLDv2 general query from the link-local address made from `mac`, and returns its length. */
export function writeMldQuery(view: DataView, at: number, mac: Uint8Array, answerWithinMs: number): number {
  putEthernet(view, at, highOfIpv6, 1, mac, EtherType.ipv6);
  const ip = at + ethernetHeaderLength;
  const messageLength = 28;
  view.setUint32(ip, 0x6000_0000);
  view.setUint32(ip + 4, ((8 + messageLength) << 16) | 1);
  view.setUint32(ip + 8, 0xfe80_0000);
  view.setUint32(ip + 12, 0);
  mac.forEach((byte, i) => {
    view.setUint8(ip + 16 + (i < 3 ? i : i + 2), i === 0 ? byte ^ 2 : byte);
  });
  view.setUint16(ip + 19, 0xfffe);
  view.setUint32(ip + 24, 0xff02_0000);
  view.setUint32(ip + 28, 0);
  view.setUint32(ip + 32, 0);
  view.setUint32(ip + 36, 1);
  // Hop-by-Hop: Router Alert of value 0, MLD (RFC 2711), and padding.
  view.setUint32(ip + 40, (Protocol.icmpv6 << 24) | 0x0502);
  view.setUint32(ip + 44, 0x0000_0100);
  const icmp = ip + 48;
  for (let i = 0; i < messageLength; i += 4) view.setUint32(icmp + i, 0);
  view.setUint8(icmp, Mld.query);
  view.setUint16(icmp + 4, answerWithinMs);
  view.setUint8(icmp + 24, robustness);
  view.setUint8(icmp + 25, intervalSeconds);
  const sum = onesSum(view, icmp, messageLength, onesSum(view, ip + 8, 32, Protocol.icmpv6 + messageLength));
  view.setUint16(icmp + 2, ~sum & 0xffff);
  return queryCapacity;
}

function putEthernet(
  view: DataView,
  at: number,
  high: number,
  low: number,
  mac: Uint8Array,
  type: number,
): void {
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
  mac.forEach((byte, i) => {
    view.setUint8(at + 6 + i, byte);
  });
  view.setUint16(at + 12, type);
}

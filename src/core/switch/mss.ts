/**
 * Lowers the longest segment that a TCP connection begins with, where less is carried (RFC 9293 section 3.7.1, RFC 6691).
 * Machines behind this one, of a LAN that is routed or bridged, offer what their own interface takes. "Too big" (too-big.ts) would
 * teach them better, but many a firewall lets no ICMP through; then connections open, and stop at the first long packet. And a path
 * may carry less in one packet than the interface (path/mtu.ts): what is longer goes in pieces, of which each can be lost.
 *
 *   | … flags (SYN) … | checksum 2 | … options: kind 2, length 4, segment 2 … |
 */
import {
  ethernetHeaderLength,
  EtherType,
  etherTypeBefore,
  payloadOffset,
  vlanTagLength,
} from '../wire/ethernet.js';
import {
  fold,
  ipv4HeaderLength,
  ipv6HeaderLength,
  Protocol,
  tcpChecksumOffset,
  TcpFlag,
  tcpHeaderLength,
} from '../wire/ip.js';

const OptionKind = { end: 0, pad: 1, mss: 2 } as const;
const mssLength = 4;
/** Bytes of a frame that opens a connection: options of IP or headers of extension, options of TCP, and no data (but RFC 7413's). */
export const longestSyn = ethernetHeaderLength + 2 * vlanTagLength + 4 * 60;

/**
 * Changes the frame of `length` bytes at `at` if it opens a TCP connection whose segments would be too long for IP packets of `mtu`
 * bytes, or for frames of `longest` bytes with tags such as its own. `found`: where its transport header is (locateTransport).
 * `summed`: its checksum is complete, and brought up to date (RFC 1624); else it is that of the pseudo-header, and completed later.
 * True when something changed.
 */
export function clampMss(
  view: DataView,
  at: number,
  length: number,
  found: number,
  mtu: number,
  longest: number,
  summed: boolean,
): boolean {
  if (length > longestSyn) return false;
  if ((found & 0xff) !== Protocol.tcp) return false;
  const tcp = at + (found >> 8);
  if ((view.getUint8(tcp + 13) & TcpFlag.syn) === 0) return false;
  const end = tcp + (view.getUint8(tcp + 12) >> 4) * 4;
  if (end > at + length) return false;
  const field = mssField(view, tcp + tcpHeaderLength, end);
  if (field === 0) return false;
  const ip = payloadOffset(view, at, length);
  const v6 = etherTypeBefore(view, at, ip) === EtherType.ipv6;
  const fits = longest - ip;
  const most = (fits < mtu ? fits : mtu) - (v6 ? ipv6HeaderLength : ipv4HeaderLength) - tcpHeaderLength;
  const offered = view.getUint16(field);
  if (offered <= most) return false;
  view.setUint16(field, most);
  if (!summed) return true;
  const checksum = tcp + tcpChecksumOffset;
  const odd = ((field - tcp) & 1) !== 0;
  const from = odd ? swapped(offered) : offered;
  const to = odd ? swapped(most) : most;
  view.setUint16(checksum, ~fold((~view.getUint16(checksum) & 0xffff) + (~from & 0xffff) + to) & 0xffff);
  return true;
}

/** Where the value of the option stands among those from `at` to `end`, 0 when it is not there or they do not fit. */
function mssField(view: DataView, at: number, end: number): number {
  for (let option = at; option + mssLength <= end;) {
    const kind = view.getUint8(option);
    if (kind === OptionKind.end) return 0;
    if (kind === OptionKind.pad) {
      option++;
      continue;
    }
    const length = view.getUint8(option + 1);
    if (kind === OptionKind.mss) return length === mssLength ? option + 2 : 0;
    if (length < 2) return 0;
    option += length;
  }
  return 0;
}

/** As a sum of words sees a word that begins at an odd byte. */
function swapped(word: number): number {
  return ((word & 0xff) << 8) | (word >> 8);
}

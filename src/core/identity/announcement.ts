/**
 * What a member says of the subnets behind it: signed by its node key, so that anybody may pass it on.
 *
 *   announcement  version 1 | node key 32 | serial 8 | signed at 8 | count 1 | subnet* | signature 64
 *   subnet        flags 1 | bits 1 | since 4 | address ceil(bits / 8)
 *                 flags: bit 0 IPv6, bit 1 shared: others may announce the very same, and stand in for each other
 *                 since: when the member began to announce it, s since 1970
 *
 * A later serial replaces an earlier one. It holds for `announcementLifeMs` from `signed at`, ms since 1970; its member
 * signs it again before. The signature covers a label and everything before it.
 */
import { ByteReader, ByteWriter, concatBytes, utf8 } from '../lib/bytes.js';
import {
  containsPrefix,
  ipv4Offset,
  isIpv4Prefix,
  parsePrefix,
  prefixBytes,
  prefixOfBytes,
  type Prefix,
} from '../lib/prefix.js';
import { clockSkewMs } from './certificate.js';
import { sign, signatureLength, verify, type Keys } from './keys.js';

export interface Subnet {
  readonly prefix: Prefix;
  readonly shared: boolean;
  /** s since 1970. */
  readonly since: number;
}

export interface Announcement {
  readonly nodeKey: Uint8Array;
  readonly serial: number;
  /** ms since 1970. */
  readonly signedAt: number;
  readonly subnets: readonly Subnet[];
}

/** Subnets of one member. */
export const maxSubnets = 64;
/** Longest announcement, bytes: with a credential it fits into one packet. */
export const maxAnnouncementLength = 1_000;
/** How long one holds, ms. A member that is gone for longer announces nothing any more. */
export const announcementLifeMs = 6 * 3_600_000;

const version = 1;
const label = utf8('evio announcement 1');
const headLength = 1 + 32 + 8 + 8 + 1;
const Flag = { ipv6: 1, shared: 2 } as const;
const ipv4Bytes = ipv4Offset / 8;

/** Prefixes that no subnet of hosts can have (RFC 6890): what is no host's, this host's, link-local, and groups. */
const notForHosts = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/64',
  'fe80::/10',
  'ff00::/8',
].map((text) => parsePrefix(text) as Prefix);
/** A shorter prefix is a way out, not a subnet. */
const minBits = { ipv4: 8, ipv6: 16 } as const;

/** True for a prefix that a member may have behind it, by its form. */
export function mayBeSubnet(prefix: Prefix): boolean {
  const enough = isIpv4Prefix(prefix) ? ipv4Offset + minBits.ipv4 : minBits.ipv6;
  if (prefix.length < enough) return false;
  return !notForHosts.some((other) => containsPrefix(other, prefix) || containsPrefix(prefix, other));
}

/** Throws RangeError when it is too long: `announcementLength` tells before. */
export function signAnnouncement(announcement: Announcement, owner: Keys): Uint8Array {
  const { nodeKey, serial, signedAt, subnets } = announcement;
  if (subnets.length > maxSubnets || announcementLength(subnets) > maxAnnouncementLength)
    throw new RangeError('too many subnets for one announcement');
  const writer = new ByteWriter().u8(version).bytes(nodeKey).u64(serial).u64(signedAt).u8(subnets.length);
  for (const { prefix, shared, since } of subnets) {
    const v4 = isIpv4Prefix(prefix);
    const bits = prefix.length - (v4 ? ipv4Offset : 0);
    writer
      .u8((v4 ? 0 : Flag.ipv6) | (shared ? Flag.shared : 0))
      .u8(bits)
      .u32(since);
    const from = v4 ? ipv4Bytes : 0;
    writer.bytes(prefixBytes(prefix).subarray(from, from + Math.ceil(bits / 8)));
  }
  const body = writer.finish();
  return concatBytes(body, sign(owner, concatBytes(label, body)));
}

/** Bytes of an announcement of these. */
export function announcementLength(subnets: readonly Pick<Subnet, 'prefix'>[]): number {
  let length = headLength + signatureLength;
  for (const { prefix } of subnets) {
    const bits = prefix.length - (isIpv4Prefix(prefix) ? ipv4Offset : 0);
    length += 6 + Math.ceil(bits / 8);
  }
  return length;
}

/**
 * Reads an announcement without verifying who signed it. Undefined when it is malformed: host bits, prefixes that no
 * subnet can have, and the same prefix twice included.
 */
export function parseAnnouncement(signed: Uint8Array): Announcement | undefined {
  const end = signed.length - signatureLength;
  if (end <= 0 || signed.length > maxAnnouncementLength) return undefined;
  const reader = new ByteReader(signed.subarray(0, end));
  if (reader.u8() !== version) return undefined;
  const nodeKey = reader.bytes(32);
  const serial = reader.u64();
  const signedAt = reader.u64();
  const count = reader.u8();
  if (reader.failed || count > maxSubnets) return undefined;
  const subnets: Subnet[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) {
    const subnet = readSubnet(reader);
    if (!subnet) return undefined;
    seen.add(`${subnet.prefix.words.join()}/${subnet.prefix.length}`);
    subnets.push(subnet);
  }
  return reader.done && seen.size === count ? { nodeKey, serial, signedAt, subnets } : undefined;
}

function readSubnet(reader: ByteReader): Subnet | undefined {
  const flags = reader.u8();
  const bits = reader.u8();
  const since = reader.u32();
  const v6 = (flags & Flag.ipv6) !== 0;
  if (bits > (v6 ? 128 : 32) || (flags & ~(Flag.ipv6 | Flag.shared)) !== 0) return undefined;
  const address = reader.bytes(Math.ceil(bits / 8));
  if (reader.failed) return undefined;
  const bytes = new Uint8Array(16);
  if (!v6) bytes[10] = bytes[11] = 0xff;
  bytes.set(address, v6 ? 0 : ipv4Bytes);
  const length = bits + (v6 ? 0 : ipv4Offset);
  const prefix = prefixOfBytes(bytes, length);
  const clean = prefixBytes(prefix).every((byte, i) => byte === bytes[i]);
  if (!clean || isIpv4Prefix(prefix) === v6 || !mayBeSubnet(prefix)) return undefined;
  return { prefix, shared: (flags & Flag.shared) !== 0, since };
}

/** True when the announcement is that of the key it names. */
export function isGenuineAnnouncement(signed: Uint8Array, nodeKey: Uint8Array): boolean {
  const end = signed.length - signatureLength;
  return end > 0 && verify(nodeKey, concatBytes(label, signed.subarray(0, end)), signed.subarray(end));
}

/** True at a date at which it holds; clocks may differ by `clockSkewMs`. */
export function holdsAt({ signedAt }: Pick<Announcement, 'signedAt'>, dateMs: number): boolean {
  return signedAt <= dateMs + clockSkewMs && dateMs < signedAt + announcementLifeMs;
}

/**
 * Members whose IPv4 address belongs to another MAC than before: after a change of keys, or of members. The host's own table
 * would go on naming the old one for up to a minute, so it is told by an ARP reply (RFC 826) that nobody asked for, which
 * changes what the host has and adds nothing.
 */
import { EtherType, ethernetHeaderLength } from '../wire/ethernet.js';
import { toHex } from '../lib/bytes.js';
import type { MemberAddress } from './members.js';

/** Addresses that are remembered, of members that are gone, too; the one that was seen longest ago goes. */
const limit = 8_192;
const arpLength = 28;

export class MovedAddresses {
  readonly #macs = new Map<number, string>();

  /** Of these, the members that have an address now that another MAC had. */
  take(members: readonly MemberAddress[]): MemberAddress[] {
    const moved: MemberAddress[] = [];
    for (const member of members) {
      const mac = toHex(member.mac);
      const before = this.#macs.get(member.ip);
      if (before !== undefined && before !== mac) moved.push(member);
      this.#macs.delete(member.ip);
      this.#macs.set(member.ip, mac);
    }
    for (const ip of this.#macs.keys()) {
      if (this.#macs.size <= limit) break;
      this.#macs.delete(ip);
    }
    return moved;
  }
}

/** The frame that tells the host of `to` where this member is. */
export function movedReply({ ip, mac }: MemberAddress, to: MemberAddress): Uint8Array {
  const frame = new Uint8Array(ethernetHeaderLength + arpLength);
  const view = new DataView(frame.buffer);
  frame.set(to.mac, 0);
  frame.set(mac, 6);
  view.setUint16(12, EtherType.arp);
  // Ethernet and IPv4, with 6 and 4 bytes of address; a reply.
  view.setUint32(14, 0x0001_0800);
  view.setUint32(18, 0x0604_0002);
  frame.set(mac, 22);
  view.setUint32(28, ip);
  frame.set(to.mac, 32);
  view.setUint32(38, to.ip);
  return frame;
}

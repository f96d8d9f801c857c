/**
 * The IPv6 address of the interface, set by rtnetlink(7) (`<linux/if_addr.h>`).
 *
 *   ifaddrmsg  family 1 | prefix length 1 | flags 1 | scope 1 | index 4
 *   attribute  length 2 | type 2 | value
 */
import { prefixLength6 } from '../identity/inner-ipv6.js';
import { Netlink, NetlinkError, NetlinkFlag } from '../native/netlink.js';

const RTM_NEWADDR = 20;
const AF_INET6 = 10;
const IFA_LOCAL = 2;
/** Usable at once, without asking whether another has it: it follows from the MAC, of which the roster knows no second. */
const IFA_F_NODAD = 0x02;

/** The body of a request to give the interface with this index the address, 16 bytes. */
export function encodeAddress6(index: number, address: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + 4 + 16);
  const view = new DataView(bytes.buffer);
  bytes[0] = AF_INET6;
  bytes[1] = prefixLength6;
  bytes[2] = IFA_F_NODAD;
  view.setUint32(4, index, true);
  view.setUint16(8, 4 + 16, true);
  view.setUint16(10, IFA_LOCAL, true);
  bytes.set(address, 12);
  return bytes;
}

/** Gives the interface the address. False where the kernel, or this interface, does without IPv6. */
export function setIp6(index: number, address: Uint8Array): boolean {
  try {
    const netlink = new Netlink();
    try {
      netlink.change(RTM_NEWADDR, NetlinkFlag.create | NetlinkFlag.replace, encodeAddress6(index, address));
      return true;
    } finally {
      netlink.close();
    }
  } catch (thrown) {
    if (thrown instanceof NetlinkError) return false;
    throw thrown;
  }
}

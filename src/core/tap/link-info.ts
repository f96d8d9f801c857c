/**
 * What link messages of rtnetlink(7) have in common, whoever asks (`<linux/if_link.h>`, `<linux/if.h>`, `<linux/veth.h>`).
 *
 *   ifinfomsg  family 1 | 0 | hardware type 2 | index 4 | flags 4 | change 4
 */
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
export const IFLA_AF_SPEC = 26;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const VETH_INFO_PEER = 1;
export const AF_INET6 = 10;
export const IFLA_INET6_ADDR_GEN_MODE = 8;
export const IFF_UP = 1;

/** Bytes of ifinfomsg. */
export const linkInfoBytes = 16;

/** ifinfomsg. @param flags that are set. @param index of the interface; 0: of none yet */
export function linkInfo(index: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(linkInfoBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, flags, true);
  return bytes;
}

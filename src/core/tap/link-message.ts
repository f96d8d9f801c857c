/**
 * Interfaces as rtnetlink(7) has them (`<linux/if_link.h>`).
 *
 *   ifinfomsg  family 1 | 0 | hardware type 2 | index 4 | flags 4 | change 4
 *   attribute  length 2 | type 2 | value, padded to 4 bytes
 */

/** RTM_NEWLINK, RTM_GETLINK. */
export const LinkMessage = { add: 16, get: 18 } as const;
const infoBytes = 16;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_LINK_NETNSID = 37;

/** One interface. */
export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  /** Index of the interface of this network namespace that it stands on: VLAN, macvlan, VXLAN, tunnel; 0: on none. */
  readonly lower: number;
}

/** The body of a request for the interface with this index. */
export function encodeLinkQuery(index: number): Uint8Array {
  const bytes = new Uint8Array(infoBytes);
  new DataView(bytes.buffer).setUint32(4, index, true);
  return bytes;
}

/** The interface in a message; undefined when it cannot be read. */
export function readLink(body: Uint8Array): LinkFacts | undefined {
  if (body.length < infoBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const index = view.getUint32(4, true);
  let name = '';
  let lower = 0;
  let elsewhere = false;
  for (let at = infoBytes; at + 4 <= body.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > body.length) return undefined;
    const type = view.getUint16(at + 2, true);
    if (type === IFLA_IFNAME) name = Buffer.from(body.subarray(at + 4, at + length - 1)).toString('utf8');
    if (type === IFLA_LINK && length === 8) lower = view.getUint32(at + 4, true);
    if (type === IFLA_LINK_NETNSID) elsewhere = true;
    at += (length + 3) & ~3;
  }
  return { index, name, lower: elsewhere || lower === index ? 0 : lower };
}

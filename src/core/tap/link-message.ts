/**
 * Interfaces as rtnetlink(7) has them (`<linux/if_link.h>`).
 *
 *   ifinfomsg  family 1 | 0 | hardware type 2 | index 4 | flags 4 | change 4
 *   attribute  length 2 | type 2 | value, padded to 4 bytes
 */
import { concatBytes } from '../lib/bytes.js';
import { attribute, eachAttribute, numberAttribute, textAttribute, textOf } from './attribute.js';
import {
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_MTU,
  IFLA_MASTER,
  IFLA_LINKINFO,
  IFLA_IFALIAS,
  IFLA_AF_SPEC,
  IFLA_INFO_KIND,
  IFLA_INFO_DATA,
  VETH_INFO_PEER,
  AF_INET6,
  IFLA_INET6_ADDR_GEN_MODE,
  IFF_UP,
  linkInfo,
  linkInfoBytes,
} from './link-info.js';

/** RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK. */
export const LinkMessage = { add: 16, remove: 17, get: 18 } as const;
const addressesNone = 1;
const IFF_NOARP = 0x80;
const IFLA_LINK = 5;
const IFLA_LINK_NETNSID = 37;

/** By kind of a tunnel, the attributes of its data that have the address of its other end (`<linux/if_link.h>`, `<linux/if_tunnel.h>`). */
const remoteOf: Readonly<Record<string, readonly number[]>> = {
  vxlan: [2, 16],
  geneve: [2, 7],
  gre: [7],
  gretap: [7],
  erspan: [7],
  ip6gre: [7],
  ip6gretap: [7],
  ip6erspan: [7],
  ipip: [3],
  sit: [3],
  ip6tnl: [3],
  vti: [5],
  vti6: [5],
};

/** Kinds of tunnels that do not tell where their packets go; `tun` has both layers. */
const veilKinds: ReadonlySet<string> = new Set(['tun', 'wireguard', 'amneziawg', 'ovpn', 'ppp']);
export const isVeilKind = (kind: string): boolean => veilKinds.has(kind);

/** One interface. */
export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  /** Index of the interface of this network namespace that it stands on: VLAN, macvlan, VXLAN, tunnel; 0: on none. */
  readonly lower: number;
  /** `vxlan`, `veth`, …; empty: of none that the kernel names. */
  readonly kind: string;
  /** Where a tunnel sends its packets, 4 or 16 bytes; undefined: it is none, or sends to many. */
  readonly remote: Uint8Array | undefined;
}

/** The body of a request for all interfaces. */
export function encodeLinksQuery(): Uint8Array {
  return linkInfo(0);
}

/** The body of a request for the interface with this index. */
export function encodeLinkQuery(index: number): Uint8Array {
  return linkInfo(index);
}

/** The interface in a message; undefined when it cannot be read. */
export function readLink(body: Uint8Array): LinkFacts | undefined {
  if (body.length < linkInfoBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const index = view.getUint32(4, true);
  let name = '';
  let lower = 0;
  let elsewhere = false;
  let about: TunnelFacts = { kind: '', remote: undefined };
  const whole = eachAttribute(body, linkInfoBytes, (type, at, length) => {
    if (type === IFLA_IFNAME) name = textOf(body, at, length);
    if (type === IFLA_LINKINFO) about = readInfo(body.subarray(at, at + length));
    if (type === IFLA_LINK && length === 4) lower = view.getUint32(at, true);
    if (type === IFLA_LINK_NETNSID) elsewhere = true;
  });
  if (!whole) return undefined;
  return { index, name, lower: elsewhere || lower === index ? 0 : lower, ...about };
}

type TunnelFacts = Pick<LinkFacts, 'kind' | 'remote'>;

/** IFLA_LINKINFO: the kind comes before the data. */
function readInfo(info: Uint8Array): TunnelFacts {
  let kind = '';
  let remote: Uint8Array | undefined;
  eachAttribute(info, 0, (type, at, length) => {
    if (type === IFLA_INFO_KIND) kind = textOf(info, at, length);
    const wanted = remoteOf[kind];
    if (type !== IFLA_INFO_DATA || !wanted) return;
    const data = info.subarray(at, at + length);
    eachAttribute(data, 0, (of, from, size) => {
      const address = data.subarray(from, from + size);
      if (wanted.includes(of) && (size === 4 || size === 16) && address.some((byte) => byte !== 0))
        remote = address;
    });
  });
  return { kind, remote };
}

/** No IPv6 address comes to it by itself: the machine has no business on that interface. */
const noAddresses = attribute(
  IFLA_AF_SPEC,
  attribute(AF_INET6, attribute(IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(addressesNone))),
);

/** The body of a request for a bridge. */
export function encodeBridge(name: string): Uint8Array {
  return concatBytes(
    linkInfo(0),
    textAttribute(IFLA_IFNAME, name),
    attribute(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, 'bridge')),
  );
}

/**
 * The body of a request for a pair of veths. The other has a MAC above all that vendors give, so that no bridge takes it for its own:
 * that is the lowest of its ports'.
 *
 * @param mac of the first, 6 bytes
 */
export function encodePair(name: string, mac: Uint8Array, other: string, mtu: number): Uint8Array {
  const high = Uint8Array.of(0xfe, ...mac.subarray(1));
  const end = concatBytes(
    linkInfo(0),
    textAttribute(IFLA_IFNAME, other),
    attribute(IFLA_ADDRESS, high),
    numberAttribute(IFLA_MTU, mtu),
  );
  return concatBytes(
    linkInfo(0),
    textAttribute(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, mac),
    numberAttribute(IFLA_MTU, mtu),
    attribute(
      IFLA_LINKINFO,
      textAttribute(IFLA_INFO_KIND, 'veth'),
      attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, end)),
    ),
  );
}

/** What is set of an interface that is there. */
export interface LinkChange {
  /** Index of the bridge that it is to be a port of; 0: of none. */
  readonly master?: number;
  /** What `ip link` shows of it. */
  readonly alias?: string;
  /** It answers no ARP and takes no IPv6 address. */
  readonly quiet?: boolean;
  readonly up?: boolean;
}

/** The body of a request to change the interface with this index. */
export function encodeLinkChange(index: number, { master, alias, quiet, up }: LinkChange): Uint8Array {
  const flags = (up === true ? IFF_UP : 0) | (quiet === true ? IFF_NOARP : 0);
  return concatBytes(
    linkInfo(index, flags),
    ...(master === undefined ? [] : [numberAttribute(IFLA_MASTER, master)]),
    ...(alias === undefined ? [] : [textAttribute(IFLA_IFALIAS, alias)]),
    ...(quiet === true ? [noAddresses] : []),
  );
}

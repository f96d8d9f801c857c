/**
 * What ADD asks of rtnetlink(7): interfaces, ports of a bridge, addresses, routes, neighbours. Pure: bodies of requests, and what
 * stands in those of answers. Integers are little endian but for addresses.
 *
 *   ifinfomsg  family 1 | 0 | hardware type 2 | index 4 | flags 4 | change 4        `<linux/rtnetlink.h>`, `<linux/if_link.h>`
 *   ifaddrmsg  family 1 | prefix length 1 | flags 1 | scope 1 | index 4             `<linux/if_addr.h>`
 *   rtmsg      family 1 | prefix length 1 | 0 | 0 | table 1 | protocol 1 | scope 1 | type 1 | flags 4
 *   ndmsg      family 1 | 0 | 0 2 | index 4 | state 2 | flags 1 | type 1            `<linux/neighbour.h>`
 */
import {
  attribute,
  eachAttribute,
  numberAttribute,
  textAttribute,
  textOf,
} from '../../core/tap/attribute.js';
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
} from '../../core/tap/link-info.js';
import { concatBytes } from '../../core/lib/bytes.js';
import { addressBytes, addressText } from '../../core/lib/endpoint.js';

/** RTM_*. */
export const Message = {
  newLink: 16,
  removeLink: 17,
  getLink: 18,
  newAddress: 20,
  getAddress: 22,
  newRoute: 24,
  removeRoute: 25,
  newNeighbour: 28,
  removeNeighbour: 29,
  getNeighbour: 30,
} as const;

const AF_INET = 2;
const AF_BRIDGE = 7;

const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_GSO_MAX_SIZE = 41;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_UNICAST_FLOOD = 9;
const IFLA_BRPORT_ISOLATED = 33;
const IN6_ADDR_GEN_MODE_NONE = 1;
const RTEXT_FILTER_SKIP_STATS = 8;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_F_NODAD = 2;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_CACHEINFO = 3;
const NUD_INCOMPLETE = 0x01;
const NUD_REACHABLE = 0x02;
const NUD_FAILED = 0x20;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const NTF_USE = 0x01;
const NTF_MASTER = 0x04;
const NTF_PROXY = 0x08;

const addressInfoBytes = 8;
const neighbourBytes = 12;
/** Of the times in NDA_CACHEINFO, ms: USER_HZ is 100. */
const tickMs = 10;

/** An end of a pair of veths. */
export interface End {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  /** Bytes of the longest super-frame that it takes whole. */
  readonly superFrame: number;
}

function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (octet) => parseInt(octet, 16));
}

function bit(type: number, on: boolean): Uint8Array {
  return attribute(type, Uint8Array.of(on ? 1 : 0));
}

export function encodeBridge(name: string, mac: string, mtu: number): Uint8Array {
  return concatBytes(
    linkInfo(0),
    textAttribute(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, macBytes(mac)),
    numberAttribute(IFLA_MTU, mtu),
    attribute(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, 'bridge')),
  );
}

function end({ name, mac, mtu, superFrame }: End): Uint8Array {
  return concatBytes(
    linkInfo(0),
    textAttribute(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, macBytes(mac)),
    numberAttribute(IFLA_MTU, mtu),
    numberAttribute(IFLA_GSO_MAX_SIZE, superFrame),
  );
}

/** A pair of veths. @param netns descriptor of the namespace in which the far end is made; undefined: beside the near one */
export function encodePair(near: End, far: End, netns?: number): Uint8Array {
  const place = netns === undefined ? [] : [numberAttribute(IFLA_NET_NS_FD, netns)];
  const peer = attribute(VETH_INFO_PEER, end(far), ...place);
  return concatBytes(
    end(near),
    attribute(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, 'veth'), attribute(IFLA_INFO_DATA, peer)),
  );
}

/** What is set of an interface that is there. */
export interface LinkChange {
  readonly mtu?: number;
  readonly mac?: string;
  readonly alias?: string;
  /** Index of the bridge that it is to be a port of. */
  readonly master?: number;
  /** No IPv6 address comes to it by itself. */
  readonly bare?: boolean;
  readonly up?: boolean;
}

export function encodeLinkChange(index: number, change: LinkChange): Uint8Array {
  const { mtu, mac, alias, master, bare, up } = change;
  const none = attribute(IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(IN6_ADDR_GEN_MODE_NONE));
  return concatBytes(
    linkInfo(index, up === true ? IFF_UP : 0),
    ...(mtu === undefined ? [] : [numberAttribute(IFLA_MTU, mtu)]),
    ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(mac))]),
    ...(alias === undefined ? [] : [textAttribute(IFLA_IFALIAS, alias)]),
    ...(master === undefined ? [] : [numberAttribute(IFLA_MASTER, master)]),
    ...(bare === true ? [attribute(IFLA_AF_SPEC, attribute(AF_INET6, none))] : []),
  );
}

/** How a bridge treats a port. */
export interface PortChange {
  /** It gets its own frames back. */
  readonly hairpin: boolean;
  /** It gets frames that the bridge knows no port for. */
  readonly flood: boolean;
  /** It hears no other port that is isolated. */
  readonly isolated: boolean;
}

export function encodePort(index: number, { hairpin, flood, isolated }: PortChange): Uint8Array {
  const data = attribute(
    IFLA_INFO_SLAVE_DATA,
    bit(IFLA_BRPORT_MODE, hairpin),
    bit(IFLA_BRPORT_UNICAST_FLOOD, flood),
    bit(IFLA_BRPORT_ISOLATED, isolated),
  );
  return concatBytes(
    linkInfo(index),
    attribute(IFLA_LINKINFO, textAttribute(IFLA_INFO_SLAVE_KIND, 'bridge'), data),
  );
}

/** 4 or 16 bytes of an address that was checked before; none of what is no address. */
function bytesOf(address: string): Uint8Array {
  const bytes = addressBytes(address) ?? new Uint8Array();
  return address.includes(':') ? bytes : bytes.subarray(12);
}

function split(cidr: string): {
  readonly address: Uint8Array;
  readonly length: number;
  readonly v6: boolean;
} {
  const [text = '', length] = cidr.split('/');
  const address = bytesOf(text);
  return {
    address,
    length: length === undefined ? 8 * address.length : Number(length),
    v6: text.includes(':'),
  };
}

/** An address with its length; one of IPv6 is usable at once, without asking whether another has it. */
export function encodeAddress(index: number, cidr: string): Uint8Array {
  const { address, length, v6 } = split(cidr);
  const bytes = new Uint8Array(addressInfoBytes);
  bytes.set([v6 ? AF_INET6 : AF_INET, length, v6 ? IFA_F_NODAD : 0]);
  new DataView(bytes.buffer).setUint32(4, index, true);
  return concatBytes(bytes, attribute(IFA_LOCAL, address), attribute(IFA_ADDRESS, address));
}

export interface RouteWords {
  /** Undefined: what is there is reached directly. */
  readonly gateway?: string | undefined;
  /** Own address of what this machine sends there itself. */
  readonly source?: string | undefined;
}

/** A route by an interface. */
export function encodeRoute(index: number, dst: string, { gateway, source }: RouteWords): Uint8Array {
  const { address, length, v6 } = split(dst);
  const scope = gateway === undefined && !v6 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const head = [v6 ? AF_INET6 : AF_INET, length, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST];
  return concatBytes(
    Uint8Array.of(...head, 0, 0, 0, 0),
    ...(length === 0 ? [] : [attribute(RTA_DST, address)]),
    ...(gateway === undefined ? [] : [attribute(RTA_GATEWAY, bytesOf(gateway))]),
    ...(source === undefined ? [] : [attribute(RTA_PREFSRC, bytesOf(source))]),
    numberAttribute(RTA_OIF, index),
  );
}

function neighbour(family: number, index: number, state: number, flags: number): Uint8Array {
  const bytes = new Uint8Array(neighbourBytes);
  const view = new DataView(bytes.buffer);
  bytes[0] = family;
  view.setUint32(4, index, true);
  view.setUint16(8, state, true);
  bytes[10] = flags;
  return bytes;
}

/** A bridge sends what is for this MAC to this port of its. */
export function encodeForwarding(index: number, mac: string): Uint8Array {
  return concatBytes(
    neighbour(AF_BRIDGE, index, NUD_NOARP | NUD_REACHABLE, NTF_MASTER),
    attribute(NDA_LLADDR, macBytes(mac)),
  );
}

/** An interface answers for this IPv6 address, which lies behind it. */
export function encodeProxy(index: number, address: string): Uint8Array {
  return concatBytes(
    neighbour(AF_INET6, index, NUD_PERMANENT, NTF_PROXY),
    attribute(NDA_DST, bytesOf(address)),
  );
}

/** An IPv4 address beside an interface: to have the kernel ask who has it (ARP), or to forget what it knows. */
export function encodeNeighbour(index: number, ip: string): Uint8Array {
  return concatBytes(neighbour(AF_INET, index, 0, NTF_USE), attribute(NDA_DST, bytesOf(ip)));
}

/** For all IPv4 addresses beside interfaces. */
export function encodeNeighboursQuery(): Uint8Array {
  return neighbour(AF_INET, 0, 0, 0);
}

/** For all interfaces, without their counters. */
export function encodeLinksQuery(): Uint8Array {
  return concatBytes(linkInfo(0), numberAttribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS));
}

/** For all addresses. */
export function encodeAddressesQuery(): Uint8Array {
  return new Uint8Array(addressInfoBytes);
}

export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  readonly alias: string;
  readonly mac: string;
  readonly mtu: number;
  readonly superFrame: number;
  readonly up: boolean;
  /** Index of the bridge that it is a port of; 0: of none. */
  readonly master: number;
}

/** The interface in an answer; undefined when it cannot be read. */
export function readLink(body: Uint8Array): LinkFacts | undefined {
  if (body.length < linkInfoBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const texts = { name: '', alias: '', mac: '' };
  const numbers = { mtu: 0, superFrame: 0, master: 0 };
  const whole = eachAttribute(body, linkInfoBytes, (type, at, length) => {
    if (type === IFLA_IFNAME) texts.name = textOf(body, at, length);
    if (type === IFLA_IFALIAS) texts.alias = textOf(body, at, length);
    if (type === IFLA_ADDRESS)
      texts.mac = Array.from(body.subarray(at, at + length), (octet) =>
        octet.toString(16).padStart(2, '0'),
      ).join(':');
    if (length !== 4) return;
    const value = view.getUint32(at, true);
    if (type === IFLA_MTU) numbers.mtu = value;
    if (type === IFLA_GSO_MAX_SIZE) numbers.superFrame = value;
    if (type === IFLA_MASTER) numbers.master = value;
  });
  if (!whole) return undefined;
  return {
    index: view.getUint32(4, true),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    ...texts,
    ...numbers,
  };
}

export interface AddressFacts {
  /** Of the interface that has it. */
  readonly index: number;
  readonly local: string;
  readonly prefixlen: number;
}

/** The address in an answer; undefined when it cannot be read. */
export function readAddress(body: Uint8Array): AddressFacts | undefined {
  if (body.length < addressInfoBytes) return undefined;
  let local: Uint8Array | undefined;
  let address: Uint8Array | undefined;
  const whole = eachAttribute(body, addressInfoBytes, (type, at, length) => {
    if (type === IFA_LOCAL) local = body.subarray(at, at + length);
    if (type === IFA_ADDRESS) address = body.subarray(at, at + length);
  });
  // With another end IFA_ADDRESS is that one's.
  const own = local ?? address;
  if (!whole || own === undefined || (own.length !== 4 && own.length !== 16)) return undefined;
  const index = new DataView(body.buffer, body.byteOffset, body.length).getUint32(4, true);
  return { index, local: own.length === 4 ? own.join('.') : addressText(own), prefixlen: body[1] as number };
}

export interface NeighbourFacts {
  /** Of the interface that it is beside. */
  readonly index: number;
  readonly ip: string;
  /** Somebody spoke as this address, also once that is long ago. */
  readonly heard: boolean;
  /** The kernel has asked for it, and for how long there was no answer, ms; it may have stopped asking. Undefined: it does not ask. */
  readonly silentMs: number | undefined;
}

/** The neighbour in an answer; undefined when it cannot be read. */
export function readNeighbour(body: Uint8Array): NeighbourFacts | undefined {
  if (body.length < neighbourBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const state = view.getUint16(8, true);
  let ip = '';
  let heard = false;
  let updated = 0;
  const whole = eachAttribute(body, neighbourBytes, (type, at, length) => {
    if (type === NDA_DST && length === 4) ip = body.subarray(at, at + length).join('.');
    if (type === NDA_LLADDR) heard = true;
    // confirmed 4 | used 4 | updated 4 | references 4
    if (type === NDA_CACHEINFO && length >= 12) updated = view.getUint32(at + 8, true);
  });
  if (!whole || ip === '') return undefined;
  const silent = !heard && (state & (NUD_INCOMPLETE | NUD_FAILED)) !== 0;
  return {
    index: view.getUint32(4, true),
    ip,
    heard,
    silentMs: silent ? updated * tickMs : undefined,
  };
}

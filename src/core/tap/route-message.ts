/**
 * Routes as rtnetlink(7) has them (`<linux/rtnetlink.h>`).
 *
 *   rtmsg      family 1 | prefix length 1 | 0 | 0 | table 1 | protocol 1 | scope 1 | type 1 | flags 4
 *   attribute  length 2 | type 2 | value, padded to 4 bytes
 *   rtnexthop  length 2 | flags 1 | weight 1 | interface 4, attributes: one after the other in RTA_MULTIPATH
 *
 * Integers are little endian but for addresses.
 */
import { concatBytes } from '../lib/bytes.js';
import { ipv4Offset, isIpv4Prefix, prefixBytes, prefixOfBytes, type Prefix } from '../lib/prefix.js';
import { attribute, eachAttribute, numberAttribute } from './attribute.js';

const AF_INET = 2;
const AF_INET6 = 10;
const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
const RTN_UNREACHABLE = 7;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;

/** RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE. */
export const RouteMessage = { add: 24, remove: 25, get: 26 } as const;
/** Who set a route: a number that no routing program known to iproute2 has (`/etc/iproute2/rt_protos`). */
export const routeProtocol = 144;

const infoBytes = 12;
const hopBytes = 8;
/** RTNH_F_DEAD, RTNH_F_LINKDOWN: nothing goes by it now. */
const hopGone = 0x01 | 0x10;
const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** A route of the main table that evio set. */
export interface KernelRoute {
  readonly prefix: Prefix;
  readonly metric: number;
  /** Index of the interface, and address of the next hop there, 16 bytes; null: unreachable. */
  readonly via: { readonly device: number; readonly gateway: Uint8Array } | null;
}

/** The body of a request to add or remove it. */
export function encodeRoute({ prefix, metric, via }: KernelRoute): Uint8Array {
  const v4 = isIpv4Prefix(prefix);
  const bytes = new Uint8Array(infoBytes);
  bytes[0] = v4 ? AF_INET : AF_INET6;
  bytes[1] = prefix.length - (v4 ? ipv4Offset : 0);
  bytes[4] = RT_TABLE_MAIN;
  bytes[5] = routeProtocol;
  bytes[7] = via ? RTN_UNICAST : RTN_UNREACHABLE;
  const part = v4 ? 12 : 0;
  return concatBytes(
    bytes,
    attribute(RTA_DST, prefixBytes(prefix).subarray(part)),
    numberAttribute(RTA_PRIORITY, metric),
    ...(via
      ? [numberAttribute(RTA_OIF, via.device), attribute(RTA_GATEWAY, via.gateway.subarray(part))]
      : []),
  );
}

/** The body of a request for all routes of a family. */
export function encodeRouteQuery(v4: boolean): Uint8Array {
  const bytes = new Uint8Array(infoBytes);
  bytes[0] = v4 ? AF_INET : AF_INET6;
  return bytes;
}

/** Any route, or the answer of the kernel to the question by which one it would go. */
export interface RouteFacts {
  readonly v4: boolean;
  /** In the form of `Prefix`: IPv4 as mapped. */
  readonly destination: Prefix;
  readonly table: number;
  readonly protocol: number;
  /** RTN_UNICAST, RTN_UNREACHABLE … */
  readonly type: number;
  readonly metric: number;
  /** Index of the interface, 0: none. Of several that share what is sent, the first that is up. */
  readonly device: number;
  /** Of all of them. */
  readonly devices: readonly number[];
  /** 16 bytes. */
  readonly gateway: Uint8Array | undefined;
  /** Own address that a packet would have, 16 bytes. */
  readonly source: Uint8Array | undefined;
}

/** The body of a question: which way would a packet to this address go? 4 bytes, or 16, then IPv4 as mapped. */
export function encodeLookup(address: Uint8Array): Uint8Array {
  const v4 = address.length === 4 || mapped.every((byte, i) => i >= 12 || address[i] === byte);
  const value = address.subarray(v4 ? address.length - 4 : 0);
  const bytes = new Uint8Array(infoBytes);
  bytes[0] = v4 ? AF_INET : AF_INET6;
  bytes[1] = value.length * 8;
  return concatBytes(bytes, attribute(RTA_DST, value));
}

/** The route in a message; undefined when it cannot be read. */
export function readRoute(body: Uint8Array): RouteFacts | undefined {
  if (body.length < infoBytes) return undefined;
  const [family, bits = 0] = body;
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const v4 = family === AF_INET;
  const width = v4 ? 4 : 16;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const wide = (value: Uint8Array): Uint8Array => Uint8Array.from(v4 ? [...mapped, ...value] : value);
  let table = body[4] as number;
  let destination = wide(new Uint8Array(width));
  let gateway: Uint8Array | undefined;
  let source: Uint8Array | undefined;
  let device = 0;
  let devices: number[] | undefined;
  let metric = 0;
  const whole = eachAttribute(body, infoBytes, (type, at, length) => {
    const value = body.subarray(at, at + length);
    if (length === width) {
      if (type === RTA_DST) destination = wide(value);
      if (type === RTA_GATEWAY) gateway = wide(value);
      if (type === RTA_PREFSRC) source = wide(value);
    }
    if (type === RTA_MULTIPATH) {
      const hops = readHops(value, width);
      const [first] = hops;
      device = first?.device ?? 0;
      gateway = first?.gateway && wide(first.gateway);
      devices = hops.map((hop) => hop.device);
    }
    if (length === 4) {
      if (type === RTA_OIF) device = view.getUint32(at, true);
      if (type === RTA_PRIORITY) metric = view.getUint32(at, true);
      if (type === RTA_TABLE) table = view.getUint32(at, true);
    }
  });
  if (!whole) return undefined;
  return {
    v4,
    destination: prefixOfBytes(destination, bits + (v4 ? ipv4Offset : 0)),
    table,
    protocol: body[5] as number,
    type: body[7] as number,
    metric,
    device,
    devices: devices ?? (device === 0 ? [] : [device]),
    gateway,
    source,
  };
}

interface Hop {
  readonly device: number;
  /** As it stands there, 4 or 16 bytes. */
  readonly gateway: Uint8Array | undefined;
}

/** The next hops that are up, of a route that has several; none where they cannot be read. */
function readHops(hops: Uint8Array, width: number): Hop[] {
  const view = new DataView(hops.buffer, hops.byteOffset, hops.length);
  const up: Hop[] = [];
  for (let at = 0; at + hopBytes <= hops.length;) {
    const length = view.getUint16(at, true);
    if (length < hopBytes || at + length > hops.length) return [];
    const hop = hops.subarray(at, at + length);
    let gateway: Uint8Array | undefined;
    eachAttribute(hop, hopBytes, (type, from, bytes) => {
      if (type === RTA_GATEWAY && bytes === width) gateway = hop.subarray(from, from + bytes);
    });
    if ((view.getUint8(at + 2) & hopGone) === 0) up.push({ device: view.getUint32(at + 4, true), gateway });
    at += (length + 3) & ~3;
  }
  return up;
}

/** The route in a message of a dump; undefined when it is none of ours, or one that we would not make. */
export function parseRoute(body: Uint8Array): KernelRoute | undefined {
  const route = readRoute(body);
  if (route?.protocol !== routeProtocol || route.table !== RT_TABLE_MAIN) return undefined;
  const { destination: prefix, metric, type, device, gateway } = route;
  if (type === RTN_UNREACHABLE) return { prefix, metric, via: null };
  return type === RTN_UNICAST && gateway ? { prefix, metric, via: { device, gateway } } : undefined;
}

/** True for a route by which everything may go that has no other, in the main table. */
export function isDefault({ table, type, destination, v4 }: RouteFacts): boolean {
  return table === RT_TABLE_MAIN && type === RTN_UNICAST && destination.length === (v4 ? ipv4Offset : 0);
}

/**
 * Routing rules, and routes of tables of our own, as rtnetlink(7) has them (`<linux/fib_rules.h>`, `<linux/rtnetlink.h>`).
 *
 *   fib_rule_hdr  family 1 | 0 3 | table 1 | 0 2 | action 1 | flags 4
 *   rtmsg         as in route-message.ts
 *   attribute     length 2 | type 2 | value, padded to 4 bytes
 *
 * Integers are little endian but for addresses.
 */
import { concatBytes } from '../lib/bytes.js';
import { ipv4Offset, isIpv4Prefix, prefixBytes, type Prefix } from '../lib/prefix.js';
import { attribute, eachAttribute, numberAttribute, textAttribute, textOf } from './attribute.js';
import { routeProtocol } from './route-message.js';

/** RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE. */
export const RuleMessage = { add: 32, remove: 33, get: 34 } as const;
export const mainTable = 254;
/** RTN_UNICAST, RTN_UNREACHABLE, RTN_THROW. */
export const RouteType = { unicast: 1, unreachable: 7, throw: 9 } as const;

const AF_INET = 2;
const AF_INET6 = 10;
const infoBytes = 12;
const FR_ACT_TO_TBL = 1;
const FRA_PRIORITY = 6;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_OIFNAME = 17;
const FRA_PROTOCOL = 21;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;
const RTNH_F_ONLINK = 4;

/** A rule that evio set: which table is asked, and when. */
export interface RouteRule {
  readonly v4: boolean;
  /** Lower ones are asked first. */
  readonly priority: number;
  readonly table: number;
  /** Only for what is bound to this interface; empty: for everything. */
  readonly bound: string;
  /** What the table says by its default route does not count. */
  readonly noDefault: boolean;
}

/** A route of a table of our own. */
export interface TableRoute {
  readonly table: number;
  readonly prefix: Prefix;
  readonly metric: number;
  readonly type: number;
  /** Index of the interface; 0: none. */
  readonly device: number;
  /** The next hop, 16 bytes, as if it were on the link. */
  readonly gateway: Uint8Array | undefined;
}

/** The body of a request to add or remove the rule. */
export function encodeRule({ v4, priority, table, bound, noDefault }: RouteRule): Uint8Array {
  const info = new Uint8Array(infoBytes);
  info[0] = v4 ? AF_INET : AF_INET6;
  info[7] = FR_ACT_TO_TBL;
  return concatBytes(
    info,
    numberAttribute(FRA_PRIORITY, priority),
    numberAttribute(FRA_TABLE, table),
    attribute(FRA_PROTOCOL, Uint8Array.of(routeProtocol)),
    ...(bound === '' ? [] : [textAttribute(FRA_OIFNAME, bound)]),
    ...(noDefault ? [numberAttribute(FRA_SUPPRESS_PREFIXLEN, 0)] : []),
  );
}

/** The body of a request for all rules of a family. */
export function encodeRuleQuery(v4: boolean): Uint8Array {
  const info = new Uint8Array(infoBytes);
  info[0] = v4 ? AF_INET : AF_INET6;
  return info;
}

/** The rule in a message of a dump; undefined when evio did not set it, or it cannot be read. */
export function readRule(body: Uint8Array): RouteRule | undefined {
  if (body.length < infoBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  let protocol = 0;
  let priority = 0;
  let table = body[4] as number;
  let bound = '';
  let noDefault = false;
  const whole = eachAttribute(body, infoBytes, (type, at, length) => {
    if (type === FRA_PROTOCOL && length === 1) protocol = body[at] as number;
    if (type === FRA_OIFNAME) bound = textOf(body, at, length);
    if (length !== 4) return;
    const value = view.getUint32(at, true);
    if (type === FRA_PRIORITY) priority = value;
    if (type === FRA_TABLE) table = value;
    if (type === FRA_SUPPRESS_PREFIXLEN) noDefault = value === 0;
  });
  if (!whole) return undefined;
  return protocol === routeProtocol
    ? { v4: body[0] === AF_INET, priority, table, bound, noDefault }
    : undefined;
}

/** The body of a request to add or remove the route. */
export function encodeTableRoute({ table, prefix, metric, type, device, gateway }: TableRoute): Uint8Array {
  const v4 = isIpv4Prefix(prefix);
  const info = new Uint8Array(infoBytes);
  info[0] = v4 ? AF_INET : AF_INET6;
  info[1] = prefix.length - (v4 ? ipv4Offset : 0);
  info[5] = routeProtocol;
  info[7] = type;
  if (gateway) info[8] = RTNH_F_ONLINK;
  return concatBytes(
    info,
    numberAttribute(RTA_TABLE, table),
    numberAttribute(RTA_PRIORITY, metric),
    attribute(RTA_DST, prefixBytes(prefix).subarray(v4 ? 12 : 0)),
    ...(device === 0 ? [] : [numberAttribute(RTA_OIF, device)]),
    ...(gateway ? [attribute(RTA_GATEWAY, gateway.subarray(v4 ? 12 : 0))] : []),
  );
}

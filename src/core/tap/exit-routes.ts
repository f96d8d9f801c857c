/**
 * All traffic of this machine through a member: rules and a table of our own, so that the routes of others stay as they are.
 *
 *   rule 5200   bound to an interface of the machine   ─▶ main      sockets of evio, which are pinned to it; DHCP clients
 *   rule 5201   (LAN allowed)                          ─▶ main, but for its default route
 *   rule 5202   everything                             ─▶ table of the network:
 *                 the network, accepted subnets, link-local, DNS servers    ─▶ on to main
 *                 0.0.0.0/0 and ::/0                                        ─▶ the member, by the network's interface
 *                 the same, last                                            ─▶ unreachable
 *
 * Nothing passes by where the member or the node is gone: the interface takes its routes with it, and what is left is unreachable.
 * All of it has the protocol 144, and a table that follows from the network's id.
 */
import { readFileSync } from 'node:fs';
import { ip6Of } from '../identity/inner-ipv6.js';
import { addressBytes } from '../lib/endpoint.js';
import {
  formatPrefix,
  ipv4Offset,
  isIpv4Prefix,
  parsePrefix,
  prefixOfBytes,
  type Prefix,
} from '../lib/prefix.js';
import { Errno, errnoName } from '../native/libc.js';
import { type Netlink, NetlinkError, NetlinkFlag } from '../native/netlink.js';
import { interfaceIndex } from '../native/packet-ring.js';
import { encodeLinkQuery, LinkMessage, readLink } from './link-message.js';
import { encodeRouteQuery, isDefault, readRoute, RouteMessage } from './route-message.js';
import {
  encodeRule,
  encodeRuleQuery,
  encodeTableRoute,
  mainTable,
  readRule,
  RouteType,
  RuleMessage,
  type RouteRule,
  type TableRoute,
} from './rule-message.js';
import { withRoutes } from './with-netlink.js';

const priorities = { bound: 5_200, lan: 5_201, table: 5_202 } as const;
const tables = 0x0e00_0000;
const metrics = { member: 1, refusal: 0xffff_0000 } as const;
const ESRCH = 3;
const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
const everything = [prefix('0.0.0.0/0'), prefix('::/0')];
/** What never leaves a link. */
const local = ['169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32', 'fe80::/10', 'ff00::/8'].map(prefix);
const linkLocal = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0);

/** How a machine's traffic is to go. */
export interface ExitWay {
  /** Name of the network's interface. */
  readonly device: string;
  /** IPv4 address (signed 32 bits) and MAC of the member; undefined: it is not known where it is. */
  readonly member: { readonly ip: number; readonly mac: Uint8Array } | undefined;
  readonly allowLan: boolean;
  /** What goes by the routes of the machine: the network, and subnets behind members. */
  readonly keep: readonly Prefix[];
}

function tableOf(networkId: string): number {
  return tables + parseInt(networkId.slice(0, 6), 16);
}

const ruleKey = (rule: RouteRule): string => JSON.stringify(rule);
const routeKey = ({ prefix: to, metric, type, device, gateway }: TableRoute): string =>
  `${formatPrefix(to)} ${metric} ${type} ${device} ${gateway ? Buffer.from(gateway).toString('hex') : ''}`;

/**
 * Sends everything there; idempotent. Routes come before rules, so nothing leaves otherwise meanwhile.
 *
 * @returns what could not be done, as sentences
 */
export function setExit(networkId: string, way: ExitWay): string[] {
  return withRoutes((netlink) => {
    const table = tableOf(networkId);
    const rules = rulesOf(netlink);
    if (rules.some((rule) => rule.priority === priorities.table && rule.table !== table))
      return [
        'another network of this machine uses an exit: evio exit use off --network NETWORK, for that one',
      ];
    const failed = setRoutes(netlink, table, routesFor(table, way));
    const wanted = rulesFor(netlink, table, way);
    const keys = new Set(wanted.map(ruleKey));
    const there = new Set(rules.map(ruleKey));
    for (const rule of wanted)
      if (!there.has(ruleKey(rule))) failed.push(...change(netlink, RuleMessage.add, encodeRule(rule)));
    for (const rule of rules)
      if (!keys.has(ruleKey(rule))) failed.push(...change(netlink, RuleMessage.remove, encodeRule(rule)));
    return failed;
  });
}

/** Takes all of it back. True when there was anything. */
export function clearExit(networkId: string): boolean {
  let found = false;
  withRoutes((netlink) => {
    const table = tableOf(networkId);
    const rules = rulesOf(netlink);
    if (rules.some((rule) => rule.priority === priorities.table && rule.table !== table)) return [];
    for (const rule of rules) {
      found = true;
      change(netlink, RuleMessage.remove, encodeRule(rule));
    }
    return setRoutes(netlink, table, []);
  });
  return found;
}

function rulesFor(netlink: Netlink, table: number, { device, allowLan }: ExitWay): RouteRule[] {
  const all = { bound: '', noDefault: false };
  return [true, false].flatMap((v4): RouteRule[] => [
    ...outsideOf(netlink, v4, device).map((bound) => ({
      ...{ v4, priority: priorities.bound, table: mainTable, bound, noDefault: false },
    })),
    ...(allowLan ? [{ v4, priority: priorities.lan, table: mainTable, bound: '', noDefault: true }] : []),
    { v4, priority: priorities.table, table, ...all },
  ]);
}

/** Interfaces by which a default route of the machine leads. */
function outsideOf(netlink: Netlink, v4: boolean, own: string): string[] {
  const names = new Set<string>();
  for (const { type, body } of dump(netlink, RouteMessage.get, encodeRouteQuery(v4))) {
    const route = type === RouteMessage.add ? readRoute(body) : undefined;
    if (!route || !isDefault(route)) continue;
    for (const device of route.devices) {
      const answer = netlink.ask(LinkMessage.get, encodeLinkQuery(device));
      const name = answer && readLink(answer.body)?.name;
      if (name !== undefined && name !== own) names.add(name);
    }
  }
  return [...names].sort();
}

function routesFor(table: number, { device, member, keep }: ExitWay): TableRoute[] {
  const index = interfaceIndex(device);
  const none = { table, device: 0, gateway: undefined };
  const kept = new Map([...keep, ...local, ...nameServers()].map((one) => [formatPrefix(one), one]));
  return [
    ...[...kept.values()].map((to) => ({
      ...none,
      prefix: to,
      metric: metrics.member,
      type: RouteType.throw,
    })),
    ...everything.flatMap((to): TableRoute[] => {
      const refusal = { ...none, prefix: to, metric: metrics.refusal, type: RouteType.unreachable };
      if (index === 0) return [refusal];
      const gateway = member && (isIpv4Prefix(to) ? mapped(member.ip) : ip6Of(linkLocal, member.mac));
      const way = {
        table,
        prefix: to,
        metric: metrics.member,
        type: RouteType.unicast,
        device: index,
        gateway,
      };
      return [way, refusal];
    }),
  ];
}

function setRoutes(netlink: Netlink, table: number, wanted: readonly TableRoute[]): string[] {
  const failed: string[] = [];
  const keys = new Set(wanted.map(routeKey));
  const there = routesIn(netlink, table);
  const kept = new Set(there.map(routeKey));
  // The old way goes first: two next hops would share the traffic. What is unreachable stays, so nothing passes by.
  for (const route of there)
    if (!keys.has(routeKey(route)))
      failed.push(...change(netlink, RouteMessage.remove, encodeTableRoute(route)));
  for (const route of [...wanted].sort((a, b) => b.metric - a.metric))
    if (!kept.has(routeKey(route)))
      failed.push(...change(netlink, RouteMessage.add, encodeTableRoute(route)));
  return failed;
}

function routesIn(netlink: Netlink, table: number): TableRoute[] {
  return [true, false].flatMap((v4) =>
    dump(netlink, RouteMessage.get, encodeRouteQuery(v4)).flatMap(({ type, body }): TableRoute[] => {
      const route = type === RouteMessage.add ? readRoute(body) : undefined;
      if (route?.table !== table) return [];
      const { destination, metric, type: kind, gateway } = route;
      // The kernel names loopback as the interface of what is unreachable.
      const device = kind === RouteType.unicast ? route.device : 0;
      return [{ table, prefix: destination, metric, type: kind, device, gateway }];
    }),
  );
}

function rulesOf(netlink: Netlink): RouteRule[] {
  return [true, false].flatMap((v4) =>
    dump(netlink, RuleMessage.get, encodeRuleQuery(v4)).flatMap(({ type, body }) =>
      type === RuleMessage.add ? (readRule(body) ?? []) : [],
    ),
  );
}

/** None where the kernel does without the family. */
function dump(netlink: Netlink, type: number, body: Uint8Array): ReturnType<Netlink['dump']> {
  try {
    return netlink.dump(type, body);
  } catch (thrown) {
    if (thrown instanceof NetlinkError) return [];
    throw thrown;
  }
}

function change(netlink: Netlink, type: number, body: Uint8Array): string[] {
  const adds = type === RouteMessage.add || type === RuleMessage.add;
  try {
    netlink.change(type, adds ? NetlinkFlag.create | NetlinkFlag.excl : 0, body);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError)) throw thrown;
    const { errno } = thrown;
    // It is as it should be, or the kernel does without IPv6.
    if (errno === Errno.EEXIST || errno === Errno.ENOENT || errno === ESRCH) return [];
    if (errno === Errno.EAFNOSUPPORT || errno === Errno.EOPNOTSUPP) return [];
    return [`a way out could not be ${adds ? 'set' : 'removed'}: ${errnoName(errno)}`];
  }
}

function mapped(ip: number): Uint8Array {
  const out = new Uint8Array(16);
  out.set([0xff, 0xff], 10);
  new DataView(out.buffer).setInt32(12, ip);
  return out;
}

/** Servers that this machine asks for names: they stay where they are. */
function nameServers(): Prefix[] {
  const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
  return files.flatMap((file) => {
    let text = '';
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      // There is none.
    }
    return [...text.matchAll(/^nameserver\s+([0-9a-fA-F.:]+)/gm)].flatMap(([, host = '']) => {
      const bytes = addressBytes(host);
      if (!bytes || host.startsWith('127.') || host === '::1') return [];
      return [prefixOfBytes(bytes, ipv4Offset + 32)];
    });
  });
}

/**
 * The routes of this machine that lead to subnets behind members, and those behind which packets for a network that is
 * down are refused, so that they leave by no other interface.
 *
 * All have a protocol of their own (`ip route show proto 144`), and a metric that says of which network they are. A route to
 * a member goes with its interface; what refuses stays until the network is left.
 *
 *   192.168.7.0/24 via 10.144.0.9 dev evio0 proto 144 metric 4...     behind routes that others set, by its metric
 *   unreachable 192.168.7.0/24 proto 144 metric 37...                 behind all
 */
import { ip6Of } from '../identity/inner-ipv6.js';
import { formatPrefix, isIpv4Prefix, type Prefix } from '../lib/prefix.js';
import { Arena } from '../native/arena.js';
import { Errno, errnoName, libc } from '../native/libc.js';
import { type Netlink, NetlinkError, NetlinkFlag } from '../native/netlink.js';
import type { RouteTable, WantedRoute } from '../subnets/route-table.js';
import {
  encodeRoute,
  encodeRouteQuery,
  parseRoute,
  RouteMessage,
  type KernelRoute,
} from './route-message.js';
import { withRoutes } from './with-netlink.js';

/** Metrics: behind what DHCP clients and network managers set, and behind everything. The lowest bits tell networks apart. */
const metricOfRoutes = 0x1000;
const metricOfRefusals = 0xe000_0000;
const ESRCH = 3;

const linkLocal = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0);

function mappedOf(ip: number): Uint8Array {
  const out = new Uint8Array(16);
  out.set([0xff, 0xff], 10);
  new DataView(out.buffer).setInt32(12, ip);
  return out;
}

const keyOf = ({ prefix, metric }: KernelRoute): string => `${formatPrefix(prefix)} ${metric}`;
const nextHopOf = ({ via }: KernelRoute): string =>
  via ? `${via.device} ${Buffer.from(via.gateway).toString('hex')}` : '';

export class MachineRoutes implements RouteTable {
  readonly #metrics: ReturnType<typeof metricsOf>;
  readonly #device: string;
  readonly #reaches: (prefix: Prefix) => boolean;

  /**
   * @param networkId 16 hexadecimal characters
   * @param device name of the network's interface
   * @param reaches see `RouteTable`
   */
  constructor(networkId: string, device: string, reaches: (prefix: Prefix) => boolean) {
    this.#metrics = metricsOf(networkId);
    this.#device = device;
    this.#reaches = reaches;
  }

  reaches(prefix: Prefix): boolean {
    return this.#reaches(prefix);
  }

  set(wanted: readonly WantedRoute[]): string[] {
    const device = indexOf(this.#device);
    const { route, refusal } = this.#metrics;
    return withRoutes((netlink) => {
      const failed: string[] = [];
      const target = new Map<string, KernelRoute>();
      for (const { prefix, via } of wanted) {
        if (via && device === 0) continue;
        const gateway = via && (isIpv4Prefix(prefix) ? mappedOf(via.ip) : ip6Of(linkLocal, via.mac));
        const entry: KernelRoute = gateway
          ? { prefix, metric: route, via: { device, gateway } }
          : { prefix, metric: refusal, via: null };
        target.set(keyOf(entry), entry);
      }
      const there = listOf(netlink).filter(({ metric }) => metric === route || metric === refusal);
      const kept = new Map<string, KernelRoute>();
      for (const entry of there) {
        const own = target.get(keyOf(entry));
        if (own) kept.set(keyOf(entry), entry);
        else failed.push(...change(netlink, RouteMessage.remove, 0, entry));
      }
      for (const [key, entry] of target) {
        const before = kept.get(key);
        if (before && nextHopOf(before) === nextHopOf(entry)) continue;
        // IPv6 would add a second next hop beside the first.
        if (before && !isIpv4Prefix(entry.prefix))
          failed.push(...change(netlink, RouteMessage.remove, 0, before));
        const flags = NetlinkFlag.create | (before ? NetlinkFlag.replace : NetlinkFlag.excl);
        failed.push(...change(netlink, RouteMessage.add, flags, entry));
      }
      return failed;
    });
  }
}

/** Removes every route of the network from this machine. Returns what could not be removed, as sentences. */
export function forgetRoutes(networkId: string): string[] {
  const { route, refusal } = metricsOf(networkId);
  return withRoutes((netlink) =>
    listOf(netlink)
      .filter(({ metric }) => metric === route || metric === refusal)
      .flatMap((entry) => change(netlink, RouteMessage.remove, 0, entry)),
  );
}

function metricsOf(networkId: string): { readonly route: number; readonly refusal: number } {
  const mark = parseInt(networkId.slice(0, 6), 16);
  return { route: metricOfRoutes + (mark & 0xfff), refusal: metricOfRefusals + mark };
}

function listOf(netlink: Netlink): KernelRoute[] {
  return [true, false].flatMap((v4) => {
    try {
      const messages = netlink.dump(RouteMessage.get, encodeRouteQuery(v4));
      return messages.flatMap(({ type, body }) =>
        type === RouteMessage.add ? (parseRoute(body) ?? []) : [],
      );
    } catch (thrown) {
      // A kernel without IPv6 has no such routes.
      if (!v4 && thrown instanceof NetlinkError) return [];
      throw thrown;
    }
  });
}

function change(netlink: Netlink, type: number, flags: number, route: KernelRoute): string[] {
  try {
    netlink.change(type, flags, encodeRoute(route));
    return [];
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError)) throw thrown;
    if (type === RouteMessage.remove && thrown.errno === ESRCH) return [];
    // The same is there already, set by another: it does what we want, or what somebody wants more.
    if (type === RouteMessage.add && thrown.errno === Errno.EEXIST) return [];
    const verb = type === RouteMessage.add ? 'set' : 'removed';
    return [`the route to ${formatPrefix(route.prefix)} could not be ${verb}: ${errnoName(thrown.errno)}`];
  }
}

function indexOf(device: string): number {
  const arena = new Arena(128);
  const at = arena.alloc(32);
  arena.setText(at, device);
  return libc().if_nametoindex(arena.base + at);
}

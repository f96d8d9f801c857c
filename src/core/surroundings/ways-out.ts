/**
 * By which interface this machine reaches the internet, and by which it would if the network itself were no way there, or if
 * the best were dead (uplinks.ts).
 *
 * Routes may lead everything through a member: `evio exit`, or 0.0.0.0/1 and 128.0.0.0/1 set by hand. Our own packets must
 * not follow them, for they would carry themselves. Nothing is set in the machine against it, so that nothing stays behind:
 * the sockets are pinned to the way that the machine had before.
 */

/** A way out by one family. */
export interface WayOut {
  /** Index and name of the interface. */
  readonly device: number;
  readonly name: string;
  /** Next hop and own address, as text; empty where there is none. */
  readonly gateway: string;
  readonly source: string;
  /** Packets that are left to the kernel's routes would not go this way: sockets are pinned to it. */
  readonly pinned: boolean;
}

export interface WaysOut {
  readonly v4: WayOut | null;
  readonly v6: WayOut | null;
}

/** One route by which a packet may leave, as the kernel tells. */
export interface Egress {
  readonly device: number;
  readonly gateway: string;
  readonly source: string;
  readonly metric: number;
}

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Indexes of the interfaces that it stands on: of a VLAN the cable, of a tunnel those by which its packets leave. */
  readonly lowers: readonly number[];
  /** Its packets are carried by a program or by keys, and the kernel does not tell where to: tun, WireGuard, PPP. */
  readonly veiled?: boolean;
}

/** Where packets to an address leave. */
export interface Exit {
  /** Name of the interface. */
  readonly device: string;
  /** It is ours, or stands on one of ours: what leaves there is carried by the network itself. */
  readonly ours: boolean;
  /** It is such an interface, or stands on one: it may lead through the network itself, or not. */
  readonly veiled: boolean;
}

/** Interfaces that evio makes. */
const ours = /^evio/;
export const isOurInterface = (name: string): boolean => ours.test(name);
/** Interfaces that stand on each other: more are a circle. */
const maxDepth = 8;

type Links = (index: number) => Link | undefined;

/** True when this holds for an interface, or for one that it stands on. */
function anyBelow(index: number, link: Links, holds: (link: Link) => boolean, depth = 0): boolean {
  const found = depth > maxDepth ? undefined : link(index);
  if (!found) return false;
  return holds(found) || found.lowers.some((lower) => anyBelow(lower, link, holds, depth + 1));
}

/**
 * True for an interface that evio made, and for one that stands on such a one.
 *
 * @param own name of the network's interface
 */
export function isOurs(own: string, index: number, link: Links): boolean {
  return anyBelow(index, link, ({ name }) => name === own || ours.test(name));
}

/** True for an interface of which nobody sees on what it stands, and for one on top of such a one. */
export function isVeiled(index: number, link: Links): boolean {
  return anyBelow(index, link, ({ veiled }) => veiled === true);
}

/** Asked about one family. */
export interface FamilyView {
  /** Where packets to some addresses of the internet would go now; null: nowhere. */
  readonly routed: readonly (Egress | null)[];
  /** Asked only where one of those is ours, or the best is passed over: all default routes of the main table. */
  readonly defaults: () => readonly Egress[];
  readonly link: (index: number) => Link | undefined;
}

/**
 * @param own name of the network's interface
 * @param over so many of the best are passed over; where no more are left, the best it is. Whoever has a tunnel as the way out wants
 *   nothing to leave beside it, and no tunnel is taken in the place of another way.
 */
export function wayOut(own: string, { routed, defaults, link }: FamilyView, over = 0): WayOut | null {
  const known = routed.filter((egress) => egress !== null);
  const [first] = known;
  if (!first) return null;
  const of = ({ device, gateway, source }: Egress, pinned: boolean): WayOut => ({
    device,
    name: link(device)?.name ?? '',
    gateway,
    source,
    pinned,
  });
  const routes = (): Egress[] =>
    defaults()
      .filter(({ device }) => device !== 0 && !isOurs(own, device, link))
      .sort((a, b) => a.metric - b.metric);
  const free = !known.some(({ device }) => isOurs(own, device, link));
  const best = free ? first : routes()[0];
  if (!best) return null;
  if (over > 0 && !isVeiled(best.device, link)) {
    const devices = new Set([best.device]);
    const others = routes().filter(
      ({ device }) => !isVeiled(device, link) && !devices.has(device) && devices.add(device),
    );
    const other = others[over - 1];
    if (other) return of(other, true);
  }
  return of(best, !free);
}

/** Equal where nothing that matters to a socket has changed. */
export function sameWays(a: WaysOut, b: WaysOut): boolean {
  const key = (way: WayOut | null): string =>
    way ? `${way.device} ${way.gateway} ${way.source} ${way.pinned}` : '';
  return key(a.v4) === key(b.v4) && key(a.v6) === key(b.v6);
}

/** `eth0 via 192.0.2.1`, for the log. */
export function describeWay({ name, gateway, pinned }: WayOut): string {
  return [name, ...(gateway === '' ? [] : ['via', gateway]), ...(pinned ? ['(pinned)'] : [])].join(' ');
}

/** Index of the interface by which packets of a family are to leave, whatever routes say; 0: routes decide. */
export function pinnedDevice(way: WayOut | null): number {
  return way?.pinned ? way.device : 0;
}

/** Name of the interface that sockets of a family are to be pinned to; undefined: none. */
export function pinnedTo({ v4, v6 }: WaysOut, ipv6: boolean): string | undefined {
  const way = ipv6 ? v6 : v4;
  return way?.pinned ? way.name : undefined;
}

/**
 * By which interface this machine reaches the internet, and by which it would if the network itself were no way there.
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
  /** Packets that are left to the kernel's routes would go through an interface of ours: sockets are pinned to this way. */
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
  /** Asked only where one of those is ours: all default routes of the main table. */
  readonly defaults: () => readonly Egress[];
  readonly link: (index: number) => Link | undefined;
}

/**
 * @param own name of the network's interface
 */
export function wayOut(own: string, { routed, defaults, link }: FamilyView): WayOut | null {
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
  if (!known.some(({ device }) => isOurs(own, device, link))) return of(first, false);
  const [best] = defaults()
    .filter(({ device }) => device !== 0 && !isOurs(own, device, link))
    .sort((a, b) => a.metric - b.metric);
  return best ? of(best, true) : null;
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

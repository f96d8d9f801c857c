/**
 * The interfaces of this machine, and what each stands on: asked of the kernel when somebody wants to know, and once each.
 *
 *   vlan, macvlan ──▶ the interface below     tunnel ──route to its other end──▶ the interface by which its packets leave
 */
import type { Netlink } from '../native/netlink.js';
import type { Link } from '../surroundings/ways-out.js';
import { eachAttribute } from './attribute.js';
import {
  encodeLinkQuery,
  encodeLinksQuery,
  isVeilKind,
  LinkMessage,
  readLink,
  type LinkFacts,
} from './link-message.js';
import { encodeLookup, readRoute, RouteMessage, type RouteFacts } from './route-message.js';

/** Neighbours (`<linux/neighbour.h>`): ndmsg family 1 | 0 | 0 | index 4 | state 2 | flags 1 | type 1, attributes. */
const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const AF_BRIDGE = 7;
const neighbourBytes = 12;
const NDA_DST = 1;
/** Other ends of one interface that are looked at. */
const farEndLimit = 64;

export class LinkStack {
  readonly #netlink: Netlink;
  readonly #links = new Map<number, Link | undefined>();

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** The interface with this index; undefined where there is none, or none that can be read. */
  readonly link = (index: number): Link | undefined => {
    if (!this.#links.has(index)) {
      const answer = this.#netlink.ask(LinkMessage.get, encodeLinkQuery(index));
      this.#take(index, answer && readLink(answer.body));
    }
    return this.#links.get(index);
  };

  /** All of them. Throws NetlinkError. */
  all(): Link[] {
    return this.#netlink.dump(LinkMessage.get, encodeLinksQuery()).flatMap(({ type, body }) => {
      const facts = type === LinkMessage.add ? readLink(body) : undefined;
      if (!facts) return [];
      this.#take(facts.index, facts);
      return this.#links.get(facts.index) ?? [];
    });
  }

  /** The route that a packet to this address would take, 4 or 16 bytes; undefined: none. */
  route(address: Uint8Array): RouteFacts | undefined {
    const answer = this.#netlink.ask(RouteMessage.get, encodeLookup(address));
    return answer && readRoute(answer.body);
  }

  #take(index: number, facts: LinkFacts | undefined): void {
    // What it stands on is asked for when that is wanted: the other end may lead through it.
    const lowers = facts && lazily(() => this.#lowers(facts));
    this.#links.set(
      index,
      facts &&
        lowers && {
          index,
          name: facts.name,
          veiled: isVeilKind(facts.kind),
          get lowers() {
            return lowers();
          },
        },
    );
  }

  #lowers({ index, lower, kind, remote }: LinkFacts): readonly number[] {
    if (lower !== 0) return [lower];
    const ends = remote ? [remote] : kind === 'vxlan' ? this.#farEnds(index) : [];
    const devices = ends.map((end) => this.route(end)?.device ?? 0);
    return [...new Set(devices)].filter((device) => device !== 0 && device !== index);
  }

  /** The other ends of a VXLAN that has many: its forwarding table. */
  #farEnds(index: number): Uint8Array[] {
    const query = new Uint8Array(neighbourBytes);
    query[0] = AF_BRIDGE;
    new DataView(query.buffer).setUint32(4, index, true);
    const ends: Uint8Array[] = [];
    for (const { type, body } of this.#netlink.dump(RTM_GETNEIGH, query)) {
      if (type !== RTM_NEWNEIGH || body.length < neighbourBytes || ends.length >= farEndLimit) continue;
      if (new DataView(body.buffer, body.byteOffset).getUint32(4, true) !== index) continue;
      eachAttribute(body, neighbourBytes, (of, at, length) => {
        if (of === NDA_DST && (length === 4 || length === 16)) ends.push(body.subarray(at, at + length));
      });
    }
    return ends;
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

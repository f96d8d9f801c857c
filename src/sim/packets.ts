/**
 * Frames between members, hop by hop through the real routers and floods: at once over the tables as they stand
 * (`walk…`), or with the delays of the network (`send…`).
 */
import { transitTtl } from '../core/wire/packet.js';
import type { Member, SimLink } from './link.js';

/** What became of a routed packet. */
export interface Routed {
  readonly delivered: boolean;
  readonly hops: number;
}

/** The link that a packet for `to` takes next, or undefined where the way ends. */
function nextLink(node: Member, to: Member): SimLink | undefined {
  // A link through members goes by one that is linked with both, and else like anything that is no link.
  const own = node.links.get(to.id);
  const friend = own?.up === true && own.pathKind === 'overlay' ? node.friendOf(to.id) : undefined;
  const first = friend === undefined ? undefined : node.links.get(friend);
  if (first && isHop(first)) return first;
  const port = node.router.nextHop(to.position);
  return port < 0 ? undefined : node.slots[port];
}

/** What is sent on a link now would come through. */
function passes(link: SimLink): boolean {
  if (!link.up || !link.peer.alive || link.twin?.up !== true) return false;
  return link.pathKind === 'overlay' ? pathThrough(link.owner, link.peer) !== undefined : link.carries;
}

/**
 * The members that pass packets on between two that have no path of their own, the receiver last: a link that both
 * have, or the way that the routers know. Undefined: there is none now.
 */
export function pathThrough(from: Member, to: Member): Member[] | undefined {
  const friend = from.world.find(from.friendOf(to.id) ?? '');
  const first = friend && from.links.get(friend.id);
  const second = friend?.links.get(to.id);
  if (friend && first && second && isHop(first) && isHop(second)) return [friend, to];
  const path: Member[] = [];
  for (let node = from; node !== to && path.length <= transitTtl;) {
    const link = nextLink(node, to);
    if (!link || !isHop(link)) return undefined;
    path.push((node = link.peer));
  }
  return path.length > transitTtl ? undefined : path;
}

/** One way through these members, ms. */
export function pathMs(from: Member, path: readonly Member[]): number {
  let sum = 0;
  let last = from;
  for (const node of path) {
    sum += from.world.net.oneWay(last.place, node.place);
    last = node;
  }
  return sum;
}

/** A link with a path of its own that passes. */
function isHop(link: SimLink): boolean {
  return link.pathKind !== 'overlay' && passes(link);
}

export function walkRoute(from: Member, to: Member): Routed {
  let node = from;
  for (let hops = 0; hops <= transitTtl; hops++) {
    if (node === to) return { delivered: true, hops };
    const link = nextLink(node, to);
    if (!link || !passes(link)) return { delivered: false, hops };
    node = link.peer;
  }
  return { delivered: false, hops: transitTtl };
}

/** `done` is called when the packet arrives or no member passes it on; never when it is lost on the way. */
export function sendRoute(from: Member, to: Member, done: (routed: Routed) => void): void {
  const step = (node: Member, hops: number): void => {
    const link = node === to || hops >= transitTtl ? undefined : nextLink(node, to);
    if (!link?.up) {
      done({ delivered: node === to, hops });
      return;
    }
    node.transmit(link, 0, false, (twin) => {
      step(twin.owner, hops + 1);
    });
  };
  step(from, 0);
}

/** A broadcast on its way: kind 0x21 of wire/packet.ts. */
interface FloodFrame {
  readonly origin: Member;
  readonly bound: number;
  readonly edge: boolean;
  /** From a leaf: the receiver floods it as its own. */
  readonly handOver: boolean;
}

/** One broadcast and whom it reached. */
export class Broadcast {
  readonly origin: Member;
  readonly reached = new Set<Member>();
  copies = 0;
  /** Copies to a member that had one already. */
  duplicates = 0;
  readonly #send: (link: SimLink, frame: FloodFrame) => void;

  /** @param send puts a copy on a link; the caller hands it to `receive` of the other side */
  constructor(origin: Member, send: (link: SimLink, frame: FloodFrame) => void) {
    this.origin = origin;
    this.#send = send;
  }

  begin(): void {
    const { origin } = this;
    this.reached.add(origin);
    origin.flood.begin(origin.position);
    if (origin.role === 'switch') {
      this.#forward(origin);
      return;
    }
    // A leaf covers no arc: the member that it anchors to does it in its place.
    const port = origin.flood.next();
    const link = port < 0 ? undefined : origin.slots[port];
    if (link?.up) this.#emit(link, { origin, bound: origin.position, edge: false, handOver: true });
  }

  receive(node: Member, from: Member, frame: FloodFrame): void {
    if (this.reached.has(node)) {
      this.duplicates++;
      return;
    }
    this.reached.add(node);
    if (node.role === 'leaf') return;
    if (frame.handOver) {
      node.flood.begin(node.position);
      this.#forward(node);
      return;
    }
    if (frame.edge) {
      node.flood.holes(from.position);
      this.#forward(node);
    }
    node.flood.begin(frame.bound);
    this.#forward(node);
  }

  #forward(node: Member): void {
    const { flood } = node;
    for (let port = flood.next(); port >= 0; port = flood.next()) {
      const link = node.slots[port];
      // The leaf that began it has it.
      if (!link?.up || (link.peer === this.origin && this.origin.role === 'leaf')) continue;
      this.#emit(link, { origin: this.origin, bound: flood.bound, edge: flood.edge, handOver: false });
    }
  }

  #emit(link: SimLink, frame: FloodFrame): void {
    this.copies++;
    this.#send(link, frame);
  }
}

/** A broadcast over the tables as they stand. */
export function walkFlood(origin: Member): Broadcast {
  const queue: { link: SimLink; frame: FloodFrame }[] = [];
  const broadcast = new Broadcast(origin, (link, frame) => {
    queue.push({ link, frame });
  });
  broadcast.begin();
  // Grows while it is walked.
  for (const { link, frame } of queue) {
    if (passes(link)) broadcast.receive(link.peer, link.owner, frame);
  }
  return broadcast;
}

/** A broadcast with delays: look at what came of it a while later. */
export function sendFlood(origin: Member): Broadcast {
  const broadcast: Broadcast = new Broadcast(origin, (link, frame) => {
    link.owner.transmit(link, 0, false, (twin) => {
      broadcast.receive(twin.owner, link.owner, frame);
    });
  });
  broadcast.begin();
  return broadcast;
}

/** The simulated network: clock, internet, relay and members, and what is done to them. */
import type { MemberRole } from '../core/identity/invite.js';
import type { OverlayOptions } from '../core/topology/overlay-ports.js';
import { SimClock } from './clock.js';
import { Underlay, type NatMix, type Place } from './net.js';
import type { Member } from './link.js';
import { SimNode, type NodeWorld } from './node.js';
import { SeededRandom } from './random.js';
import { Relay } from './relay.js';

export interface WorldOptions {
  readonly seed: number;
  /** Share of control datagrams that are lost. */
  readonly loss: number;
  readonly natMix: NatMix;
  /** False: no rendezvous; newcomers know some members that everybody reaches. */
  readonly relay: boolean;
  /** Routers look at the links of links. */
  readonly lookAhead: boolean;
  readonly overlay: OverlayOptions;
}

/** Members that a newcomer knows where there is no relay. */
const knownMembers = 3;

export class World implements NodeWorld {
  readonly clock = new SimClock();
  readonly random: SeededRandom;
  readonly net: Underlay;
  readonly relay = new Relay<Member>();
  readonly hasRelay: boolean;
  readonly #options: WorldOptions;
  readonly #byId = new Map<string, SimNode>();
  /** Alive, in ring order. */
  #ring: SimNode[] = [];
  #made = 0;
  /** Bytes of control traffic that all members sent, the dead ones included. */
  sentBytes = 0;
  /** Called after each tick of a member. */
  ticked: (node: SimNode) => void = () => undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.net = new Underlay(this.random.split('net'), options);
    this.hasRelay = options.relay;
  }

  /** Everybody alive, in ring order. */
  get ring(): readonly SimNode[] {
    return this.#ring;
  }

  /** Everybody that ever was has a number below this. */
  get made(): number {
    return this.#made;
  }

  find(id: string): SimNode | undefined {
    return this.#byId.get(id);
  }

  seesRelay(node: Member): boolean {
    return this.hasRelay && this.relay.up && this.net.joined(node.place, this.net.relay);
  }

  /** The member can have links at all. */
  isReachable(node: SimNode): boolean {
    return this.seesRelay(node) || node.place.nat !== 'udp-blocked';
  }

  /** A new member, which starts at once. */
  join(role: MemberRole = 'switch'): SimNode {
    const index = this.#made++;
    const random = this.random.split(`node ${index}`);
    let place: Place = this.net.place(random.split('place'));
    // Who has neither UDP nor a relay reaches nobody.
    if (!this.hasRelay && place.nat === 'udp-blocked')
      place = { ...place, nat: 'address-and-port-dependent' };
    // Where nobody introduces, somebody must be reachable for all.
    if (!this.hasRelay && this.#ring.length < knownMembers) place = { ...place, nat: 'public', open: true };
    const { lookAhead, overlay } = this.#options;
    const node = new SimNode(this, { index, role, random, place, lookAhead, overlay });
    const known = this.hasRelay ? [] : this.#knownTo(random);
    this.#byId.set(node.id, node);
    this.#ring.splice(this.#indexOf(node.id), 0, node);
    node.start(known);
    return node;
  }

  crash(node: SimNode): void {
    this.#remove(node);
    node.crash();
  }

  leave(node: SimNode): void {
    this.#remove(node);
    node.leave();
  }

  /** Cuts the network in two, or joins it again. The relay is in the first half. */
  split(apart: boolean): void {
    this.net.split = apart;
    if (apart) for (const node of this.#ring) if (!this.seesRelay(node)) node.relayLost();
  }

  /** Stops or starts the relay. It forgets who was connected. */
  setRelay(up: boolean): void {
    this.relay.up = up;
    if (up) return;
    this.relay.clear();
    for (const node of this.#ring) node.relayLost();
  }

  /** Number of a member in `ring`. */
  indexOf(node: SimNode): number {
    return this.#indexOf(node.id);
  }

  #knownTo(random: SeededRandom): SimNode[] {
    const reachable = this.#ring.filter(({ place }) => place.nat === 'public');
    return random.split('known').sample(reachable, knownMembers);
  }

  #remove(node: SimNode): void {
    const at = this.#indexOf(node.id);
    if (this.#ring[at] === node) this.#ring.splice(at, 1);
  }

  #indexOf(id: string): number {
    let low = 0;
    let high = this.#ring.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ring[middle] as SimNode).id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** WebRTC in a node: whom to call, and what is told about it. The calls themselves are in carriers/webrtc. */
import type { Endpoint } from '../lib/endpoint.js';
import { describeIceServer, type IceServer } from '../membership/ice-server.js';
import { StunPlaces } from '../carriers/webrtc/stun-places.js';
import { Calls } from '../carriers/webrtc/calls.js';
import type { Connection, ConnectionListener, ConnectionOptions } from '../carriers/webrtc/connection.js';
import { containsCidr, parseIpv4 } from '../lib/ipv4.js';
import type { Reach } from '../membership/reach.js';
import type { Self } from '../membership/self.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import { isProbeable } from '../surroundings/candidate.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { Carriers } from '../carriers/carrier.js';
import type { Env } from '../lib/env.js';
import { encodeIce, type IceCandidate, type IceMessage } from '../wire/ice.js';
import type { EnginePorts } from './ports.js';
import type { Timed } from './pulse.js';

/** How often peers are looked at for whether they need a call, ms; not at all where this node has no servers. */
const lookMs = 1_000;

export interface CallsParts {
  readonly env: Env;
  readonly self: Self;
  readonly reach: Reach;
  readonly open: NonNullable<EnginePorts['openCall']>;
  readonly resolve: NonNullable<EnginePorts['resolve']>;
  readonly carriers: Carriers;
  readonly relays: RelaySet;
  readonly members: Peers;
  readonly surroundings: Surroundings;
  readonly changed: () => void;
  readonly input: (deed: () => void) => void;
}

export class PeerCalls implements Timed {
  readonly calls: Calls;
  readonly #parts: CallsParts;
  readonly #places: StunPlaces;
  #lookAt: number;

  constructor(parts: CallsParts) {
    this.#parts = parts;
    const { env, self, reach, open, carriers, members, changed, input } = parts;
    this.#lookAt = reach.iceServers.length === 0 ? Infinity : env.clock.now();
    this.#places = new StunPlaces(reach.iceServers, parts.resolve);
    this.calls = new Calls({
      env,
      idText: self.idText,
      carriers,
      connect: (offers, named, listener: ConnectionListener): Connection =>
        open({ offers, ...this.#way(named), relayedOnly: !reach.direct }, listener),
      servers: () => this.#places.endpoints,
      usable: (candidate, own) => this.#usable(candidate, own),
      tell: (idText, message) => members.get(idText)?.tell(encodeIce(message)),
      log: (idText, event, detail) => members.get(idText)?.why.add(env.clock.date(), event, detail),
      changed,
      input,
    });
  }

  get dueAt(): number {
    return Math.min(this.calls.dueAt, this.#lookAt);
  }

  /** TURN servers of this node, `turn:HOST:PORT`, where none of them gave an address for the last call, which came to nothing. */
  get unserved(): string[] {
    if (!this.calls.unserved) return [];
    return this.#parts.reach.iceServers.filter(({ scheme }) => scheme === 'turn').map(describeIceServer);
  }

  tick(now: number): void {
    if (now >= this.#lookAt) {
      this.#lookAt = now + lookMs;
      this.#places.look(now);
      for (const peer of this.#parts.members.all()) {
        const { id, idText } = peer.member;
        this.calls.need(now, id, idText, peer.session.established && this.#lacks(peer));
      }
    }
    this.calls.tick(now);
  }

  /** Something about a call, from this member. */
  receive(now: number, peer: Peer, message: IceMessage): void {
    this.calls.receive(now, peer.member.id, message, peer.prober.active?.kind !== 'direct');
  }

  /** No way that is better than WebRTC: neither a direct one nor, where relays may carry, one by UDP. */
  #lacks(peer: Peer): boolean {
    if (peer.prober.active?.kind === 'direct') return false;
    const { relays, reach } = this.#parts;
    const { id, idText } = peer.member;
    return !reach.relayed || relays.choices(id, idText)[0]?.path.kind !== 'relay';
  }

  /** The servers of a call, and the interface that leads to them. */
  #way(named: readonly Endpoint[]): Pick<ConnectionOptions, 'servers' | 'device'> {
    const servers = this.#servers(named);
    const hosts = [...this.#places.endpoints, ...servers].map(({ host }) => host);
    return { servers, device: this.#parts.surroundings.exitTo(hosts) };
  }

  /**
   * Ours, and one that the other side named where we have none: it learns our outer address, which a member knows anyway. The library
   * would ask one of several only, by lot, which may be one that we cannot reach.
   */
  #servers(named: readonly Endpoint[]): readonly IceServer[] {
    const { iceServers } = this.#parts.reach;
    if (iceServers.length > 0) return iceServers;
    const outside = named.filter((endpoint) => this.#outside(endpoint));
    const families = this.#parts.surroundings.candidates.map(({ endpoint: { host } }) => host.includes(':'));
    const reached = outside.find(({ host }) => families.includes(host.includes(':'))) ?? outside[0];
    return (reached ? [reached] : []).map(({ host, port }) => ({
      scheme: 'stun',
      host,
      port,
      user: '',
      password: '',
    }));
  }

  /**
   * Addresses of the network itself would lead a call through what it is to carry, and those of containers lead nowhere.
   */
  #usable({ kind, endpoint }: IceCandidate, own: boolean): boolean {
    const { surroundings, reach } = this.#parts;
    if (!reach.direct && kind !== 'relay') return false;
    if (!this.#outside(endpoint)) return false;
    if (!own || kind !== 'host') return true;
    return surroundings.candidates.some((known) => known.endpoint.host === endpoint.host);
  }

  #outside(endpoint: Endpoint): boolean {
    const base = parseIpv4(endpoint.host);
    const { cidr } = this.#parts.self.network;
    return isProbeable(endpoint) && !(base !== undefined && containsCidr(cidr, { base, prefix: 32 }));
  }
}

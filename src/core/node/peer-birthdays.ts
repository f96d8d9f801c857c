/** Birthdays in a node: which members they are tried with, and what they are told. What happens is in carriers/birthday. */
import { Birthdays, type Celebrant } from '../carriers/birthday/birthdays.js';
import type { OpenHole } from '../carriers/birthday/fan.js';
import type { Carriers } from '../carriers/carrier.js';
import type { DataPlane, HoleRoute } from '../dataplane/plane/plane.js';
import { holeLimit } from '../dataplane/plane/shared.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import { containsCidr, parseIpv4 } from '../lib/ipv4.js';
import type { Self } from '../membership/self.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import { isProbeable } from '../surroundings/candidate.js';
import { isPrivateHost } from '../surroundings/local-ranges.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import { pinnedDevice } from '../surroundings/ways-out.js';
import { encodeBirthday, type BirthdayMessage } from '../wire/birthday.js';
import { encodePing, pongLength } from '../wire/control.js';
import type { HeldHole } from './held.js';
import type { EnginePorts } from './ports.js';
import type { Timed } from './pulse.js';

/** How often peers are looked at, ms. */
const lookMs = 500;

export interface BirthdayParts {
  readonly env: Env;
  readonly self: Self;
  readonly fan: NonNullable<EnginePorts['fan']>;
  /** It is tried, too, where both NATs draw ports at random. */
  readonly both: boolean;
  readonly plane: Pick<DataPlane, 'sendControl' | 'setHole' | 'holeCounters'>;
  readonly carriers: Carriers;
  readonly relays: Pick<RelaySet, 'placed'>;
  readonly members: Peers;
  readonly surroundings: Surroundings;
  /** Whether a member has answered at this address. */
  readonly proven: (host: string) => boolean;
  readonly changed: () => void;
  readonly input: (deed: () => void) => void;
}

export class PeerBirthdays implements Timed {
  readonly birthdays: Birthdays;
  readonly #parts: BirthdayParts;
  readonly #holes = new Set<number>();
  #lookAt = -Infinity;

  constructor(parts: BirthdayParts) {
    this.#parts = parts;
    const { env, self, fan, both, plane, carriers, relays, members, surroundings, proven, changed, input } =
      parts;
    const sockets = fan(
      (socket, bytes, from) => {
        input(() => {
          this.birthdays.packet(socket, bytes, from);
        });
      },
      () => pinnedDevice(surroundings.ways.v4),
    );
    this.birthdays = new Birthdays({
      env,
      idText: self.idText,
      carriers,
      sockets,
      hole: (socket, route) => {
        const fd = sockets.descriptor(socket);
        return fd === undefined ? undefined : this.#hole({ ...route, fd });
      },
      both,
      nat: () => surroundings.nat,
      outside: () => surroundings.reflexive,
      member: (idText) => {
        const peer = members.get(idText);
        return peer && this.#celebrant(peer);
      },
      placed: (idText, host) => relays.placed(idText, host),
      proven,
      strike: (idText, endpoint) => {
        const peer = members.get(idText);
        const transaction = Math.floor(env.random.unit() * Number.MAX_SAFE_INTEGER);
        // Its pong is awaited by nobody: that it comes from there makes a candidate of the endpoint.
        if (peer)
          plane.sendControl(peer.slot, encodePing(transaction, pongLength), { kind: 'direct', endpoint });
      },
      tell: (idText, message) => members.get(idText)?.tell(encodeBirthday(message)),
      log: (idText, detail) => members.get(idText)?.why.add(env.clock.date(), 'birthday', detail),
      changed,
      input,
    });
  }

  get dueAt(): number {
    return Math.min(this.birthdays.dueAt, this.#lookAt);
  }

  tick(now: number): void {
    if (now >= this.#lookAt) this.#look(now);
    this.birthdays.tick(now);
  }

  /** The port of ours by which a member is reached. */
  held(peer: Peer): HeldHole | null {
    const way = this.birthdays.standing(peer.member.idText);
    return way ? { number: way.hole.number, endpoint: way.endpoint } : null;
  }

  /** Goes on with one of the process before, by its socket. */
  adopt(now: number, { member }: Peer, { endpoint }: HeldHole, fd: number): void {
    const hole = this.#hole({ carrier: this.birthdays.id, destination: member.id, endpoint, fd });
    if (hole) this.birthdays.adopt(now, member, { hole, endpoint });
  }

  /** Something about it, from this member. */
  receive(now: number, peer: Peer, message: BirthdayMessage): void {
    this.birthdays.receive(now, peer.member.idText, message);
  }

  /** The data plane has a copy of the descriptor from here on. */
  #hole(route: HoleRoute): OpenHole | undefined {
    const { plane } = this.#parts;
    let hole = 0;
    while (this.#holes.has(hole)) hole++;
    if (hole >= holeLimit) return undefined;
    try {
      plane.setHole(hole, route);
    } catch {
      // No descriptor is left.
      return undefined;
    }
    this.#holes.add(hole);
    return {
      number: hole,
      counters: () => plane.holeCounters(hole),
      close: () => {
        if (this.#holes.delete(hole)) plane.setHole(hole, null);
      },
    };
  }

  #look(now: number): void {
    this.#lookAt = now + lookMs;
    const { surroundings, members } = this.#parts;
    // Sockets of it follow the routes, and those may lead through the network itself.
    if (!this.birthdays.able || surroundings.ways.v4?.pinned === true) return;
    for (const peer of members.all()) {
      if (peer.session.established) this.birthdays.consider(now, this.#celebrant(peer));
    }
  }

  #celebrant(peer: Peer): Celebrant {
    const { id, idText } = peer.member;
    const { active } = peer.prober;
    const other = active?.kind === 'direct' && active.endpoint !== this.birthdays.way(idText)?.label;
    const apart = peer.session.established && !other;
    const outside = peer.whereabouts.flatMap(({ kind, endpoint }) =>
      kind === 'reflexive' && this.#outside(endpoint) ? [endpoint] : [],
    );
    return { id, idText, apart, nat: peer.nat, outside };
  }

  /** An IPv4 address of the internet, so none of the network itself. */
  #outside(endpoint: Endpoint): boolean {
    const base = parseIpv4(endpoint.host);
    if (base === undefined || !isProbeable(endpoint) || isPrivateHost(endpoint.host)) return false;
    return !containsCidr(this.#parts.self.network.cidr, { base, prefix: 32 });
  }
}

/**
 * Who is told of whom. A network of few members tells everybody of everybody. Above `introduceAll` known members that
 * would be N² messages, so the relay is a sorted registry there, until they are half as many:
 *
 *   a newcomer is told of its neighbours on the ring and of some others     (welcome, complete: false)
 *   its neighbours are told of it                                           (member, presence)
 *   whoever was told of a member, or asked for it, is told of its coming and going: the watches, bounded
 *   and everybody may ask                                                   (locate, find)
 *
 * It decides, and sends to members that are connected here; connections, associations and packets are the hub's.
 */
import { toBase64Url } from '../core/lib/bytes.js';
import type { Env } from '../core/lib/env.js';
import { maxNamed, type FindRequest, type LocateRequest, type ToNode } from '../core/wire/signal.js';
import type { RelayLimits } from './limits.js';
import type { LocalMember, LocalNetwork } from './local-network.js';
import { encodeMessage } from './member-connection.js';
import type { KnownMember, NetworkRecord } from './network-record.js';
import { Watches } from './watches.js';

/** Base64url characters of credentials, and number of ids, in a welcome: it stays one Noise message. */
const welcomeMembersLength = 32_768;
const welcomeOnline = 512;
/** Online neighbours on each side, and others drawn at random, in the welcome of a large network. */
export const sideNeighbours = 4;
export const strangers = 8;
/** Ids that one node is told of the coming and going of. */
export const watchLimit = 512;
/** Members that come and go must not have everybody told of everybody each time: it is so again from this share of `introduceAll` down. */
const shrunkShare = 1 / 2;
/** How often nodes may hear of a new size, ms, and how much it must differ from the one they know. */
const sizeMs = 60_000;
const sizeShare = 1 / 8;

/** What a welcome says of others. */
interface WelcomeNames {
  readonly members: string[];
  readonly online: string[];
  readonly complete: boolean;
  readonly size: number;
}

/** What a newcomer is told of others: in its welcome, and by messages for what does not fit there. */
export interface Introduction {
  readonly first: WelcomeNames;
  readonly rest: readonly (() => ToNode)[];
}

/** How a network is told of its members. */
interface View {
  complete: boolean;
  /** What nodes were told last. */
  size: number;
  readonly watches: Watches<LocalMember>;
}

export class Introductions {
  readonly #limits: RelayLimits;
  readonly #env: Env;
  /** Of networks with anybody connected here. */
  readonly #views = new Map<LocalNetwork, View>();
  #cancelSizes: (() => void) | undefined;

  constructor(limits: RelayLimits, env: Env) {
    this.#limits = limits;
    this.#env = env;
  }

  stop(): void {
    this.#cancelSizes?.();
    this.#cancelSizes = undefined;
    this.#views.clear();
  }

  /** What a member is told of, and how its network is, for another process. */
  watchesOf(member: LocalMember): string[] {
    return this.#views.get(member.network)?.watches.by(member) ?? [];
  }

  viewOf(network: LocalNetwork): { readonly complete: boolean; readonly size: number } {
    const { complete, size } = this.#view(network);
    return { complete, size };
  }

  /** As another process left it. */
  restore(network: LocalNetwork, complete: boolean, size: number): void {
    const view = this.#view(network);
    view.complete = complete;
    view.size = size;
    if (!complete) this.#pace();
  }

  watch(member: LocalMember, ids: readonly string[]): void {
    const { watches } = this.#view(member.network);
    for (const id of ids) watches.add(member, id);
  }

  /** The number of known members may have crossed the threshold: then everybody is told. */
  settle(network: LocalNetwork): void {
    const { record, online, here } = network;
    const view = this.#view(network);
    const { introduceAll } = this.#limits;
    const complete = record.size <= (view.complete ? introduceAll : introduceAll * shrunkShare);
    if (complete === view.complete) return;
    view.complete = complete;
    view.size = online.size;
    const roster = { type: 'roster', complete, size: view.size } as const;
    if (complete) {
      view.watches.clear();
      for (const [id, { connection }] of here) {
        connection.later([...this.#everybody(network, id), () => roster]);
      }
      return;
    }
    // They were told of everybody, so they go on hearing of everybody they know.
    const ids = record.members.map((member) => member.id);
    for (const [own, member] of here) {
      for (const id of ids) if (id !== own) view.watches.add(member, id);
    }
    tell(here.values(), roster);
    this.#pace();
  }

  /** After members were forgotten. */
  pruned(): void {
    for (const network of this.#views.keys()) {
      if (network.here.size === 0) this.#views.delete(network);
      else this.settle(network);
    }
  }

  /** Whom a newcomer is told of at once, and messages for what does not fit. */
  introduce(network: LocalNetwork, self: string): Introduction {
    const { record, online } = network;
    const { complete } = this.#view(network);
    // Who takes over is online already.
    const size = online.size + (online.has(self) ? 0 : 1);
    const first = { members: [] as string[], online: [] as string[], complete, size };
    if (complete) return { first, rest: this.#introduceAll(network, self, first) };
    const drawn = online.some(strangers, () => this.#env.random.unit());
    for (const id of new Set([...online.neighbours(self, sideNeighbours), ...drawn])) {
      const member = record.member(id);
      if (!member || id === self) continue;
      first.members.push(toBase64Url(member.credential));
      first.online.push(id);
    }
    return { first, rest: [] };
  }

  /** A newcomer was sent its welcome: the rest follows, and it hears of those that the welcome named from now on. */
  welcomed(member: LocalMember, { first, rest }: Introduction): void {
    const { complete, watches } = this.#view(member.network);
    if (!complete) for (const id of first.online) watches.add(member, id);
    member.connection.later(rest);
  }

  /**
   * A member is online from now on, here or elsewhere.
   *
   * @param news true when nobody knows this credential yet
   */
  arrived(network: LocalNetwork, { id, credential }: KnownMember, news: boolean): void {
    const { complete, watches } = this.#view(network);
    const member = encodeMessage({ type: 'member', credential: toBase64Url(credential) });
    const presence = encodeMessage({ type: 'presence', id, online: true });
    if (complete) {
      for (const { connection } of othersOf(network, id)) {
        if (news) connection.sendPlain(member);
        connection.sendPlain(presence);
      }
      return;
    }
    const ignorant = new Set<LocalMember>();
    for (const neighbour of network.online.neighbours(id, sideNeighbours)) {
      const other = network.here.get(neighbour);
      if (other && watches.add(other, id)) ignorant.add(other);
    }
    for (const other of watches.of(id)) {
      if (other.id === id) continue;
      if (news || ignorant.has(other)) other.connection.sendPlain(member);
      other.connection.sendPlain(presence);
    }
  }

  /** A member went. */
  left(network: LocalNetwork, id: string): void {
    const view = this.#view(network);
    tell(view.complete ? othersOf(network, id) : view.watches.of(id), {
      type: 'presence',
      id,
      online: false,
    });
    if (network.here.size === 0) this.#views.delete(network);
  }

  /** A member left the network for good, and says so. */
  leave(network: LocalNetwork, id: string, farewell: string): void {
    const { complete, watches } = this.#view(network);
    tell(complete ? othersOf(network, id) : watches.of(id), { type: 'left', farewell });
  }

  /** A member whose connection is no more. */
  forget(member: LocalMember): void {
    this.#views.get(member.network)?.watches.drop(member);
  }

  locate(asker: LocalMember, { targets }: LocateRequest): void {
    const { online } = asker.network;
    const found = new Set<string>();
    for (const target of targets) {
      const id = online.closest(target, asker.id);
      if (id !== undefined) found.add(id);
    }
    asker.connection.send({ type: 'located', members: this.#name(asker, found) });
  }

  find(asker: LocalMember, { query, text, mac, ids }: FindRequest): void {
    const { record, online } = asker.network;
    const found = new Set<string>();
    if (text !== undefined) for (const id of record.findText(text, maxNamed)) found.add(id);
    else if (mac !== undefined) for (const id of record.findMac(mac, maxNamed)) found.add(id);
    else for (const id of ids ?? []) found.add(id);
    found.delete(asker.id);
    const members = this.#name(asker, found);
    asker.connection.send({
      type: 'found',
      query,
      members,
      online: [...found].filter((id) => online.has(id)),
    });
  }

  /** The credentials of those that are known; the node hears of all of them from now on. */
  #name(asker: LocalMember, ids: Iterable<string>): string[] {
    const { complete, watches } = this.#view(asker.network);
    const out: string[] = [];
    for (const id of ids) {
      if (!complete) watches.add(asker, id);
      const member = asker.network.record.member(id);
      if (member) out.push(toBase64Url(member.credential));
    }
    return out;
  }

  /** Everybody into the welcome, connected ones first, and messages for those that do not fit. */
  #introduceAll(network: LocalNetwork, self: string, first: WelcomeNames): (() => ToNode)[] {
    const { record } = network;
    const { members, online } = first;
    const rest: (() => ToNode)[] = [];
    let room = welcomeMembersLength;
    const introduce = (id: string): void => {
      const member = record.member(id);
      if (!member) return;
      const credential = toBase64Url(member.credential);
      room -= credential.length + 3;
      if (room >= 0) members.push(credential);
      else rest.push(() => memberMessage(record, member));
    };
    for (const id of network.online.list) {
      if (id === self) continue;
      introduce(id);
      if (online.length < welcomeOnline) online.push(id);
      else rest.push(() => ({ type: 'presence', id, online: network.online.has(id) }));
    }
    for (const { id } of record.members) if (id !== self && !network.online.has(id)) introduce(id);
    return rest;
  }

  /** Messages, made when they are sent, that tell a node of all others. */
  #everybody(network: LocalNetwork, self: string): (() => ToNode)[] {
    const { record } = network;
    return record.members.flatMap((member) => {
      const { id } = member;
      if (id === self) return [];
      const presence = (): ToNode => ({ type: 'presence', id, online: network.online.has(id) });
      return [() => memberMessage(record, member), presence];
    });
  }

  #view(network: LocalNetwork): View {
    let view = this.#views.get(network);
    if (!view) {
      const complete = network.record.size <= this.#limits.introduceAll;
      view = { complete, size: network.online.size, watches: new Watches<LocalMember>(watchLimit) };
      this.#views.set(network, view);
      if (!complete) this.#pace();
    }
    return view;
  }

  /** While there is a large network: its nodes hear now and then how large it is. */
  #pace(): void {
    this.#cancelSizes ??= this.#env.clock.after(sizeMs, () => {
      this.#cancelSizes = undefined;
      let large = false;
      for (const [network, view] of this.#views) {
        if (view.complete) continue;
        large = true;
        const { size } = network.online;
        if (Math.abs(size - view.size) <= view.size * sizeShare) continue;
        view.size = size;
        tell(network.here.values(), { type: 'roster', complete: false, size });
      }
      if (large) this.#pace();
    });
  }
}

function memberMessage(record: NetworkRecord, member: KnownMember): ToNode {
  // What is known of it may be newer by now.
  const { credential } = record.member(member.id) ?? member;
  return { type: 'member', credential: toBase64Url(credential) };
}

function othersOf(network: LocalNetwork, id: string): LocalMember[] {
  return [...network.here.values()].filter((member) => member.id !== id);
}

function tell(members: Iterable<LocalMember>, message: ToNode): void {
  const plain = encodeMessage(message);
  for (const { connection } of members) connection.sendPlain(plain);
}

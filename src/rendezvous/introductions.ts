/**
 * Who is told of whom. A network of few members tells everybody of everybody. Above `introduceAll` known members that
 * would be N² messages, so the relay is a sorted registry there:
 *
 *   a newcomer is told of its neighbours on the ring and of some others     (welcome, complete: false)
 *   its neighbours are told of it                                           (member, presence)
 *   whoever was told of a member, or asked for it, is told of its coming and going: the watches, bounded
 *   and everybody may ask                                                   (locate, find)
 *
 * It decides and sends; connections, associations and packets are the hub's.
 */
import { toBase64Url } from '../core/lib/bytes.js';
import type { Env } from '../core/lib/env.js';
import { maxNamed, type FindRequest, type LocateRequest, type ToNode } from '../core/wire/signal.js';
import type { RelayLimits } from './limits.js';
import type { KnownMember, NetworkRecord } from './registry.js';
import { encodeMessage, type Session } from './session.js';
import { Watches } from './watches.js';

/** Base64url characters of credentials, and number of ids, in a welcome: it stays one Noise message. */
const welcomeMembersLength = 32_768;
const welcomeOnline = 512;
/** Online neighbours on each side, and others drawn at random, in the welcome of a large network. */
const sideNeighbours = 4;
const strangers = 8;
/** Ids that one node is told of the coming and going of. */
export const watchLimit = 512;
/** How often nodes may hear of a new size, ms, and how much it must differ from the one they know. */
const sizeMs = 60_000;
const sizeShare = 1 / 8;

/** What a welcome says of others. */
export interface Introduction {
  readonly members: string[];
  readonly online: string[];
  readonly complete: boolean;
  readonly size: number;
}

/** How a network is told of its members. */
interface View {
  complete: boolean;
  /** What nodes were told last. */
  size: number;
  readonly watches: Watches<Session>;
}

export class Introductions {
  readonly #limits: RelayLimits;
  readonly #env: Env;
  /** Of networks with anybody online. */
  readonly #views = new Map<NetworkRecord, View>();
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

  /** The number of known members may have crossed the threshold: then everybody is told. */
  settle(record: NetworkRecord): void {
    const view = this.#view(record);
    const complete = record.size <= this.#limits.introduceAll;
    if (complete === view.complete) return;
    view.complete = complete;
    view.size = record.online.size;
    const roster = { type: 'roster', complete, size: view.size } as const;
    if (complete) {
      // The number of members falls only when old ones are forgotten, once an hour: this is seldom.
      view.watches.clear();
      for (const [id, session] of record.online) {
        session.later([...this.#everybody(record, id), () => roster]);
      }
      return;
    }
    // They were told of everybody, so they go on hearing of everybody they know.
    const ids = record.members.map((member) => member.id);
    for (const [own, session] of record.online) {
      for (const id of ids) if (id !== own) view.watches.add(session, id);
    }
    tell(record.online.values(), roster);
    this.#pace();
  }

  /** After members were forgotten. */
  pruned(): void {
    for (const record of this.#views.keys()) {
      if (record.online.size === 0) this.#views.delete(record);
      else this.settle(record);
    }
  }

  /** Whom a newcomer, not online yet, is told of at once, and messages for what does not fit. */
  introduce(record: NetworkRecord, self: string): { first: Introduction; rest: (() => ToNode)[] } {
    const { complete } = this.#view(record);
    const first = { members: [] as string[], online: [] as string[], complete, size: record.online.size + 1 };
    if (complete) return { first, rest: this.#introduceAll(record, self, first) };
    const drawn = record.some(strangers, () => this.#env.random.unit());
    for (const id of new Set([...record.neighbours(self, sideNeighbours), ...drawn])) {
      const member = record.member(id);
      if (!member || id === self) continue;
      first.members.push(toBase64Url(member.credential));
      first.online.push(id);
    }
    return { first, rest: [] };
  }

  /**
   * A member is online from now on.
   *
   * @param told ids that its welcome named
   * @param news true when nobody knows this credential yet
   */
  arrived(
    record: NetworkRecord,
    session: Session,
    known: KnownMember,
    told: readonly string[],
    news: boolean,
  ): void {
    const { id } = known;
    const { complete, watches } = this.#view(record);
    const member = encodeMessage({ type: 'member', credential: toBase64Url(known.credential) });
    const presence = encodeMessage({ type: 'presence', id, online: true });
    if (complete) {
      const others = othersOf(record, id);
      for (const other of others) {
        if (news) other.sendPlain(member);
        other.sendPlain(presence);
      }
      return;
    }
    for (const other of told) watches.add(session, other);
    const ignorant = new Set<Session>();
    for (const neighbour of record.neighbours(id, sideNeighbours)) {
      const other = record.online.get(neighbour);
      if (other && watches.add(other, id)) ignorant.add(other);
    }
    for (const other of watches.of(id)) {
      if (other === session) continue;
      if (news || ignorant.has(other)) other.sendPlain(member);
      other.sendPlain(presence);
    }
  }

  /** A member went. */
  left(record: NetworkRecord, id: string): void {
    const view = this.#view(record);
    const presence = { type: 'presence', id, online: false } as const;
    tell(view.complete ? othersOf(record, id) : view.watches.of(id), presence);
    if (record.online.size === 0) this.#views.delete(record);
  }

  /** A session that is no more. */
  forget(record: NetworkRecord, session: Session): void {
    this.#views.get(record)?.watches.drop(session);
  }

  locate(session: Session, { targets }: LocateRequest): void {
    const { admitted } = session;
    if (!admitted) return;
    const { record, id: self } = admitted;
    const found = new Set<string>();
    for (const target of targets) {
      const id = record.closest(target, self);
      if (id !== undefined) found.add(id);
    }
    session.send({ type: 'located', members: this.#name(record, session, found) });
  }

  find(session: Session, { query, text, mac, ids }: FindRequest): void {
    const { admitted } = session;
    if (!admitted) return;
    const { record, id: self } = admitted;
    const found = new Set<string>();
    if (text !== undefined) for (const id of record.findText(text, maxNamed)) found.add(id);
    else if (mac !== undefined) for (const id of record.findMac(mac, maxNamed)) found.add(id);
    else for (const id of ids ?? []) found.add(id);
    found.delete(self);
    const members = this.#name(record, session, found);
    session.send({ type: 'found', query, members, online: [...found].filter((id) => record.online.has(id)) });
  }

  /** The credentials of those that are known; the node hears of all of them from now on. */
  #name(record: NetworkRecord, session: Session, ids: Iterable<string>): string[] {
    const { complete, watches } = this.#view(record);
    const out: string[] = [];
    for (const id of ids) {
      if (!complete) watches.add(session, id);
      const member = record.member(id);
      if (member) out.push(toBase64Url(member.credential));
    }
    return out;
  }

  /** Everybody into the welcome, connected ones first, and messages for those that do not fit. */
  #introduceAll(record: NetworkRecord, self: string, first: Introduction): (() => ToNode)[] {
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
    for (const id of record.online.keys()) {
      if (id === self) continue;
      introduce(id);
      if (online.length < welcomeOnline) online.push(id);
      else rest.push(() => ({ type: 'presence', id, online: record.online.has(id) }));
    }
    for (const { id } of record.members) if (id !== self && !record.online.has(id)) introduce(id);
    return rest;
  }

  /** Messages, made when they are sent, that tell a node of all others. */
  #everybody(record: NetworkRecord, self: string): (() => ToNode)[] {
    return record.members.flatMap((member) => {
      const { id } = member;
      if (id === self) return [];
      const presence = (): ToNode => ({ type: 'presence', id, online: record.online.has(id) });
      return [() => memberMessage(record, member), presence];
    });
  }

  #view(record: NetworkRecord): View {
    let view = this.#views.get(record);
    if (!view) {
      const complete = record.size <= this.#limits.introduceAll;
      view = { complete, size: record.online.size, watches: new Watches<Session>(watchLimit) };
      this.#views.set(record, view);
      if (!complete) this.#pace();
    }
    return view;
  }

  /** While there is a large network: its nodes hear now and then how large it is. */
  #pace(): void {
    this.#cancelSizes ??= this.#env.clock.after(sizeMs, () => {
      this.#cancelSizes = undefined;
      let large = false;
      for (const [record, view] of this.#views) {
        if (view.complete) continue;
        large = true;
        const { size } = record.online;
        if (Math.abs(size - view.size) <= view.size * sizeShare) continue;
        view.size = size;
        tell(record.online.values(), { type: 'roster', complete: false, size });
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

function othersOf(record: NetworkRecord, id: string): Session[] {
  return [...record.online].filter(([other]) => other !== id).map(([, session]) => session);
}

function tell(sessions: Iterable<Session>, message: ToNode): void {
  const plain = encodeMessage(message);
  for (const session of sessions) session.sendPlain(plain);
}

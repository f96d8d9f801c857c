/**
 * What the hub knows of connected nodes, given to another process and taken there. The registry is not part of it: both have
 * that from disk.
 */
import { fromHex } from '../../core/lib/bytes.js';
import type { Env } from '../../core/lib/env.js';
import type { Introductions } from '../introductions.js';
import type { Ledgers } from '../ledgers.js';
import { begun, type LocalMember, type LocalNetwork } from '../local-network.js';
import type { ConnectionHost, MemberConnection } from '../member-connection.js';
import type { PacketExchange } from '../packet-exchange.js';
import type { Presence } from '../presence.js';
import type { Registry } from '../registry.js';
import type { WaitingRoom } from '../waiting-room.js';
import type { HeldGuest, HeldLingering, HeldMember, HeldRelay, HeldView } from './held.js';

/** Of the hub. */
export interface HubParts {
  readonly env: Env;
  readonly registry: Registry;
  readonly ledgers: Ledgers;
  readonly presence: Presence;
  readonly introductions: Introductions;
  readonly packets: PacketExchange;
  readonly waiting: WaitingRoom;
  readonly members: Map<MemberConnection, LocalMember>;
  networkOf(id: string): LocalNetwork | undefined;
  hello: ConnectionHost['hello'];
  /** What is begun and has to wait for the disk. */
  readonly underWay: ReadonlySet<Promise<unknown>>;
}

/** Nodes are asked to come back so many at a time: fewer a second than the door lets in. */
const awayAtOnce = 4;
const awayEveryMs = 100;
/** Who has not come back by then did not understand, ms. */
const awayMs = 60_000;
/** Who was asked before this process began has so long to come back, ms. */
export const backMs = 10_000;
/** Of WebSocket (RFC 6455 7.4.1). */
export const goingAway = 1001;

export class HubMove {
  readonly #parts: HubParts;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** Resolves when nobody is half admitted. Nothing may come in meanwhile. */
  async settled(): Promise<void> {
    while (this.#parts.underWay.size > 0) await Promise.all(this.#parts.underWay);
  }

  /** @param connections all, each with the number by which the other process will mean it */
  held(
    connections: ReadonlyMap<MemberConnection, number>,
  ): Pick<HeldRelay, 'guests' | 'lingering' | 'views'> {
    const { members, waiting, packets, introductions } = this.#parts;
    const guests: HeldGuest[] = [];
    const networks = new Set<LocalNetwork>();
    for (const [connection, number] of connections) {
      const held = connection.held();
      if (!held) continue;
      const member = members.get(connection);
      if (member) networks.add(member.network);
      const hello = waiting.helloOf(connection);
      guests.push({ connection: number, held, member: member && this.#heldMember(member), hello });
    }
    const lingering = packets.associations.lingering.map((member): HeldLingering => {
      networks.add(member.network);
      const { network, id, association, connection } = member;
      return { network: network.record.id, id, association, observed: connection.observed };
    });
    const views = [...networks].map((network): HeldView => {
      const { id } = network.record;
      const rootKey = this.#parts.ledgers.known(id)?.networkKey ?? new Uint8Array(0);
      return { network: id, rootKey, ...introductions.viewOf(network) };
    });
    return { guests, lingering, views };
  }

  #heldMember(member: LocalMember): HeldMember {
    const { network, id, association } = member;
    const { key, inviteId, rights } = member.speaker;
    const watches = this.#parts.introductions.watchesOf(member);
    const here = network.here.get(id) === member;
    return { network: network.record.id, id, association, key, inviteId, rights, watches, here };
  }

  /**
   * Takes them, without a word to anybody. Nothing of the registry's is missing, or the connection is left out.
   *
   * @param connect makes the connection of a guest
   * @param closed makes one that is no more
   */
  adopt(
    held: HeldRelay,
    connect: (guest: HeldGuest) => MemberConnection,
    closed: (observed: string) => MemberConnection,
  ): void {
    const { members, presence, introductions, packets, ledgers } = this.#parts;
    for (const { network, rootKey } of held.views)
      if (rootKey.length > 0 && this.#parts.registry.network(network)) ledgers.of(rootKey);
    const hellos: (() => void)[] = [];
    const watching: (() => void)[] = [];
    for (const guest of held.guests) {
      const connection = connect(guest);
      const { member, hello } = guest;
      const { remoteStatic } = guest.held;
      if (hello && remoteStatic) hellos.push(() => this.#parts.hello(connection, hello, remoteStatic));
      if (!member) continue;
      const local = this.#local(connection, member);
      if (!local) {
        connection.close(goingAway, 'registers again');
        continue;
      }
      members.set(connection, local);
      packets.associations.restore(local);
      if (!member.here) continue;
      local.network.here.set(local.id, local);
      presence.restore(member.network, member.id);
      watching.push(() => introductions.watch(local, member.watches));
    }
    for (const one of held.lingering) {
      const local = this.#local(closed(one.observed), {
        ...one,
        key: new Uint8Array(0),
        inviteId: '',
        rights: 0,
      });
      if (!local) continue;
      packets.associations.restore(local);
      packets.associations.linger(local);
    }
    for (const { network, complete, size } of held.views) {
      const local = this.#parts.networkOf(network);
      if (local) introductions.restore(local, complete, size);
    }
    for (const watch of watching) watch();
    for (const again of hellos) again();
  }

  #local(
    connection: MemberConnection,
    { network: networkId, id, association, key, inviteId, rights }: Omit<HeldMember, 'watches' | 'here'>,
  ): LocalMember | undefined {
    const network = this.#parts.networkOf(networkId);
    const idBytes = fromHex(id);
    const ledger = this.#parts.ledgers.known(networkId);
    if (!idBytes || !network?.record.member(id)) return undefined;
    const speaker = { key, inviteId, rights };
    const admin = (): boolean => ledger?.isAdmin(speaker) ?? false;
    return {
      connection,
      network,
      id,
      idBytes,
      association,
      admin,
      speaker,
      ...begun(this.#parts.env.clock.date()),
    };
  }

  /** When members were last heard by UDP, ms ago. */
  heardByUdp(heard: readonly { readonly association: number; readonly agoMs: number }[]): void {
    const { packets, env } = this.#parts;
    for (const { association, agoMs } of heard) {
      const member = packets.associations.get(association);
      if (member?.connection.up) member.udpAt = env.clock.now() - agoMs;
    }
  }

  /** Nobody can speak by these any more: who does not come back by another is gone. Returns what ends the wait. */
  expectBack(connections: readonly MemberConnection[]): () => void {
    return this.#parts.env.clock.after(backMs, () => {
      for (const connection of connections) connection.close(goingAway, 'did not come back');
    });
  }

  /** Asks all of these to come back by a connection of this process. Returns what ends the asking. */
  sendAway(connections: readonly MemberConnection[]): () => void {
    const { clock } = this.#parts.env;
    let cancel: () => void = () => undefined;
    let next = 0;
    const some = (): void => {
      for (const connection of connections.slice(next, next + awayAtOnce)) connection.sendAway();
      next += awayAtOnce;
      cancel = clock.after(
        next < connections.length ? awayEveryMs : awayMs,
        next < connections.length ? some : last,
      );
    };
    const last = (): void => {
      for (const connection of connections) connection.close(goingAway, 'another process goes on');
    };
    some();
    return () => {
      cancel();
    };
  }
}

/** The other process speaks of associations by their rows: whose network they are of here. */
export function networkSlots(packets: PacketExchange): (association: number) => number | undefined {
  return (association) => packets.associations.get(association)?.network.record.slot;
}

/**
 * Who is online, at whichever relay. The hub tells of members that connect to this relay and that go; whoever wants to
 * know asks. What came of it is told to the listener, for members of this relay and of every other alike.
 *
 *   hub ──arrive, leave──▶ Presence ──arrived, left──▶ hub, which has members told (introductions.ts)
 *                             ▲
 *                             └──of(network): who is online, who is next on the ring── introductions, registry, packets
 *
 * Asking never waits: an implementation for several relays keeps a copy of what the others told it. There is one for a
 * relay that is alone (`LocalPresence`); test/unit/rendezvous/presence-contract.ts says what every one must do.
 */
import { IdRing } from './id-ring.js';
import type { KnownMember } from './network-record.js';

/** The online members of one network. Ids are 32 hexadecimal characters. */
export interface OnlineMembers {
  readonly size: number;
  /** Ascending, which is the order of the ring. Changes with the members. */
  readonly list: readonly string[];
  has(id: string): boolean;
  /** The one at or clockwise after `target`, which need not be online; `except` is passed over. */
  closest(target: string, except?: string): string | undefined;
  /** The `count` nearest on each side of `id`, itself left out; clockwise ones first, nearest first. */
  neighbours(id: string, count: number): string[];
  /** Up to `count` different ones, drawn at random: `unit` gives numbers from 0 to below 1. */
  some(count: number, unit: () => number): string[];
}

export interface PresenceListener {
  /**
   * A member came online, or connected anew.
   *
   * @param news true when nobody knows this credential yet
   */
  arrived(network: string, member: KnownMember, news: boolean): void;
  /** A member is online nowhere any more. */
  left(network: string, id: string): void;
}

export interface Presence {
  /** The online members of a network as of now: ask again rather than keep it. A network that is not known has none. */
  of(network: string): OnlineMembers;
  /**
   * A member is connected to this relay, as `PresenceListener.arrived` says; when it was online already, `left` is not
   * told in between. It counts as online before the listener hears of it.
   */
  arrive(network: string, member: KnownMember, news: boolean): void;
  /** A member is connected to this relay, and everybody knows: the process before had told. */
  restore(network: string, id: string): void;
  /** A member is not connected to this relay any more. Nothing happens when it was not. */
  leave(network: string, id: string): void;
}

const nobody: OnlineMembers = new IdRing();

/** The presence of a relay that is alone: online is who is connected here. */
export class LocalPresence implements Presence {
  readonly #listener: PresenceListener;
  /** Of networks with anybody online. */
  readonly #networks = new Map<string, IdRing>();

  constructor(listener: PresenceListener) {
    this.#listener = listener;
  }

  of(network: string): OnlineMembers {
    return this.#networks.get(network) ?? nobody;
  }

  arrive(network: string, member: KnownMember, news: boolean): void {
    this.restore(network, member.id);
    this.#listener.arrived(network, member, news);
  }

  restore(network: string, id: string): void {
    let online = this.#networks.get(network);
    if (!online) this.#networks.set(network, (online = new IdRing()));
    online.add(id);
  }

  leave(network: string, id: string): void {
    const online = this.#networks.get(network);
    if (!online?.has(id)) return;
    online.delete(id);
    if (online.size === 0) this.#networks.delete(network);
    this.#listener.left(network, id);
  }
}

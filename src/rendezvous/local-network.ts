/** Members that are connected to this relay, by network. */
import type { Member } from '../core/identity/certificate.js';
import type { NetworkRecord } from './network-record.js';
import type { MemberConnection } from './member-connection.js';
import type { OnlineMembers, Presence } from './presence.js';

/** A member that is connected to this relay. */
export interface LocalMember {
  readonly connection: MemberConnection;
  readonly network: LocalNetwork;
  /** 32 hexadecimal characters. */
  readonly id: string;
  readonly idBytes: Uint8Array;
  /** By which the UDP side knows it. */
  readonly association: number;
  /** May it speak for the network, at this moment? */
  readonly admin: () => boolean;
  /** What `admin` goes by. */
  readonly speaker: Pick<Member, 'key' | 'inviteId' | 'rights'>;
  /** When it last proved its UDP address, on the clock; undefined when packets take the WebSocket. */
  udpAt: number | undefined;
  /** From where that came last. */
  udpHost: string | undefined;
  /** Since when it is connected to this process, date, ms. */
  readonly since: number;
  /** Bytes that the main thread forwarded for it meanwhile. */
  sentBytes: number;
  receivedBytes: number;
}

/** What of a member begins with its connection. @param date ms */
export function begun(
  date: number,
): Pick<LocalMember, 'udpAt' | 'udpHost' | 'since' | 'sentBytes' | 'receivedBytes'> {
  return { udpAt: undefined, udpHost: undefined, since: date, sentBytes: 0, receivedBytes: 0 };
}

/** A network as this relay serves it: what is known of it, who is online anywhere, and who is connected here. */
export class LocalNetwork {
  readonly record: NetworkRecord;
  /** By id. */
  readonly here = new Map<string, LocalMember>();
  readonly #presence: Presence;

  constructor(record: NetworkRecord, presence: Presence) {
    this.record = record;
    this.#presence = presence;
  }

  /** Who is online, here or elsewhere, as of now. */
  get online(): OnlineMembers {
    return this.#presence.of(this.record.id);
  }
}

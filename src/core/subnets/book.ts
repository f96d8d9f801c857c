/**
 * The announcements of subnets that this node holds: one of each member, verified, the latest; and what follows from
 * them. No I/O.
 *
 * **Which claim is the earlier** cannot be left to dates that members write themselves. What is heard while this node
 * has been listening for a while is ranked by when it was heard; only what a newcomer finds in place is ranked by when
 * its member says that it began, and never earlier than others witnessed its membership. A claim keeps its rank while it is
 * renewed.
 */
import {
  announcementLifeMs,
  holdsAt,
  isGenuineAnnouncement,
  parseAnnouncement,
  type Announcement,
} from '../identity/announcement.js';
import { type Member } from '../identity/certificate.js';
import { Right } from '../identity/invite.js';
import { nodeIdOf, nodeIdText } from '../identity/node-id.js';
import { formatPrefix, type Prefix } from '../lib/prefix.js';
import { judgeClaims, type Claim, type ClaimFault, type Ruling } from './ruling.js';

/** Members whose announcements are kept: a full network of routers. */
export const maxAnnouncers = 4_096;
/** Claims that were refused for want of the right, of which so many are remembered. */
const maxRefusals = 64;

/** A member that announces, as far as it matters here. */
export type Announcer = Pick<
  Member,
  'idText' | 'key' | 'name' | 'ip' | 'mac' | 'rights' | 'inviteId' | 'claims' | 'credential'
>;

/** Who may announce subnets: whom an invite gave the right, and the first member, whom the root signed itself. */
export function mayAnnounce(member: Pick<Announcer, 'rights' | 'inviteId'>): boolean {
  return (member.rights & Right.route) !== 0 || member.inviteId === '';
}

export interface SubnetClaim extends Claim {
  readonly member: Announcer;
  /** When its member says that it began, s since 1970: who of those that share a subnet is the first. */
  readonly since: number;
}

export type SubnetRuling = Ruling<SubnetClaim>;

/** A subnet that a member announced without being allowed to. */
export interface Refusal {
  readonly id: string;
  readonly name: string;
  readonly ip: number;
  readonly cidr: string;
  readonly fault: ClaimFault | 'right';
  /** Name of who holds it; null when nobody known here does. */
  readonly holder: string | null;
}

export type TakeVerdict =
  | 'new'
  /** Held already, or a later one. */
  | 'known'
  | 'right'
  | 'malformed'
  | 'signature'
  | 'expired'
  | 'limited'
  | 'full';

export interface TakeTerms {
  readonly dateMs: number;
  /** The rank of a claim that is new, by its prefix and by when its member says that it began. */
  readonly rankOf: (prefix: string, sinceMs: number) => number;
  /** Asked once it is known to be genuine: false leaves it out. */
  readonly admit?: () => boolean;
}

interface Held {
  readonly member: Announcer;
  readonly announcement: Announcement;
  readonly document: Uint8Array;
  /** Rank of each claim, by prefix text. */
  readonly ranks: ReadonlyMap<string, number>;
}

/** What goes to disk of one announcement. */
export interface KeptAnnouncement {
  readonly document: Uint8Array;
  /** Ranks of its claims, by prefix text. */
  readonly ranks: Readonly<Record<string, number>>;
}

export class SubnetBook {
  readonly #network: readonly Prefix[];
  readonly #held = new Map<string, Held>();
  readonly #refusals = new Map<string, Refusal>();
  #rulings: readonly SubnetRuling[] | undefined;
  #expiresAt = Infinity;

  /** @param network ranges that no subnet may overlap, but small ones of pods */
  constructor(network: readonly Prefix[]) {
    this.#network = network;
  }

  get size(): number {
    return this.#held.size;
  }

  /** The serial of this member's announcement; -1 when there is none. */
  serialOf(idText: string): number {
    return this.#held.get(idText)?.announcement.serial ?? -1;
  }

  /** What is held of a member, to be passed on. */
  get(idText: string): { readonly member: Announcer; readonly document: Uint8Array } | undefined {
    return this.#held.get(idText);
  }

  /** Ids and serials, by id. */
  inventory(): { readonly id: string; readonly serial: number }[] {
    return [...this.#held]
      .map(([id, { announcement }]) => ({ id, serial: announcement.serial }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** ms since 1970 at which the first of the announcements ends. */
  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** Takes an announcement from anyone: it proves itself. */
  take(member: Announcer, document: Uint8Array, { dateMs, rankOf, admit }: TakeTerms): TakeVerdict {
    const announcement = parseAnnouncement(document);
    if (!announcement || nodeIdText(nodeIdOf(announcement.nodeKey)) !== member.idText) return 'malformed';
    const before = this.#held.get(member.idText);
    if (before && before.announcement.serial >= announcement.serial) return 'known';
    if (!isGenuineAnnouncement(document, member.key)) return 'signature';
    if (!holdsAt(announcement, dateMs)) return 'expired';
    if (admit?.() === false) return 'limited';
    if (!mayAnnounce(member)) {
      this.#refuse(member, announcement);
      return 'right';
    }
    if (!before && this.#held.size >= maxAnnouncers) return 'full';
    const ranks = new Map<string, number>();
    for (const { prefix, since } of announcement.subnets) {
      const text = formatPrefix(prefix);
      // Nobody has a subnet for longer than it is a member, which others witness.
      const sinceMs = Math.min(dateMs, Math.max(member.claims.joined, since * 1_000));
      ranks.set(text, before?.ranks.get(text) ?? rankOf(text, sinceMs));
    }
    this.#held.set(member.idText, { member, announcement, document, ranks });
    this.#changed();
    return 'new';
  }

  /** The member has another certificate: another name, address, or other rights. */
  update(member: Announcer): void {
    const held = this.#held.get(member.idText);
    if (!held) return;
    if (mayAnnounce(member)) this.#held.set(member.idText, { ...held, member });
    else this.#held.delete(member.idText);
    this.#changed();
  }

  remove(idText: string): void {
    this.#forgive(idText);
    if (this.#held.delete(idText)) this.#changed();
  }

  /** Forgets what does not hold any more. */
  expire(dateMs: number): void {
    if (dateMs < this.#expiresAt) return;
    for (const [id, { announcement }] of this.#held)
      if (!holdsAt(announcement, dateMs)) this.#held.delete(id);
    this.#changed();
  }

  /** Every claim, the earliest first, and whether it holds. */
  rulings(): readonly SubnetRuling[] {
    this.#rulings ??= judgeClaims(this.#claims(), this.#network);
    return this.#rulings;
  }

  /** Every claim that does not hold, for people. */
  refusals(): Refusal[] {
    const of = this.rulings().flatMap(({ claim, fault, holder }) => {
      if (fault === null) return [];
      const name = holder === null ? null : (this.#held.get(holder)?.member.name ?? null);
      const { id, member, prefix } = claim;
      const cidr = formatPrefix(prefix);
      return [{ id, name: member.name, ip: member.ip, cidr, fault, holder: name }];
    });
    return [...of, ...this.#refusals.values()];
  }

  /** What goes to disk, but for one member's. */
  kept(except: string): KeptAnnouncement[] {
    return [...this.#held]
      .filter(([id]) => id !== except)
      .map(([, { document, ranks }]) => ({ document, ranks: Object.fromEntries(ranks) }));
  }

  #claims(): SubnetClaim[] {
    return [...this.#held.values()].flatMap(({ member, announcement, ranks }) =>
      announcement.subnets.map(({ prefix, shared, since }) => ({
        id: member.idText,
        member,
        prefix,
        shared,
        since,
        rank: ranks.get(formatPrefix(prefix)) as number,
      })),
    );
  }

  #refuse(member: Announcer, { subnets }: Announcement): void {
    this.#forgive(member.idText);
    for (const { prefix } of subnets) {
      const cidr = formatPrefix(prefix);
      const key = `${member.idText} ${cidr}`;
      if (this.#refusals.size >= maxRefusals && !this.#refusals.has(key)) return;
      const { idText: id, name, ip } = member;
      this.#refusals.set(key, { id, name, ip, cidr, fault: 'right', holder: null });
    }
  }

  #forgive(idText: string): void {
    for (const [key, { id }] of this.#refusals) if (id === idText) this.#refusals.delete(key);
  }

  #changed(): void {
    this.#rulings = undefined;
    this.#expiresAt = Infinity;
    for (const { announcement } of this.#held.values())
      this.#expiresAt = Math.min(this.#expiresAt, announcement.signedAt + announcementLifeMs);
  }
}

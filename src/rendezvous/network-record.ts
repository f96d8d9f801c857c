/**
 * One network as far as this relay has seen it: its members (connected or not), the addresses and names they hold, and
 * the uses of its invites. Who is online is presence.ts. Ids are kept in order, so that the beginning of one finds it.
 */
import type { Claims } from '../core/identity/claims.js';
import { idStartsOf } from '../core/identity/node-id.js';
import { fromHex, toHex } from '../core/lib/bytes.js';
import { parseIpv4 } from '../core/lib/ipv4.js';
import { IdRing } from './id-ring.js';
import type { AdmissionWay, ReceiptLine } from './state-lines.js';

/** A member that did not show itself for this long is forgotten, and its address is free again, ms. */
export const forgetMs = 90 * 86_400_000;

/** The same for a member that joined by an invite for passing ones, ms. */
export const ephemeralForgetMs = 5 * 60_000;

export interface KnownMember {
  readonly id: string;
  readonly name: string;
  readonly ip: number;
  readonly signedAt: number;
  /** Since when it has its address and its name. */
  readonly claims: Claims;
  readonly notAfter: number;
  /** It is forgotten soon after it went. */
  readonly ephemeral: boolean;
  /** Verified, with its receipt. */
  readonly credential: Uint8Array;
  lastSeen: number;
}

/** What all networks of a relay take together. */
export interface Totals {
  members: number;
  /** Of state, roughly as it is on disk. */
  bytes: number;
}

/** How a network came to be served by a relay that does not serve any. */
export interface NetworkAdmission {
  readonly by: AdmissionWay;
  /** Date, ms. */
  readonly at: number;
}

/** A member and a counted use on disk, beside the credential's base64, bytes. */
const memberOverhead = 96;
const useBytes = 240;
const farewellBytes = 320;
/** Farewells that are kept for a network: the newest. */
const farewellLimit = 1_024;

/** Bytes of state that a member takes. */
export function bytesOfMember(credential: Uint8Array): number {
  return memberOverhead + Math.ceil((credential.length * 4) / 3);
}

/** Uses of one invite. */
export interface InviteUses {
  readonly notAfter: number;
  /** Node key, hexadecimal → time of its receipt. */
  readonly nodes: Map<string, number>;
}

export class NetworkRecord {
  readonly id: string;
  /** Number of this network within the process. */
  readonly slot: number;
  /** Where it was first seen from (limits.ts, `siteKey`); undefined when that does not count, or was in an earlier run. */
  readonly site: string | undefined;
  /** Public key of the invite, hexadecimal → its uses. */
  readonly invites = new Map<string, InviteUses>();
  /** Undefined: it is served only while the relay is open, or names it with --allow. */
  admission: NetworkAdmission | undefined;
  /** What its owner called it; empty when that is not known. */
  name = '';
  readonly #totals: Totals;
  #uses = 0;
  #bytes = 0;
  readonly #byId = new Map<string, KnownMember>();
  readonly #byIp = new Map<number, KnownMember>();
  /** Names are not unique. */
  readonly #byName = new Map<string, Set<string>>();
  readonly #ids = new IdRing();
  readonly #ephemeral = new Set<string>();
  readonly #farewells = new Map<string, { readonly farewell: Uint8Array; readonly at: number }>();

  constructor(id: string, slot: number, site?: string, totals: Totals = { members: 0, bytes: 0 }) {
    this.id = id;
    this.slot = slot;
    this.site = site;
    this.#totals = totals;
  }

  /** In the order of ids. A copy. */
  get members(): KnownMember[] {
    return this.#ids.list.map((id) => this.#byId.get(id) as KnownMember);
  }

  /** In no order; members may come and go meanwhile. */
  each(): Iterable<KnownMember> {
    return this.#byId.values();
  }

  /** Uses of invites that are counted. */
  get uses(): number {
    return this.#uses;
  }

  /** Its part of `Totals.bytes`. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#byId.size;
  }

  member(id: string): KnownMember | undefined {
    return this.#byId.get(id);
  }

  /** The member that holds an address. */
  holder(ip: number): KnownMember | undefined {
    return this.#byIp.get(ip);
  }

  /** The members that a person may mean, as at a node: exact id, address or name, else the beginning of an id. */
  findText(text: string, limit: number): string[] {
    const wanted = text.trim().toLowerCase();
    const exact = new Set(this.#byName.get(wanted));
    if (this.#byId.has(wanted)) exact.add(wanted);
    const ip = parseIpv4(wanted);
    const holder = ip === undefined ? undefined : this.#byIp.get(ip);
    if (holder) exact.add(holder.id);
    if (exact.size > 0 || !/^[0-9a-f]{4,32}$/.test(wanted)) return [...exact].slice(0, limit);
    return this.#ids.startingWith(wanted, limit);
  }

  /** Members by MAC address, 12 hexadecimal characters. */
  findMac(text: string, limit: number): string[] {
    const mac = fromHex(text);
    if (!mac || ((mac[0] as number) & 3) !== 2) return [];
    return idStartsOf(mac)
      .flatMap((start) => this.#ids.startingWith(toHex(start), limit))
      .slice(0, limit);
  }

  /** Adds a member, or replaces what was known of it; its old address and name are free then. */
  put(member: KnownMember): void {
    this.delete(member.id);
    this.#ids.add(member.id);
    this.#byId.set(member.id, member);
    this.#totals.members++;
    this.#grow(bytesOfMember(member.credential));
    this.#byIp.set(member.ip, member);
    if (member.ephemeral) this.#ephemeral.add(member.id);
    const named = this.#byName.get(member.name);
    if (named) named.add(member.id);
    else this.#byName.set(member.name, new Set([member.id]));
  }

  delete(id: string): void {
    const member = this.#byId.get(id);
    if (!member) return;
    this.#unlink(member);
    this.#ephemeral.delete(id);
    this.#ids.delete(id);
    this.#byId.delete(id);
    this.#totals.members--;
    this.#grow(-bytesOfMember(member.credential));
  }

  /** The member left for good: it is not taken again. `farewell` is what it said, verified. */
  bury(id: string, farewell: Uint8Array, at: number): void {
    this.delete(id);
    if (this.#farewells.has(id)) return;
    this.#farewells.set(id, { farewell, at });
    this.#grow(farewellBytes);
    const [oldest] = this.#farewells.keys();
    if (this.#farewells.size > farewellLimit && oldest !== undefined) this.#dig(oldest);
  }

  /** True when the member left for good. */
  hasLeft(id: string): boolean {
    return this.#farewells.has(id);
  }

  /** What members said that left for good, by id, oldest first. */
  get farewells(): ReadonlyMap<string, { readonly farewell: Uint8Array; readonly at: number }> {
    return this.#farewells;
  }

  /** The newest of them, this many. */
  latestFarewells(count: number): Uint8Array[] {
    return [...this.#farewells.values()].slice(-count).map(({ farewell }) => farewell);
  }

  #dig(id: string): void {
    if (this.#farewells.delete(id)) this.#grow(-farewellBytes);
  }

  /** When the use of an invite by a node was counted. Keys are hexadecimal. */
  dateOf(inviteKey: string, nodeKey: string): number | undefined {
    return this.invites.get(inviteKey)?.nodes.get(nodeKey);
  }

  /** How many uses of an invite were counted. */
  count(inviteKey: string): number {
    return this.invites.get(inviteKey)?.nodes.size ?? 0;
  }

  add(line: Omit<ReceiptLine, 'network'>): void {
    let uses = this.invites.get(line.invite);
    if (!uses) this.invites.set(line.invite, (uses = { notAfter: line.notAfter, nodes: new Map() }));
    if (uses.nodes.has(line.node)) return;
    uses.nodes.set(line.node, line.time);
    this.#uses++;
    this.#grow(useBytes);
  }

  /** It is forgotten as a whole: takes its part out of the totals. */
  dropped(): void {
    this.#totals.members -= this.size;
    this.#totals.bytes -= this.#bytes;
  }

  /** Forgets passing members that went. True when there were any. */
  pruneEphemeral(dateMs: number, isOnline: (id: string) => boolean): boolean {
    const { size } = this.#ephemeral;
    for (const id of this.#ephemeral) {
      const lastSeen = this.#byId.get(id)?.lastSeen ?? 0;
      if (dateMs - lastSeen > ephemeralForgetMs && !isOnline(id)) this.delete(id);
    }
    return this.#ephemeral.size < size;
  }

  /** Forgets invites that mean nothing any more, and such members, unless they are online. */
  prune(dateMs: number, isOnline: (id: string) => boolean): void {
    for (const member of this.each()) {
      const gone = dateMs - member.lastSeen > forgetMs || member.notAfter <= dateMs;
      if (gone && !isOnline(member.id)) this.delete(member.id);
    }
    for (const [id, { at }] of this.#farewells) if (dateMs - at > forgetMs) this.#dig(id);
    // No use of an expired invite is counted any more, but a node that lost its receipt may still ask for it again.
    for (const [key, uses] of this.invites) {
      if (dateMs - uses.notAfter <= forgetMs) continue;
      this.invites.delete(key);
      this.#uses -= uses.nodes.size;
      this.#grow(-useBytes * uses.nodes.size);
    }
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    this.#totals.bytes += bytes;
  }

  /** Frees address and name of a member. */
  #unlink(member: KnownMember): void {
    const { id } = member;
    if (this.#byIp.get(member.ip) === member) this.#byIp.delete(member.ip);
    const named = this.#byName.get(member.name);
    if (named?.delete(id) && named.size === 0) this.#byName.delete(member.name);
  }
}

/**
 * Who belongs to which network, as far as this relay has seen: members (connected or not), the addresses they hold,
 * and the uses of invites. Ids are kept in order, which is the order of the ring.
 *
 * It verifies nothing (admission.ts does) and does no I/O (store.ts does).
 */
import { parseCertificate, parseCredential } from '../core/identity/certificate.js';
import { nodeIdOf, nodeIdText } from '../core/identity/node-id.js';
import { fromBase64Url, toBase64Url } from '../core/lib/bytes.js';
import { parseIpv4 } from '../core/lib/ipv4.js';
import { IdRing } from './id-ring.js';
import type { Session } from './session.js';
import type { ReceiptLine, RelayState } from './store.js';

/** A member that did not show itself for this long is forgotten, and its address is free again, ms. */
export const forgetMs = 90 * 86_400_000;

export interface KnownMember {
  readonly id: string;
  readonly name: string;
  readonly ip: number;
  readonly signedAt: number;
  readonly notAfter: number;
  /** Verified, with its receipt. */
  readonly credential: Uint8Array;
  lastSeen: number;
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
  readonly #online = new Map<string, Session>();
  readonly #onlineIds = new IdRing();
  readonly #byId = new Map<string, KnownMember>();
  readonly #byIp = new Map<number, KnownMember>();
  /** Names are not unique. */
  readonly #byName = new Map<string, Set<string>>();
  readonly #ids = new IdRing();

  constructor(id: string, slot: number, site?: string) {
    this.id = id;
    this.slot = slot;
    this.site = site;
  }

  /** In the order of ids. A copy. */
  get members(): KnownMember[] {
    return this.#ids.list.map((id) => this.#byId.get(id) as KnownMember);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Connected members, by id. */
  get online(): ReadonlyMap<string, Session> {
    return this.#online;
  }

  member(id: string): KnownMember | undefined {
    return this.#byId.get(id);
  }

  /** The member that holds an address. */
  holder(ip: number): KnownMember | undefined {
    return this.#byIp.get(ip);
  }

  /** A member is connected, by this session from now on. */
  arrive(id: string, session: Session): void {
    this.#online.set(id, session);
    this.#onlineIds.add(id);
  }

  leave(id: string): void {
    this.#online.delete(id);
    this.#onlineIds.delete(id);
  }

  /** The connected member at or clockwise after `target`, other than `except`. O(log N), as the next. */
  closest(target: string, except?: string): string | undefined {
    return this.#onlineIds.closest(target, except);
  }

  /** The `count` nearest connected members on each side of `id`, itself left out. */
  neighbours(id: string, count: number): string[] {
    return this.#onlineIds.neighbours(id, count);
  }

  /** Up to `count` connected members, drawn at random. */
  some(count: number, unit: () => number): string[] {
    return this.#onlineIds.some(count, unit);
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

  /** Members by MAC address, 12 hexadecimal characters. `macOf` overwrote two bits of the id, so all four are tried. */
  findMac(mac: string, limit: number): string[] {
    const first = parseInt(mac.slice(0, 2), 16);
    if ((first & 3) !== 2) return [];
    return [0, 1, 2, 3]
      .flatMap((bits) => {
        const octet = ((first & 0xfc) | bits).toString(16).padStart(2, '0');
        return this.#ids.startingWith(octet + mac.slice(2), limit);
      })
      .slice(0, limit);
  }

  /** Adds a member, or replaces what was known of it; its old address and name are free then. */
  put(member: KnownMember): void {
    this.#unlink(member.id);
    this.#ids.add(member.id);
    this.#byId.set(member.id, member);
    this.#byIp.set(member.ip, member);
    const named = this.#byName.get(member.name);
    if (named) named.add(member.id);
    else this.#byName.set(member.name, new Set([member.id]));
  }

  delete(id: string): void {
    this.#unlink(id);
    this.#ids.delete(id);
    this.#byId.delete(id);
  }

  count(line: Omit<ReceiptLine, 'network'>): void {
    let uses = this.invites.get(line.invite);
    if (!uses) this.invites.set(line.invite, (uses = { notAfter: line.notAfter, nodes: new Map() }));
    if (!uses.nodes.has(line.node)) uses.nodes.set(line.node, line.time);
  }

  /** Forgets members and invites that mean nothing any more. */
  prune(dateMs: number): void {
    for (const member of this.members) {
      const gone = dateMs - member.lastSeen > forgetMs || member.notAfter <= dateMs;
      if (gone && !this.online.has(member.id)) this.delete(member.id);
    }
    // No use of an expired invite is counted any more, but a node that lost its receipt may still ask for it again.
    for (const [key, uses] of this.invites) if (dateMs - uses.notAfter > forgetMs) this.invites.delete(key);
  }

  /** Forgets address and name of a member. */
  #unlink(id: string): void {
    const member = this.#byId.get(id);
    if (!member) return;
    if (this.#byIp.get(member.ip) === member) this.#byIp.delete(member.ip);
    const named = this.#byName.get(member.name);
    if (named?.delete(id) && named.size === 0) this.#byName.delete(member.name);
  }
}

export class Registry {
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #free: number[] = [];
  /** Networks first seen from each site. */
  readonly #perSite = new Map<string, number>();

  get networks(): Iterable<NetworkRecord> {
    return this.#networks.values();
  }

  get size(): number {
    return this.#networks.size;
  }

  network(id: string): NetworkRecord | undefined {
    return this.#networks.get(id);
  }

  /** Networks that were first seen from a site. */
  countFrom(site: string): number {
    return this.#perSite.get(site) ?? 0;
  }

  /** The record of a network, made when there is none. */
  ensure(id: string, site?: string): NetworkRecord {
    let record = this.#networks.get(id);
    if (!record) {
      record = new NetworkRecord(id, this.#free.pop() ?? this.#networks.size, site);
      this.#networks.set(id, record);
      if (site !== undefined) this.#perSite.set(site, this.countFrom(site) + 1);
    }
    return record;
  }

  /** Members that are known, in all networks. */
  get memberCount(): number {
    let count = 0;
    for (const record of this.#networks.values()) count += record.size;
    return count;
  }

  /** Forgets what is old. True when something was. */
  prune(dateMs: number): boolean {
    let changed = false;
    for (const record of this.#networks.values()) {
      const before = record.size + record.invites.size;
      record.prune(dateMs);
      changed ||= record.size + record.invites.size !== before;
      if (record.size === 0 && record.invites.size === 0 && record.online.size === 0) {
        this.#forget(record);
        changed = true;
      }
    }
    return changed;
  }

  #forget({ id, slot, site }: NetworkRecord): void {
    this.#networks.delete(id);
    this.#free.push(slot);
    if (site === undefined) return;
    const left = this.countFrom(site) - 1;
    if (left > 0) this.#perSite.set(site, left);
    else this.#perSite.delete(site);
  }

  restore(state: RelayState, journal: readonly ReceiptLine[]): void {
    for (const network of state.networks) {
      const record = this.ensure(network.id);
      for (const { credential, lastSeen } of network.members) {
        const member = memberFrom(fromBase64Url(credential), lastSeen);
        if (member) record.put(member);
      }
      for (const invite of network.invites) {
        record.invites.set(invite.key, {
          notAfter: invite.notAfter,
          nodes: new Map(Object.entries(invite.nodes)),
        });
      }
    }
    for (const line of journal) this.ensure(line.network).count(line);
  }

  snapshot(): RelayState {
    return {
      version: 1,
      networks: [...this.#networks.values()].map((record) => ({
        id: record.id,
        members: record.members.map(({ credential, lastSeen }) => ({
          credential: toBase64Url(credential),
          lastSeen,
        })),
        invites: [...record.invites].map(([key, { notAfter, nodes }]) => ({
          key,
          notAfter,
          nodes: Object.fromEntries(nodes),
        })),
      })),
    };
  }
}

/** A member from a credential that was verified before it was stored. */
function memberFrom(credential: Uint8Array | undefined, lastSeen: number): KnownMember | undefined {
  const parts = credential && parseCredential(credential);
  const certificate = parts && parseCertificate(parts.certificate);
  if (!credential || !certificate) return undefined;
  const { name, ip, notBefore: signedAt, notAfter } = certificate;
  return {
    id: nodeIdText(nodeIdOf(certificate.nodeKey)),
    name,
    ip,
    signedAt,
    notAfter,
    credential,
    lastSeen,
  };
}

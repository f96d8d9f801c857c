/**
 * Who belongs to which network, as far as this relay has seen: members (connected or not), the addresses they hold,
 * and the uses of invites. Members are kept in the order of their ids, which is the order of the ring.
 *
 * It verifies nothing (admission.ts does) and does no I/O (store.ts does).
 */
import { parseCertificate, parseCredential } from '../core/identity/certificate.js';
import { nodeIdOf, nodeIdText } from '../core/identity/node-id.js';
import { fromBase64Url, toBase64Url } from '../core/lib/bytes.js';
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
  /** Connected members, by id. */
  readonly online = new Map<string, Session>();
  /** Public key of the invite, hexadecimal → its uses. */
  readonly invites = new Map<string, InviteUses>();
  readonly #byId = new Map<string, KnownMember>();
  readonly #byIp = new Map<number, KnownMember>();
  /** In the order of ids. */
  readonly #sorted: KnownMember[] = [];

  constructor(id: string, slot: number) {
    this.id = id;
    this.slot = slot;
  }

  get members(): readonly KnownMember[] {
    return this.#sorted;
  }

  get size(): number {
    return this.#sorted.length;
  }

  member(id: string): KnownMember | undefined {
    return this.#byId.get(id);
  }

  /** The member that holds an address. */
  holder(ip: number): KnownMember | undefined {
    return this.#byIp.get(ip);
  }

  /** Adds a member, or replaces what was known of it; its old address is free then. */
  put(member: KnownMember): void {
    const before = this.#byId.get(member.id);
    const at = this.#position(member.id);
    this.#sorted.splice(at, before ? 1 : 0, member);
    if (before && this.#byIp.get(before.ip) === before) this.#byIp.delete(before.ip);
    this.#byId.set(member.id, member);
    this.#byIp.set(member.ip, member);
  }

  delete(id: string): void {
    const member = this.#byId.get(id);
    if (!member) return;
    this.#sorted.splice(this.#position(id), 1);
    this.#byId.delete(id);
    if (this.#byIp.get(member.ip) === member) this.#byIp.delete(member.ip);
  }

  count(line: Omit<ReceiptLine, 'network'>): void {
    let uses = this.invites.get(line.invite);
    if (!uses) this.invites.set(line.invite, (uses = { notAfter: line.notAfter, nodes: new Map() }));
    if (!uses.nodes.has(line.node)) uses.nodes.set(line.node, line.time);
  }

  /** Forgets members and invites that mean nothing any more. */
  prune(dateMs: number): void {
    for (const member of [...this.#sorted]) {
      const gone = dateMs - member.lastSeen > forgetMs || member.notAfter <= dateMs;
      if (gone && !this.online.has(member.id)) this.delete(member.id);
    }
    // No use of an expired invite is counted any more, but a node that lost its receipt may still ask for it again.
    for (const [key, uses] of this.invites) if (dateMs - uses.notAfter > forgetMs) this.invites.delete(key);
  }

  /** Index of the first member whose id is not below `id`. */
  #position(id: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as KnownMember).id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class Registry {
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #free: number[] = [];

  get networks(): Iterable<NetworkRecord> {
    return this.#networks.values();
  }

  get size(): number {
    return this.#networks.size;
  }

  network(id: string): NetworkRecord | undefined {
    return this.#networks.get(id);
  }

  /** The record of a network, made when there is none. */
  ensure(id: string): NetworkRecord {
    let record = this.#networks.get(id);
    if (!record) {
      record = new NetworkRecord(id, this.#free.pop() ?? this.#networks.size);
      this.#networks.set(id, record);
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
        this.#networks.delete(record.id);
        this.#free.push(record.slot);
        changed = true;
      }
    }
    return changed;
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

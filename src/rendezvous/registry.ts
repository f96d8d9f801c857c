/**
 * The networks that this relay knows, and the relay invites that brought them. It verifies nothing (admission.ts does)
 * and does no I/O (state-log.ts does).
 */
import { NetworkRecord, type Totals } from './network-record.js';
import type { Presence } from './presence.js';

/** A relay invite, as far as this relay knows it: the secret itself is kept nowhere. */
export interface KnownTicket {
  readonly notAfter: number;
  /** Networks that came by it. */
  readonly networks: Set<string>;
  /** When it was made, and for how many networks; undefined for one of before that was written down. */
  made: { readonly at: number; readonly uses: number } | undefined;
  revoked: boolean;
}

export class Registry {
  /** What all networks take. Written by the records. */
  readonly totals: Totals = { members: 0, bytes: 0 };
  /** By the relay invite's id, hexadecimal. */
  readonly tickets = new Map<string, KnownTicket>();
  /** The relay belongs to somebody: no network claims it any more. */
  claimed = false;
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #free: number[] = [];
  #slots = 0;
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
      record = new NetworkRecord(id, this.#free.pop() ?? this.#slots++, site, this.totals);
      this.#networks.set(id, record);
      if (site !== undefined) this.#perSite.set(site, this.countFrom(site) + 1);
    }
    return record;
  }

  /** Members that are known, in all networks. */
  get memberCount(): number {
    return this.totals.members;
  }

  /** Forgets passing members that went. True when there were any. */
  pruneEphemeral(dateMs: number, presence: Pick<Presence, 'of'>): boolean {
    let changed = false;
    for (const record of this.#networks.values()) {
      const online = presence.of(record.id);
      if (record.pruneEphemeral(dateMs, (id) => online.has(id))) changed = true;
    }
    return changed;
  }

  /** Counts a network as brought by a relay invite. */
  useTicket(ticket: string, notAfter: number, network: string): void {
    this.ticket(ticket, notAfter).networks.add(network);
  }

  /** What is known of a relay invite; noted when nothing was. */
  ticket(id: string, notAfter: number): KnownTicket {
    let known = this.tickets.get(id);
    if (!known) {
      known = { notAfter, networks: new Set(), made: undefined, revoked: false };
      this.tickets.set(id, known);
    }
    return known;
  }

  /**
   * Forgets what is old. Between the steps, one a network, others may have their turn.
   *
   * @returns each step, whether something was forgotten
   */
  *pruning(dateMs: number, presence: Pick<Presence, 'of'>): Generator<boolean> {
    for (const [id, { notAfter }] of this.tickets) if (notAfter < dateMs) this.tickets.delete(id);
    for (const record of this.#networks.values()) {
      const before = record.size + record.invites.size;
      const online = presence.of(record.id);
      record.prune(dateMs, (id) => online.has(id));
      let changed = record.size + record.invites.size !== before;
      // One that was admitted stays: its owner may have put the machines away for a year.
      const empty = record.size === 0 && record.invites.size === 0 && online.size === 0;
      if (empty && !record.admission) {
        this.#delete(record);
        this.#free.push(record.slot);
        changed = true;
      }
      yield changed;
    }
  }

  /** The same at one go. True when something was forgotten. */
  prune(dateMs: number, presence: Pick<Presence, 'of'>): boolean {
    let any = false;
    for (const changed of this.pruning(dateMs, presence)) any ||= changed;
    return any;
  }

  /**
   * Forgets a network. Its number is not given to another: packets of its members may still be on their way.
   *
   * @param refund as if it had never come: the relay invite that brought it counts as not used, its claim is free
   */
  forget(record: NetworkRecord, refund: boolean): void {
    if (this.#networks.get(record.id) === record) this.#delete(record);
    if (refund && record.admission?.by === 'claim') this.claimed = false;
    if (refund) for (const { networks } of this.tickets.values()) networks.delete(record.id);
  }

  #delete(record: NetworkRecord): void {
    const { id, site } = record;
    this.#networks.delete(id);
    record.dropped();
    if (site === undefined) return;
    const left = this.countFrom(site) - 1;
    if (left > 0) this.#perSite.set(site, left);
    else this.#perSite.delete(site);
  }
}

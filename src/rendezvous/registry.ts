/**
 * The networks that this relay knows. It verifies nothing (admission.ts does) and does no I/O (store.ts does).
 */
import { NetworkRecord } from './network-record.js';
import type { Presence } from './presence.js';

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
  prune(dateMs: number, presence: Pick<Presence, 'of'>): boolean {
    let changed = false;
    for (const record of this.#networks.values()) {
      const before = record.size + record.invites.size;
      const online = presence.of(record.id);
      record.prune(dateMs, (id) => online.has(id));
      changed ||= record.size + record.invites.size !== before;
      if (record.size === 0 && record.invites.size === 0 && online.size === 0) {
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
}

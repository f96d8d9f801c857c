/**
 * Which multicast groups the own host wants, from the reports that it sends into the interface (RFC 4541).
 *
 * Kept by address, because two groups may share a MAC and one of them may be left. A host that leaves says so, and its
 * word goes over no wire; so a group is dropped for silence only when the host is known to answer queries (a firewall
 * may keep them from it), and has answered without naming the group.
 */
import { keyOfAddress, readReport, type ReportSink } from '../wire/membership.js';

/** RFC 3376 section 8.4: robustness 2, query interval 125 s, response interval 10 s. */
export const membershipMs = 260_000;
/** Groups kept; a host that wants more wants everything. */
export const localGroupLimit = 256;

interface Membership {
  readonly key: number;
  readonly v6: boolean;
  seen: number;
}

export class LocalGroups implements ReportSink {
  readonly #groups = new Map<string, Membership>();
  /** How many of the groups have this key. */
  readonly #keys = new Map<number, number>();
  #now = 0;
  /** When the host last answered for IPv4 and for IPv6. */
  #answered = [-Infinity, -Infinity];
  #crowdedAt = -Infinity;
  /** Something that `keys` or `crowded` give is new since this was last set to false. */
  changed = false;
  /** When a pod behind this host reported last. */
  #podAt = -Infinity;

  /** Takes in the frame at `at` that the host sent, or a pod behind it, if it is a report. */
  listen(view: DataView, at: number, length: number, now: number, pod = false): void {
    this.#now = now;
    if (pod) this.#podAt = now;
    if (!readReport(view, at, length, this)) return;
    this.#answered[view.getUint16(at + 12) === 0x86dd ? 1 : 0] = now;
  }

  /** For `readReport`. */
  joined(view: DataView, at: number, v6: boolean): void {
    const key = keyOfAddress(view, at, v6);
    if (key === 0) return;
    const name = nameOf(view, at, v6);
    const known = this.#groups.get(name);
    if (known) {
      known.seen = this.#now;
    } else if (this.#groups.size >= localGroupLimit) {
      if (!this.crowded) this.changed = true;
      this.#crowdedAt = this.#now;
    } else {
      this.#groups.set(name, { key, v6, seen: this.#now });
      const same = this.#keys.get(key) ?? 0;
      this.#keys.set(key, same + 1);
      if (same === 0) this.changed = true;
    }
  }

  /** For `readReport`. */
  left(view: DataView, at: number, v6: boolean): void {
    // Of several hosts another may still want it: it is dropped for silence, as on a wire.
    if (this.#now - this.#podAt < membershipMs) return;
    const name = nameOf(view, at, v6);
    const known = this.#groups.get(name);
    if (known) this.#remove(name, known);
  }

  #remove(name: string, membership: Membership): void {
    this.#groups.delete(name);
    const same = this.#keys.get(membership.key) ?? 0;
    if (same > 1) {
      this.#keys.set(membership.key, same - 1);
    } else {
      this.#keys.delete(membership.key);
      this.changed = true;
    }
  }

  /** Drops what the host has stopped to name. */
  expire(now: number): void {
    for (const [name, membership] of this.#groups) {
      const answered = this.#answered[membership.v6 ? 1 : 0] as number;
      if (now - membership.seen > membershipMs && answered > membership.seen) this.#remove(name, membership);
    }
    if (this.crowded && now - this.#crowdedAt > membershipMs) {
      this.#crowdedAt = -Infinity;
      this.changed = true;
    }
  }

  /** The host wants more groups than are kept. */
  get crowded(): boolean {
    return this.#crowdedAt !== -Infinity;
  }

  has(key: number): boolean {
    return this.#keys.has(key);
  }

  /** Keys of the groups, in no order. */
  keys(): Iterable<number> {
    return this.#keys.keys();
  }
}

function nameOf(view: DataView, at: number, v6: boolean): string {
  if (!v6) return String(view.getUint32(at));
  return [0, 4, 8, 12].map((i) => view.getUint32(at + i).toString(16)).join(':');
}

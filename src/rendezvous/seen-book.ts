/** When members were last seen, as far as it is written down: it counts in months, so a line a day is enough. */
import type { Admission } from './admission.js';
import type { LocalMember } from './local-network.js';
import type { KnownMember, NetworkRecord } from './network-record.js';
import { memberLineOf } from './registry-state.js';
import type { StateLine } from './state-lines.js';

/** Of one member at most so often, ms. */
const seenMs = 86_400_000;

export class SeenBook {
  /** When each member was last written down as seen, date. */
  readonly #writtenAt = new WeakMap<KnownMember, number>();

  /** What a registration adds to the state: nothing, when everything is known since today. */
  linesFor({ record, known, news, owed }: Extract<Admission, { ok: true }>): StateLine[] {
    const { id: network } = record;
    const writtenAt = this.#writtenAt.get(known);
    if (news) {
      this.#writtenAt.set(known, known.lastSeen);
      return [...owed, memberLineOf(network, known)];
    }
    if (writtenAt !== undefined && known.lastSeen - writtenAt < seenMs) return [...owed];
    this.#writtenAt.set(known, known.lastSeen);
    return [...owed, { kind: 'seen', network, id: known.id, lastSeen: known.lastSeen }];
  }

  /** Who of a network is here, as far as it was not written down today. */
  linesOf(record: NetworkRecord, here: ReadonlyMap<string, LocalMember>, dateMs: number): StateLine[] {
    const lines: StateLine[] = [];
    for (const member of here.keys()) {
      const known = record.member(member);
      if (!known) continue;
      known.lastSeen = dateMs;
      if (dateMs - (this.#writtenAt.get(known) ?? 0) < seenMs) continue;
      this.#writtenAt.set(known, dateMs);
      lines.push({ kind: 'seen', network: record.id, id: known.id, lastSeen: dateMs });
    }
    return lines;
  }
}

/** Members that joined by an invite for passing ones (CI jobs) are forgotten some minutes after they went. */
import type { Clock } from '../lib/env.js';
import type { Peer } from '../peer/peer.js';
import type { Timed } from './pulse.js';

/** As long as relays keep them, ms. */
export const passingForgetMs = 5 * 60_000;
/** How often they are looked at, while there are any, ms. */
const lookMs = 30_000;

export interface PassingMembersParts {
  readonly clock: Clock;
  readonly peers: () => readonly Peer[];
  /** A relay says that the member is connected. */
  readonly isOnline: (idText: string) => boolean;
  readonly forget: (idText: string) => void;
}

export class PassingMembers implements Timed {
  readonly #parts: PassingMembersParts;
  /** Since when each is not here, ms of the clock. */
  readonly #awaySince = new Map<string, number>();
  #dueAt = Infinity;

  constructor(parts: PassingMembersParts) {
    this.#parts = parts;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  /** A member is new, or has another certificate. */
  changed(ephemeral: boolean): void {
    if (ephemeral && this.#dueAt === Infinity) this.#dueAt = this.#parts.clock.now() + lookMs;
  }

  tick(now: number): void {
    const { peers, isOnline, forget } = this.#parts;
    const passing = peers().filter(({ member }) => member.ephemeral);
    const ids = new Set(passing.map(({ member }) => member.idText));
    for (const id of this.#awaySince.keys()) if (!ids.has(id)) this.#awaySince.delete(id);
    this.#dueAt = passing.length === 0 ? Infinity : now + lookMs;
    for (const { member, session } of passing) {
      const { idText } = member;
      if (session.established || isOnline(idText)) {
        this.#awaySince.delete(idText);
        continue;
      }
      const since = this.#awaySince.get(idText) ?? now;
      this.#awaySince.set(idText, since);
      if (now - since < passingForgetMs) continue;
      this.#awaySince.delete(idText);
      forget(idText);
    }
  }
}

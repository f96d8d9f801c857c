/**
 * What this node shows of itself to other members that ask: with whom it has sessions and how packets go, and what was
 * decided about one of them. Whom it answers its operator says (`--tell`); whoever may not see it is told so. Nobody is
 * answered more often than `everyMs`, so that an answer, which is longer than its question, is nobody's tool.
 */
import { Right } from '../identity/invite.js';
import { toHex } from '../lib/bytes.js';
import type { Clock } from '../lib/env.js';
import { Paced } from '../lib/paced.js';
import type { Standing } from '../ledger/standing.js';
import type { Member } from '../identity/certificate.js';
import type { Audience } from './audience.js';
import type { WhyEntry } from '../path/why.js';
import { encodeView, type SeenLink, type ViewMessage } from '../wire/views.js';

/** One member is answered one question of each kind in this time, ms. */
export const everyMs = 1_000;

export interface ShownParts {
  readonly clock: Clock;
  readonly audience: Audience;
  readonly standing: () => Standing;
  /** What there is to show: peers with a session. */
  readonly links: () => readonly SeenLink[];
  /** Undefined: no such member is known here. */
  readonly decisions: (id: string) => readonly WhyEntry[] | undefined;
}

export class Shown {
  readonly #parts: ShownParts;
  readonly #answered = new Paced(everyMs);

  constructor(parts: ShownParts) {
    this.#parts = parts;
  }

  /**
   * @param asker whom the session proves to be who asks
   * @returns the answer, encoded; 'over-limit' where it asks too often; undefined: it is no question
   */
  asked(now: number, asker: Member, message: ViewMessage): Uint8Array | 'over-limit' | undefined {
    const { type, request } = message;
    if (type !== 'look' && type !== 'recall') return undefined;
    if (!this.#answered.due(`${type} ${asker.idText}`, now)) return 'over-limit';
    const may = this.#maySee(asker);
    if (type === 'look') {
      const links = may ? [...this.#parts.links()].sort(moreTelling) : [];
      const verdict = may ? 'shown' : 'refused';
      return encodeView({ type: 'seen', request, verdict, of: links.length, links });
    }
    const entries = may ? this.#parts.decisions(message.id) : [];
    const verdict = !may ? 'refused' : entries ? 'shown' : 'unknown';
    const date = this.#parts.clock.date();
    const lines = (entries ?? []).map(({ date: at, event, detail }) => ({
      ageS: Math.max(0, (date - at) / 1000),
      event,
      detail,
    }));
    return encodeView({ type: 'recalled', request, verdict, lines });
  }

  /** The first machine of a network is an admin before the ledger says anything. */
  #maySee({ key, rights, inviteId }: Member): boolean {
    const { audience } = this.#parts;
    if (audience !== 'admins') return audience === 'members';
    const standing = this.#parts.standing();
    if (standing.author(toHex(key))) return standing.maySign(key);
    return (rights & Right.admin) !== 0 && inviteId === '';
  }
}

/** Links of the ring first, then where most passes: the end of a long list is left out. */
function moreTelling(a: SeenLink, b: SeenLink): number {
  return Number(b.role !== 'none') - Number(a.role !== 'none') || b.bytes - a.bytes;
}

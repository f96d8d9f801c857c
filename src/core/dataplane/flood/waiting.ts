/**
 * Floods whose origin is not known here, so that nobody can tell whether they are its: they wait a moment while the link
 * that brought them is asked who that is. A link that passes a flood on knows, for it has verified it. Few wait for each
 * link, so that no member can fill the room with origins that it makes up.
 */
import { nodeIdLength } from '../../wire/packet.js';

/** How long they wait, how many, and how many of one link. */
export const waitMs = 3_000;
const limit = 256;
const linkLimit = 32;

export interface WaitingFlood {
  /** Slot of the link, and its id: the slot may be another's when the flood is taken up. */
  readonly slot: number;
  readonly link: Uint8Array;
  readonly origin: Uint8Array;
  /** It came by a direct path. */
  readonly direct: boolean;
  /** From ttl on. */
  readonly bytes: Uint8Array;
  readonly at: number;
}

export class WaitingFloods {
  /** In order of time. */
  #floods: WaitingFlood[] = [];
  /** Floods that waited in vain, to be counted and set back by the owner. */
  lost = 0;

  /** Keeps it. 0: there is no room; 1: kept; 2: kept, and the link is to be asked for this origin. */
  keep(flood: WaitingFlood): 0 | 1 | 2 {
    this.#forgetOld(flood.at);
    let ofLink = 0;
    let asked = false;
    for (const held of this.#floods) {
      if (held.slot !== flood.slot) continue;
      ofLink++;
      asked ||= sameId(held.origin, flood.origin);
    }
    if (ofLink >= linkLimit || this.#floods.length >= limit) return 0;
    this.#floods.push(flood);
    return asked ? 1 : 2;
  }

  /** Takes what waited for this member. */
  take(origin: Uint8Array, now: number): WaitingFlood[] {
    if (this.#floods.length === 0) return [];
    this.#forgetOld(now);
    const taken = this.#floods.filter((held) => sameId(held.origin, origin));
    if (taken.length > 0) this.#floods = this.#floods.filter((held) => !taken.includes(held));
    return taken;
  }

  #forgetOld(now: number): void {
    const first = this.#floods[0];
    if (first === undefined || now - first.at < waitMs) return;
    const kept = this.#floods.filter((held) => now - held.at < waitMs);
    this.lost += this.#floods.length - kept.length;
    this.#floods = kept;
  }
}

function sameId(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < nodeIdLength; i++) if (a[i] !== b[i]) return false;
  return true;
}

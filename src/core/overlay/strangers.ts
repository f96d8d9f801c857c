/**
 * Origins of floods that nobody here knows, in a network of which this node knows a part: the link that passed the flood on
 * is asked, because it has verified it.
 *
 *   we ── whose id ──▶ link
 *   we ◀── vouch id, credential ── link
 *
 * So the credential of a member travels along the way of its first broadcast, one question for each node that does not know
 * it. A credential proves itself; one that nobody asked for is not looked at. A link gets so many answers, and so many
 * questions of it are open at a time.
 */
import { SourceLimiter } from '../lib/source-limiter.js';
import { toHex } from '../lib/bytes.js';
import type { LinkPeer, OverlayHostPorts } from './ports.js';

/** Answers that one link gets: at once, and a second from then on. */
export const vouchesAtOnce = 128;
export const vouchesPerS = 32;
/** How long a question is open: as long as the floods wait that made us ask. */
export const openMs = 3_000;
/** Questions that are open at a time. */
const openLimit = 512;
const budgetLimit = 4_096;

export type StrangerPorts = Pick<OverlayHostPorts, 'members' | 'send' | 'credential' | 'self' | 'refused'>;

export class Strangers {
  readonly #ports: StrangerPorts;
  /** Until when, by link and id, in order of time. */
  readonly #open = new Map<string, number>();
  readonly #budgets = new SourceLimiter(vouchesPerS, vouchesAtOnce, budgetLimit);

  constructor(ports: StrangerPorts) {
    this.#ports = ports;
  }

  /** Questions that are open, or were of late. */
  get open(): number {
    return this.#open.size;
  }

  /** `link` passed on what a member with this id is said to have begun. */
  met(now: number, link: LinkPeer, id: Uint8Array): void {
    if (link.state !== 'connected') return;
    for (const [key, until] of this.#open) {
      if (now < until) break;
      this.#open.delete(key);
    }
    const idText = toHex(id);
    // Learned in the meantime.
    if (this.#ports.members.get(idText)) return;
    const key = keyOf(link, idText);
    if (this.#open.has(key) || this.#open.size >= openLimit) return;
    this.#open.set(key, now + openMs);
    this.#ports.send(link, { type: 'whose', id: idText });
  }

  /** `link` asks whom an id belongs to. */
  whose(now: number, link: LinkPeer, id: string): void {
    const { members, self, send, credential } = this.#ports;
    const known = id === self.idText ? credential() : members.get(id)?.member.credential;
    if (!known) return;
    if (this.#budgets.take(link.member.idText, now)) send(link, { type: 'vouch', id, credential: known });
    else this.#ports.refused?.(link.member.idText, 'over-limit');
  }

  /** `link` says whose credential it is: as a member it is known from here on. */
  vouch(now: number, link: LinkPeer, id: string, credential: Uint8Array): void {
    const key = keyOf(link, id);
    const open = (this.#open.get(key) ?? now) > now;
    this.#open.delete(key);
    const { idText } = link.member;
    if (open) this.#ports.members.take(credential, idText);
    else this.#ports.refused?.(idText, 'unasked');
  }
}

function keyOf(link: LinkPeer, id: string): string {
  return `${link.member.idText} ${id}`;
}

/**
 * Who joined by a token with the right `admin` is named an admin in the ledger as soon as somebody sees it who may: the
 * one who made the token at once, others of its rank or below after a while, lest all say the same. Nobody above does, for
 * who is named stands one below who names it: the joiner is never above who invited it.
 */
import { parseCredential, type Member } from '../identity/certificate.js';
import { parseInvite, Right } from '../identity/invite.js';
import type { Env } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { equalBytes, toHex } from '../lib/bytes.js';
import type { Standing } from '../ledger/standing.js';
import type { WrittenOrder } from '../membership/orders.js';
import type { Peers } from '../peer/peers.js';
import type { Timed } from './pulse.js';

/** How long an admin waits for who made the token, ms: from once to twice that. */
const patienceMs = 4_000;
/** After what failed, ms. */
const againMs = 60_000;

export interface NewAdminsParts {
  readonly env: Env;
  /** Node key of this machine. */
  readonly nodeKey: Uint8Array;
  /** Root key that counts, where its secret is here. */
  readonly rootHere: () => Uint8Array | undefined;
  /** The network's first root key: of invites that name no issuer. */
  readonly networkKey: Uint8Array;
  readonly standing: () => Standing;
  readonly members: Peers;
  readonly amend: (order: WrittenOrder) => Promise<unknown>;
}

export class NewAdmins implements Timed {
  readonly #parts: NewAdminsParts;
  /** When each is to be named, by node id. */
  readonly #due = new Map<string, number>();

  constructor(parts: NewAdminsParts) {
    this.#parts = parts;
  }

  get dueAt(): number {
    let first = Infinity;
    for (const at of this.#due.values()) first = Math.min(first, at);
    return first;
  }

  /** A member is new, or has another certificate. */
  changed(now: number, member: Member): void {
    const { idText } = member;
    if (this.#due.has(idText) || !this.#mayName(member)) return;
    const { env } = this.#parts;
    const waitMs = this.#isOurs(issuerOf(member)) ? 0 : Math.ceil(patienceMs * (1 + env.random.unit()));
    this.#due.set(idText, now + waitMs);
  }

  /** The ledger says something else: who made a token may be an admin now, or this machine. */
  settle(now: number): void {
    const { members, standing, nodeKey, rootHere } = this.#parts;
    if (!rootHere() && !standing().maySign(nodeKey)) return;
    for (const { member } of members.all()) this.changed(now, member);
  }

  tick(now: number): void {
    const { amend, members, env } = this.#parts;
    for (const [idText, at] of this.#due) {
      if (now < at) continue;
      this.#due.delete(idText);
      const member = members.get(idText)?.member;
      if (!member || !this.#mayName(member)) continue;
      env.log.info('a member is an admin by its token', { peer: member.name });
      amend({ do: 'admin-add', peer: idText }).catch((thrown: unknown) => {
        env.log.warn('a new admin could not be named', { peer: member.name, reason: messageOf(thrown) });
        this.#due.set(idText, env.clock.now() + againMs);
      });
    }
  }

  /** It came by such a token, nobody named it before, and it would not stand above who invited it. */
  #mayName(member: Member): boolean {
    if ((member.rights & Right.admin) === 0 || member.inviteId === '') return false;
    const { standing, nodeKey, rootHere, networkKey } = this.#parts;
    const now = standing();
    if (now.author(toHex(member.key)) || now.isBarred(member.idText)) return false;
    const key = issuerOf(member) ?? networkKey;
    const issuer = now.author(toHex(key));
    // Of a root that was replaced the new one speaks.
    const speaks = issuer && (issuer.rank === 0 || now.maySign(key));
    if (!speaks) return false;
    const own = now.maySign(nodeKey) ? (now.author(toHex(nodeKey))?.rank ?? Infinity) : Infinity;
    const rank = own === Infinity && rootHere() ? 0 : own;
    return rank !== Infinity && rank >= issuer.rank;
  }

  #isOurs(issuer: Uint8Array | undefined): boolean {
    const { nodeKey, rootHere, networkKey } = this.#parts;
    const root = rootHere();
    const key = issuer ?? networkKey;
    return equalBytes(key, nodeKey) || (root !== undefined && equalBytes(key, root));
  }
}

function issuerOf({ credential }: Member): Uint8Array | undefined {
  const parts = parseCredential(credential);
  return parts && parseInvite(parts.invite)?.issuer;
}

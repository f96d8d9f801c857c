/**
 * Who waits until admins let it in, as this node hears of it: from relays, which tell admins, and, where it comes by itself,
 * from its handshakes. What is told is verified, so a relay can invent nobody, and hide somebody. Only admins keep any.
 */
import { parseCredential, verifyCredential, type Member } from '../identity/certificate.js';
import { Right, parseInvite } from '../identity/invite.js';
import type { NetworkFacts } from '../identity/network.js';
import type { Clock, Logger } from '../lib/env.js';
import { equalBytes } from '../lib/bytes.js';
import { formatIpv4 } from '../lib/ipv4.js';
import { TokenBucket } from '../lib/token-bucket.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Self } from '../membership/self.js';
import { successionIn } from '../membership/succeed.js';
import { maxApplicants } from '../wire/signal.js';
import type { NodeEvent } from './events.js';
import type { ApplicantReport } from './reports.js';

/** Who came by itself and was not heard of for so long is gone, ms. It tries again and again. */
const directMs = 120_000;
/** Of those, by one invite: whoever has stolen one token keeps nobody else out. */
const directPerInvite = maxApplicants / 2;
/** Who is told by an event, at once and a second: the others are listed only. */
const toldAtOnce = maxApplicants;
const toldPerS = 0.2;

export interface ApplicantsParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly network: NetworkFacts;
  readonly networkId: string;
  readonly self: Self;
  readonly ledger: Ledger;
  readonly tell: (event: NodeEvent) => void;
  /** Others wait than before. */
  readonly changed: () => void;
}

export class Applicants {
  readonly #parts: ApplicantsParts;
  /** By relay. */
  readonly #told = new Map<string, readonly Member[]>();
  /** Who came by itself, by id. */
  readonly #direct = new Map<string, { readonly member: Member; readonly at: number }>();
  /** Since when each waits, date; of those who do now. */
  readonly #since = new Map<string, number>();
  readonly #bucket: TokenBucket;

  constructor(parts: ApplicantsParts) {
    this.#parts = parts;
    this.#bucket = new TokenBucket(toldPerS, toldAtOnce, parts.clock.now());
  }

  /** A relay tells who waits there now. */
  relay(url: string, credentials: readonly Uint8Array[]): void {
    if (!this.#isAdmin) return;
    const members = credentials.slice(0, maxApplicants).flatMap((bytes) => this.#waiting(bytes) ?? []);
    this.#told.set(url, members);
    this.#settle();
  }

  /** Somebody who owns its key shook hands, and may not in yet. */
  came(member: Member): void {
    if (!this.#isAdmin) return;
    const now = this.#parts.clock.now();
    this.#forget(now);
    const before = this.#direct.get(member.idText);
    // Nobody is put out for another.
    if (!before && !this.#hasRoom(member)) return;
    this.#direct.set(member.idText, { member, at: now });
    // Who only tries again costs no look at all of them.
    if (!before || !equalBytes(before.member.credential, member.credential)) this.#settle();
  }

  /** Who waits, longest first. */
  members(): Member[] {
    this.#forget(this.#parts.clock.now());
    const all = new Map<string, Member>();
    for (const members of this.#told.values()) for (const member of members) all.set(member.idText, member);
    for (const { member } of this.#direct.values()) all.set(member.idText, member);
    // Since they were told it may have been spoken.
    return [...all.values()]
      .filter(({ credential }) => this.#waiting(credential) !== undefined)
      .sort((a, b) => (this.#since.get(a.idText) ?? 0) - (this.#since.get(b.idText) ?? 0));
  }

  report(): ApplicantReport[] {
    const { ledger, clock } = this.#parts;
    const { standing } = ledger;
    return this.members().map((member) => {
      const { idText, name, ip, inviteId, tags } = member;
      return {
        id: idText,
        name,
        ip: formatIpv4(ip),
        invite: inviteId,
        tags: [...tags],
        since: new Date(this.#since.get(idText) ?? clock.date()).toISOString(),
        approvals: standing.approvals(idText),
        needed: Math.max(approvalsOf(member), standing.admission(idText)),
      };
    });
  }

  #settle(): void {
    const { clock, log, tell, networkId, changed } = this.#parts;
    const now = this.members();
    changed();
    const ids = new Set(now.map(({ idText }) => idText));
    for (const id of this.#since.keys()) if (!ids.has(id)) this.#since.delete(id);
    for (const member of now) {
      const { idText, name } = member;
      if (this.#since.has(idText)) continue;
      this.#since.set(idText, clock.date());
      // Who has only got another key is let in without a person.
      if (successionIn(member)) continue;
      if (!this.#bucket.take(1, clock.now())) continue;
      log.warn('waits to be let in', { peer: name, id: idText, fix: `evio approve ${name}` });
      tell({ event: 'member-waiting', network: networkId, peer: idText, name });
    }
  }

  #hasRoom({ inviteId }: Member): boolean {
    const byInvite = [...this.#direct.values()].filter(({ member }) => member.inviteId === inviteId).length;
    return this.#direct.size < maxApplicants && byInvite < directPerInvite;
  }

  #forget(now: number): void {
    for (const [id, { at }] of this.#direct) if (now - at > directMs) this.#direct.delete(id);
  }

  /** The member of a credential that lacks nothing but the word of admins. */
  #waiting(credential: Uint8Array): Member | undefined {
    const { network, ledger, clock } = this.#parts;
    const verdict = verifyCredential(credential, network, clock.date(), true, ledger.standing);
    return verdict.ok ? undefined : verdict.waiting;
  }

  get #isAdmin(): boolean {
    const { self, ledger } = this.#parts;
    const { standing } = ledger;
    if (standing.maySign(self.keys.publicKey)) return true;
    // The first machine, before the ledger says anything.
    const first = self.parts.invite.length === 0 && (self.certificate.rights & Right.admin) !== 0;
    return first && ledger.serial === 0;
  }
}

function approvalsOf({ credential }: Member): number {
  const invite = parseInvite(parseCredential(credential)?.invite ?? new Uint8Array(0));
  return invite?.approvals ?? 0;
}

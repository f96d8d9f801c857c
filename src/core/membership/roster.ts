/**
 * The members of one network that we know of: verified, newest certificate of each, and who of them has what several
 * claim. No I/O.
 */
import { foundingAuthority, type Authority } from '../identity/authority.js';
import { equalBytes } from '../lib/bytes.js';
import { addressBytes } from '../lib/endpoint.js';
import {
  isRevoked,
  isWaiting,
  ownerOf,
  parseCertificate,
  parseCredential,
  supersedes,
  verifyCredential,
  type CredentialFault,
  type Member,
} from '../identity/certificate.js';
import { compareClaims, type Claimant } from '../identity/claims.js';
import { dhPublicKey } from '../identity/keys.js';
import { isNodeName } from '../identity/names.js';
import type { NetworkFacts } from '../identity/network.js';
import { ip6Of, prefix6Of } from '../identity/inner-ipv6.js';
import { macText } from '../identity/node-id.js';
import { Holdings } from './holdings.js';

/** More members than this are not kept: a hostile relay must not fill our memory. */
export const maxMembers = 4096;
/** Members that left and are remembered, the last: who may join as often as it likes must not fill our memory by leaving. */
export const maxLeft = 16_384;
/** Members refused for their MAC that are remembered, for people to see. */
const maxTwins = 16;

export type RosterVerdict =
  | { readonly kind: 'new'; readonly member: Member; readonly displaced: Member | undefined }
  | { readonly kind: 'changed'; readonly member: Member; readonly before: Member }
  /** What we have is as good: `member` is ours. */
  | { readonly kind: 'known'; readonly member: Member }
  | {
      readonly kind: 'refused';
      readonly fault: CredentialFault | 'self' | 'full' | 'mac-taken' | 'left';
      /** Who waits for admins to let it in. */
      readonly waiting?: Member;
    };

/** Somebody claims what another has. */
export interface Conflict {
  readonly what: 'mac' | 'ip';
  readonly loser: Claimant;
  readonly holder: Claimant;
}

export class Roster {
  readonly #network: NetworkFacts;
  readonly #prefix6: Uint8Array;
  readonly #self: () => Claimant;
  readonly #limit: number;
  readonly #authority: () => Authority;
  readonly #members = new Map<string, Member>();
  /** Node id by MAC. */
  readonly #byMac = new Map<string, string>();
  /** Refused for a MAC that another has, with that other. */
  readonly #twins = new Map<string, Conflict>();
  /** Those that left for good. */
  readonly #left = new Set<string>();
  #holdings: { readonly of: Holdings; readonly self: Claimant } | undefined;

  /**
   * @param self what we claim ourselves, at this moment. `limit` is there for tests.
   * @param authority who may sign, and who is barred, at this moment. Default: the root key, and nobody
   */
  constructor(network: NetworkFacts, self: () => Claimant, limit = maxMembers, authority?: () => Authority) {
    this.#network = network;
    this.#prefix6 = prefix6Of(network.rootKey);
    this.#self = self;
    this.#limit = limit;
    const founding = foundingAuthority(network.rootKey);
    this.#authority = authority ?? (() => founding);
  }

  get size(): number {
    return this.#members.size;
  }

  get(idText: string): Member | undefined {
    return this.#members.get(idText);
  }

  all(): IterableIterator<Member> {
    return this.#members.values();
  }

  /** Takes a credential from anyone: it proves itself. */
  take(credential: Uint8Array, dateMs: number): RosterVerdict {
    const proven = this.#has(credential);
    const verdict = verifyCredential(credential, this.#network, dateMs, undefined, this.#authority(), proven);
    if (!verdict.ok) {
      const { fault, waiting } = verdict;
      return { kind: 'refused', fault, ...(waiting && isNodeName(waiting.name) && { waiting }) };
    }
    const member = verdict.member;
    // A member signs its own name, and it is shown to people.
    if (!isNodeName(member.name)) return { kind: 'refused', fault: 'malformed' };
    const self = this.#self();
    // What others still have of our key of before is no rival.
    if (member.idText === self.idText || member.idText === self.before)
      return { kind: 'refused', fault: 'self' };
    if (this.#left.has(member.idText)) return { kind: 'refused', fault: 'left' };
    const before = this.#members.get(member.idText);
    if (before && (equalBytes(before.credential, credential) || !supersedes(member, before)))
      return { kind: 'known', member: before };
    if (before) {
      this.#put(member);
      return { kind: 'changed', member, before };
    }
    // Whoever holds an invite can certify any 32 bytes; only a key that can shake hands makes a peer.
    if (!dhPublicKey(member.key)) return { kind: 'refused', fault: 'malformed' };
    const twin = this.#twinOf(member, self);
    if (twin && (twin === self || compareClaims('mac', member, twin) > 0)) {
      this.#noteTwin(member, twin);
      return { kind: 'refused', fault: 'mac-taken' };
    }
    const displaced = twin && this.remove(twin.idText);
    if (displaced) this.#noteTwin(displaced, member);
    else if (this.#members.size >= this.#limit) return { kind: 'refused', fault: 'full' };
    this.#put(member);
    return { kind: 'new', member, displaced };
  }

  /** Members that were taken and do not count any more, since the authority has changed. They are still here. */
  revoked(): Member[] {
    const authority = this.#authority();
    return [...this.#members.values()].filter(({ credential }) => {
      const parts = parseCredential(credential);
      const certificate = parts && parseCertificate(parts.certificate);
      if (!parts || !certificate || isRevoked(parts, certificate, this.#network.rootKey, authority))
        return true;
      // Who let it in was an admin no more by then, or the rule of the network is another one.
      return isWaiting(parts, certificate, authority);
    });
  }

  remove(idText: string): Member | undefined {
    const member = this.#members.get(idText);
    if (!member) return undefined;
    this.#members.delete(idText);
    this.#byMac.delete(macText(member.mac));
    for (const [id, { holder }] of this.#twins) if (holder.idText === idText) this.#twins.delete(id);
    this.#holdings = undefined;
    return member;
  }

  /** The member left for good: its credential counts no more. */
  bury(idText: string): void {
    this.remove(idText);
    this.#left.add(idText);
    const [oldest] = this.#left;
    if (this.#left.size > maxLeft && oldest !== undefined) this.#left.delete(oldest);
  }

  /** Who has the address: a member, or we ourselves. */
  holderOf(ip: number): Claimant | undefined {
    return this.#holding.holderOf(ip);
  }

  /** The name by which a member is shown and found, ours too: no two have the same. Undefined for who is not known. */
  nameOf(idText: string): string | undefined {
    return this.#holding.nameOf(idText);
  }

  /** Who claims what another has. */
  conflicts(): Conflict[] {
    const out = [...this.#twins.values()];
    for (const loser of [this.#self(), ...this.#members.values()]) {
      const holder = this.holderOf(loser.ip);
      if (holder && holder.idText !== loser.idText) out.push({ what: 'ip', loser, holder });
    }
    return out;
  }

  /**
   * The members that a person may mean: exact id, the holder of an address, a shown name; then by the name that they have
   * among others; else a prefix of an id of at least 4 characters. More than one: ambiguous.
   *
   * @param isLive of several with one name, one that is here is meant before one that is gone
   */
  find(text: string, formatIp: (ip: number) => string, isLive: (member: Member) => boolean): Member[] {
    const wanted = text.toLowerCase();
    const all = [...this.#members.values()];
    const v6 = wanted.includes(':') ? addressBytes(wanted) : undefined;
    const exact = all.find(
      (m) =>
        m.idText === wanted ||
        (formatIp(m.ip) === wanted && this.holderOf(m.ip) === m) ||
        (v6 && equalBytes(ip6Of(this.#prefix6, m.mac), v6)),
    );
    if (exact) return [exact];
    const named = all
      .filter((m) => m.name === wanted || this.nameOf(m.idText) === wanted)
      .sort((a, b) => Number(this.nameOf(b.idText) === wanted) - Number(this.nameOf(a.idText) === wanted));
    const first = named.find(isLive) ?? named[0];
    if (first) return [first];
    return /^[0-9a-f]{4,32}$/.test(wanted) ? all.filter((m) => m.idText.startsWith(wanted)) : [];
  }

  /** These very bytes were taken before. A relay that comes back, and every handshake, bring what is known. */
  #has(credential: Uint8Array): boolean {
    const known = this.#members.get(ownerOf(credential) ?? '');
    return known !== undefined && equalBytes(known.credential, credential);
  }

  #put(member: Member): void {
    this.#members.set(member.idText, member);
    this.#byMac.set(macText(member.mac), member.idText);
    this.#holdings = undefined;
  }

  /** Another with the same MAC. */
  #twinOf(member: Member, self: Claimant): Claimant | undefined {
    if (equalBytes(member.mac, self.mac)) return self;
    return this.#members.get(this.#byMac.get(macText(member.mac)) ?? '');
  }

  #noteTwin(loser: Claimant, holder: Claimant): void {
    const [oldest] = this.#twins.keys();
    if (this.#twins.size >= maxTwins && oldest !== undefined) this.#twins.delete(oldest);
    this.#twins.set(loser.idText, { what: 'mac', loser, holder });
  }

  get #holding(): Holdings {
    const self = this.#self();
    const known = this.#holdings;
    const { self: before } = known ?? {};
    const same = before?.claims === self.claims && before.ip === self.ip && before.name === self.name;
    if (known && same) return known.of;
    const of = new Holdings([self, ...this.#members.values()]);
    this.#holdings = { of, self };
    return of;
  }
}

/** The members of one network that we know of: verified, newest certificate of each. No I/O. */
import { equalBytes } from '../lib/bytes.js';
import { verifyCredential, type CredentialFault, type Member } from '../identity/certificate.js';
import { dhPublicKey } from '../identity/keys.js';
import { isNodeName } from '../identity/names.js';
import type { NetworkFacts } from '../identity/network.js';

/** More members than this are not kept: a hostile relay must not fill our memory. */
export const maxMembers = 4096;

export type RosterVerdict =
  | { readonly kind: 'new'; readonly member: Member }
  | { readonly kind: 'changed'; readonly member: Member; readonly before: Member }
  /** What we have is as good: `member` is ours. */
  | { readonly kind: 'known'; readonly member: Member }
  | { readonly kind: 'refused'; readonly fault: CredentialFault | 'self' | 'full' };

export class Roster {
  readonly #network: NetworkFacts;
  readonly #self: string;
  readonly #limit: number;
  readonly #members = new Map<string, Member>();

  /** @param self our own node id as text: we are not a member to ourselves. `limit` is there for tests. */
  constructor(network: NetworkFacts, self: string, limit = maxMembers) {
    this.#network = network;
    this.#self = self;
    this.#limit = limit;
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
    const verdict = verifyCredential(credential, this.#network, dateMs);
    if (!verdict.ok) return { kind: 'refused', fault: verdict.fault };
    const member = verdict.member;
    // A member signs its own name, and it is shown to people.
    if (!isNodeName(member.name)) return { kind: 'refused', fault: 'malformed' };
    if (member.idText === this.#self) return { kind: 'refused', fault: 'self' };
    const before = this.#members.get(member.idText);
    if (before && (equalBytes(before.credential, credential) || before.signedAt >= member.signedAt)) {
      return { kind: 'known', member: before };
    }
    // Whoever holds an invite can certify any 32 bytes; only a key that can shake hands makes a peer.
    if (!before && !dhPublicKey(member.key)) return { kind: 'refused', fault: 'malformed' };
    if (!before && this.#members.size >= this.#limit) return { kind: 'refused', fault: 'full' };
    this.#members.set(member.idText, member);
    return before ? { kind: 'changed', member, before } : { kind: 'new', member };
  }

  remove(idText: string): Member | undefined {
    const member = this.#members.get(idText);
    this.#members.delete(idText);
    return member;
  }

  /**
   * The members that a person may mean: exact id, address or name first; else a prefix of an id of at least 4 characters.
   * More than one: ambiguous.
   */
  find(text: string, formatIp: (ip: number) => string): Member[] {
    const wanted = text.toLowerCase();
    const exact = [...this.#members.values()].filter(
      (m) => m.idText === wanted || formatIp(m.ip) === wanted || m.name.toLowerCase() === wanted,
    );
    if (exact.length > 0 || !/^[0-9a-f]{4,32}$/.test(wanted)) return exact;
    return [...this.#members.values()].filter((m) => m.idText.startsWith(wanted));
  }
}

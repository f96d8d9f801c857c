/**
 * The witness of a network without relays: the machine that holds its root key. It counts the uses of invites and dates
 * memberships by its clock, as a relay does elsewhere. Nothing is stored here.
 */
import { foundingAuthority, type Authority } from '../identity/authority.js';
import { ownerOf } from '../identity/certificate.js';
import type { Claims } from '../identity/claims.js';
import type { Keys } from '../identity/keys.js';
import type { NetworkFacts } from '../identity/network.js';
import { testify, type CountedUse, type CountedUses, type Testimony } from '../identity/witness.js';
import type { InviteUses, Profile } from './profile.js';
import { rootKeysOf } from './root-keys.js';

/** A member as the witness knows it. */
export type KnownTo = (idText: string) => { ip: number; name: string; claims: Claims } | undefined;

export class Witness implements CountedUses {
  readonly #network: NetworkFacts;
  readonly #root: () => Keys | undefined;
  readonly #authority: () => Authority;
  readonly #uses: Map<string, { notAfter: number; nodes: Map<string, number> }>;

  private constructor(
    network: NetworkFacts,
    root: () => Keys | undefined,
    uses: InviteUses,
    authority: () => Authority,
  ) {
    this.#network = network;
    this.#authority = authority;
    this.#root = root;
    this.#uses = new Map(
      Object.entries(uses).map(([invite, { notAfter, nodes }]) => [
        invite,
        { notAfter, nodes: new Map(Object.entries(nodes)) },
      ]),
    );
  }

  /**
   * Undefined on a machine that is none, and where relays are the witnesses.
   *
   * @param root the root key that counts, at this moment, where it is here. Default: the network's first
   */
  static of(
    profile: Profile,
    network: NetworkFacts,
    uses: InviteUses = {},
    authority: () => Authority = () => foundingAuthority(network.rootKey),
    root: () => Keys | undefined = () => rootKeysOf(profile, network.rootKey),
  ): Witness | undefined {
    if (profile.rootSeed === undefined || network.relays.length > 0) return undefined;
    return new Witness(network, root, uses, authority);
  }

  /** Uses as they are kept, those of long-expired invites left out. */
  kept(dateMs: number): InviteUses {
    const live = [...this.#uses].filter(([, { notAfter }]) => dateMs - notAfter < forgetMs);
    return Object.fromEntries(
      live.map(([invite, { notAfter, nodes }]) => [invite, { notAfter, nodes: Object.fromEntries(nodes) }]),
    );
  }

  dateOf(inviteKey: string, nodeKey: string): number | undefined {
    return this.#uses.get(inviteKey)?.nodes.get(nodeKey);
  }

  count(inviteKey: string): number {
    return this.#uses.get(inviteKey)?.nodes.size ?? 0;
  }

  /** Judges the credential of whoever proved to own its key. A use that it counts is remembered. */
  judge(credential: Uint8Array, known: KnownTo, dateMs: number): Testimony {
    const root = this.#root();
    // It was replaced, and the other one is not here.
    if (!root) return { ok: false, fault: 'receipt-missing' };
    const id = ownerOf(credential);
    const testimony = testify(
      credential,
      this.#network,
      this,
      id === undefined ? id : known(id),
      dateMs,
      root,
      this.#authority(),
    );
    if (testimony.ok && testimony.counted) this.#add(testimony.counted);
    return testimony;
  }

  #add({ invite, node, notAfter, time }: CountedUse): void {
    let uses = this.#uses.get(invite);
    if (!uses) this.#uses.set(invite, (uses = { notAfter, nodes: new Map() }));
    uses.nodes.set(node, time);
  }
}

/** Who lost its receipt may ask again for so long after the invite expired, ms. */
const forgetMs = 90 * 86_400_000;

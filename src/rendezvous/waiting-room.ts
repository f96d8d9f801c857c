/**
 * Who holds an invite of a network that this relay serves and waits until admins let it in: its connection, and what it said.
 * Nothing of it is kept on disk and nobody but admins hears of it. There is room for few, and one invite or one site takes a
 * part of it only: whoever has stolen one token keeps nobody else out. Nobody is put out for another.
 */
import type { Member } from '../core/identity/certificate.js';
import { toBase64Url } from '../core/lib/bytes.js';
import type { Clock } from '../core/lib/env.js';
import { maxApplicants, type ToNode } from '../core/wire/signal.js';
import { siteKey } from './limits.js';
import type { Hello, MemberConnection } from './member-connection.js';

/** Who waits in one network, and of these by one invite, and from one site. */
const perNetwork = maxApplicants;
const perInvite = perNetwork / 2;
const perSite = perNetwork / 2;
/** In all networks. */
const inAll = 1_024;
/** Between somebody's coming and the word to admins, ms. */
const tellMs = 200;

type Applicants = Extract<ToNode, { type: 'applicants' }>;

export interface Applicant {
  readonly network: string;
  readonly connection: MemberConnection;
  readonly hello: Hello;
  readonly remoteStatic: Uint8Array;
  readonly member: Member;
}

export class WaitingRoom {
  readonly #applicants = new Map<MemberConnection, Applicant>();
  /** By network and node id. */
  readonly #networks = new Map<string, Map<string, Applicant>>();

  /** Networks whose admins are to be told. */
  readonly #telling = new Set<string>();
  readonly #clock: Clock;
  readonly #tell: (network: string, news: Applicants) => void;

  /** @param tell the admins of a network: who waits */
  constructor(clock: Clock, tell: (network: string, news: Applicants) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Who waits, in all networks. */
  get size(): number {
    return this.#applicants.size;
  }

  /** What somebody said who waits. */
  helloOf(connection: MemberConnection): Hello | undefined {
    return this.#applicants.get(connection)?.hello;
  }

  of(network: string): Applicant[] {
    return [...(this.#networks.get(network)?.values() ?? [])];
  }

  /** What admins are told. */
  news(network: string): Applicants {
    return {
      type: 'applicants',
      members: this.of(network).map(({ member }) => toBase64Url(member.credential)),
    };
  }

  /**
   * Takes somebody in, in the place of another connection of the same node, which is returned. Undefined: it is that same
   * one or the first. `full`: there is no room.
   */
  enter(applicant: Applicant): MemberConnection | undefined | 'full' {
    const { network, connection, member } = applicant;
    const others = this.of(network).filter((other) => other.member.idText !== member.idText);
    const before = this.#networks.get(network)?.get(member.idText);
    // Who comes again by another invite, or from elsewhere, takes up another part of the room.
    if (!(before && sameShare(before, applicant)) && !this.#hasRoom(applicant, others)) return 'full';
    if (before) this.#applicants.delete(before.connection);
    this.#applicants.set(connection, applicant);
    const here = this.#networks.get(network) ?? new Map<string, Applicant>();
    here.set(member.idText, applicant);
    this.#networks.set(network, here);
    this.#changed(network);
    return before?.connection === connection ? undefined : before?.connection;
  }

  /** Whoever waited by this connection waits no more. */
  leave(connection: MemberConnection): void {
    const applicant = this.#applicants.get(connection);
    if (!applicant) return;
    this.#applicants.delete(connection);
    const here = this.#networks.get(applicant.network);
    here?.delete(applicant.member.idText);
    if (here?.size === 0) this.#networks.delete(applicant.network);
    this.#changed(applicant.network);
  }

  /** Admins hear of it soon, and of many who come at once at once. */
  #changed(network: string): void {
    if (this.#telling.has(network)) return;
    this.#telling.add(network);
    this.#clock.after(tellMs, () => {
      this.#telling.delete(network);
      this.#tell(network, this.news(network));
    });
  }

  #hasRoom({ member, connection }: Applicant, others: readonly Applicant[]): boolean {
    if (this.size >= inAll || others.length >= perNetwork) return false;
    const site = siteKey(connection.observed);
    const byInvite = others.filter((other) => other.member.inviteId === member.inviteId).length;
    const bySite = others.filter((other) => siteKey(other.connection.observed) === site).length;
    return byInvite < perInvite && bySite < perSite;
  }
}

function sameShare(a: Applicant, b: Applicant): boolean {
  return (
    a.member.inviteId === b.member.inviteId &&
    siteKey(a.connection.observed) === siteKey(b.connection.observed)
  );
}

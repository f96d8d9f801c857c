/** The members of the network that this node knows, and the peer that each of them is: names, slots, sessions. */
import { Roster, type Conflict } from '../membership/roster.js';
import type { Authority } from '../identity/authority.js';
import { ownerOf, type Member } from '../identity/certificate.js';
import type { Claimant } from '../identity/claims.js';
import type { NetworkFacts } from '../identity/network.js';
import type { Env } from '../lib/env.js';
import { equalBytes } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { Peer } from './peer.js';
import type { Session } from './session.js';

/** Members whose issuer is not known that are remembered. */
const asideLimit = 256;

export interface PeersPorts {
  readonly env: Env;
  makePeer(slot: number, member: Member): Peer;
  /** True when a relay says that the member is connected. */
  isOnline(idText: string): boolean;
  /** A member is new or has another certificate. */
  changed(member: Member): void;
  /** Its peer is no more. */
  removed(peer: Peer): void;
  /** Somebody brought its own credential, and admins have to let it in. */
  waiting?(member: Member): void;
  /** Who may sign beside the root key, and who is barred, at this moment. Left out: nobody. */
  readonly authority?: () => Authority;
  /** A member passed on a credential that is refused for this, or older than the one that is known (`stale`). */
  unfit?(from: string, fault: string): void;
  /** Somebody was given this peer, but for `all`, and may move it on: it may be due at another time. */
  given?(peer: Peer): void;
}

export class Peers {
  readonly #ports: PeersPorts;
  readonly #networkName: string;
  readonly #roster: Roster;
  readonly #peers = new Map<string, Peer>();
  readonly #slots: (Peer | undefined)[] = [];
  readonly #sessions = new Map<Session, Peer>();
  /** Credentials that nobody here may have signed, as far as is known now; by node id. */
  readonly #aside = new Map<string, Uint8Array>();

  /** @param self what we claim ourselves, at this moment. `limit` is there for tests. */
  constructor(network: NetworkFacts, self: () => Claimant, ports: PeersPorts, limit?: number) {
    this.#ports = ports;
    this.#networkName = network.name;
    this.#roster = new Roster(network, self, limit, ports.authority);
  }

  /** How many members are known, this node not counted. */
  get size(): number {
    return this.#peers.size;
  }

  all(): Peer[] {
    return [...this.#peers.values()];
  }

  get(idText: string): Peer | undefined {
    return this.#give(this.#peers.get(idText));
  }

  bySlot(slot: number): Peer | undefined {
    return this.#give(this.#slots[slot]);
  }

  bySession(session: Session): Peer | undefined {
    return this.#give(this.#sessions.get(session));
  }

  /**
   * Takes a credential from anyone: it proves itself. The peer it belongs to, or undefined when it is not valid.
   *
   * @param from node id of the member in whose session it came, when it is not its own
   */
  take(credential: Uint8Array, from?: string): Peer | undefined {
    const { env } = this.#ports;
    let verdict = this.#roster.take(credential, env.clock.date());
    if (verdict.kind === 'refused' && verdict.fault === 'full' && this.#forgetAbsent()) {
      verdict = this.#roster.take(credential, env.clock.date());
    }
    if (verdict.kind === 'refused') {
      if (from !== undefined) this.#ports.unfit?.(from, verdict.fault);
      if (verdict.fault === 'revoked') this.#keepAside(credential);
      if (verdict.waiting) this.#ports.waiting?.(verdict.waiting);
      if (verdict.fault === 'mac-taken') env.log.warn('member refused', { reason: verdict.fault });
      else if (verdict.fault !== 'self') env.log.debug('member refused', { reason: verdict.fault });
      return undefined;
    }
    const { member } = verdict;
    if (verdict.kind === 'known') {
      const older = from !== undefined && !equalBytes(credential, member.credential);
      if (older) this.#ports.unfit?.(from, 'stale');
      return this.get(member.idText);
    }
    const displaced =
      verdict.kind === 'new' && verdict.displaced && this.#peers.get(verdict.displaced.idText);
    if (displaced) {
      env.log.warn('another member had this MAC first', { peer: displaced.member.name });
      this.#remove(displaced);
    }
    const peer = this.#peers.get(member.idText);
    if (peer && !peer.update(member)) this.#remove(peer);
    if (!this.#peers.has(member.idText)) this.#add(member);
    this.#ports.changed(member);
    return this.get(member.idText);
  }

  /** The peer that a person names, if there is exactly one. */
  lookup(text: string): Peer | undefined {
    const found = this.#find(text);
    return found.length === 1 && found[0] ? this.get(found[0].idText) : undefined;
  }

  /** True when `find` has anybody to choose from. */
  knows(text: string): boolean {
    return this.#find(text).length > 0;
  }

  /**
   * The peer that a person names: name, address, id, or the beginning of an id.
   *
   * @throws EvioError EVIO_UNKNOWN_PEER
   */
  find(text: string): Peer {
    const found = this.#find(text);
    if (found.length > 1) {
      const names = found.map((member) => `${member.name} (${member.idText})`).join(' or ');
      throw new EvioError('EVIO_UNKNOWN_PEER', `"${text}" may mean ${names}.`, ['Give the whole node id.']);
    }
    const peer = found[0] && this.get(found[0].idText);
    if (peer) return peer;
    throw new EvioError('EVIO_UNKNOWN_PEER', `No member of ${this.#networkName} is called "${text}".`, [
      'See the names, addresses and ids with: evio peers',
    ]);
  }

  /** All, those first that have the address that they claim. */
  byClaim(): Peer[] {
    const holds = ({ member }: Peer): number => Number(this.#roster.holderOf(member.ip) === member);
    return this.all().sort((a, b) => holds(b) - holds(a));
  }

  /** The name by which a member is shown and found, ours too; undefined for who is not known. */
  nameOf(idText: string): string | undefined {
    return this.#roster.nameOf(idText);
  }

  /** Who has the address: a member, or we ourselves. */
  holderOf(ip: number): Claimant | undefined {
    return this.#roster.holderOf(ip);
  }

  /** Who claims what another has. */
  conflicts(): Conflict[] {
    return this.#roster.conflicts();
  }

  /** Forgets a member: its address and name are free. */
  forget(idText: string): void {
    this.#roster.remove(idText);
    const peer = this.#peers.get(idText);
    if (peer) this.#remove(peer);
  }

  /** The member left for good: it is forgotten, and not taken again. */
  bury(idText: string): void {
    this.forget(idText);
    this.#roster.bury(idText);
  }

  /** Says goodbye to every peer and forgets it. */
  close(): void {
    for (const peer of this.all()) peer.goodbye();
    for (const peer of this.all()) this.#remove(peer);
  }

  /**
   * The authority has changed: who does not count any more is disconnected and forgotten.
   *
   * @param reason what the peer's log says
   */
  enforce(reason: (member: Member) => string): Member[] {
    const revoked = this.#roster.revoked();
    for (const member of revoked) {
      this.#roster.remove(member.idText);
      const peer = this.#peers.get(member.idText);
      if (!peer) continue;
      peer.disconnect(reason(member));
      this.#remove(peer);
    }
    const aside = [...this.#aside.values()];
    this.#aside.clear();
    for (const credential of aside) this.take(credential);
    return revoked;
  }

  /** Who invited it may be an admin that is not known as one yet. */
  #keepAside(credential: Uint8Array): void {
    const id = ownerOf(credential);
    if (id === undefined || this.#ports.authority?.().isBarred(id)) return;
    if (this.#aside.size < asideLimit) this.#aside.set(id, credential);
  }

  /** Makes room among members that came and went for good. False when all are here. */
  #forgetAbsent(): boolean {
    for (const peer of this.#peers.values()) {
      if (peer.session.established || this.#ports.isOnline(peer.member.idText)) continue;
      this.forget(peer.member.idText);
      return true;
    }
    return false;
  }

  #find(text: string): Member[] {
    return this.#roster.find(text, formatIpv4, ({ idText }) => this.#isLive(idText));
  }

  #isLive(idText: string): boolean {
    return this.#peers.get(idText)?.session.established === true || this.#ports.isOnline(idText);
  }

  #give(peer: Peer | undefined): Peer | undefined {
    if (peer) this.#ports.given?.(peer);
    return peer;
  }

  #add(member: Member): void {
    let slot = this.#slots.indexOf(undefined);
    if (slot < 0) slot = this.#slots.length;
    const peer = this.#ports.makePeer(slot, member);
    this.#slots[slot] = peer;
    this.#peers.set(member.idText, peer);
    this.#sessions.set(peer.session, peer);
  }

  #remove(peer: Peer): void {
    this.#ports.removed(peer);
    peer.close();
    this.#slots[peer.slot] = undefined;
    this.#peers.delete(peer.member.idText);
    this.#sessions.delete(peer.session);
  }
}

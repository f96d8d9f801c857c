/**
 * What one simulated member knows of another: the peer of its overlay host, in place of peer/peer.ts. It stays for good,
 * as peers do, and keeps its slot; a link stands below it while there is one.
 */
import type { LinkPeer } from '../core/overlay/ports.js';
import type { PeerState } from '../core/peer/peer-state.js';
import type { Candidate } from '../core/wire/candidate.js';
import type { Identity } from './identity.js';
import type { Member, SimLink } from './link.js';

/** Where a member has been reached: the model knows the place itself, so it only counts that there is one. */
const endpoint = [null] as const;
const nowhere = [] as const;

/** What a peer asks of the member that has it. */
export interface PeerOwner {
  readonly now: number;
  /** Wants a session with this member. */
  connect(peer: Member): void;
  /** Ends the session with it, and what is under way. */
  hangUp(link: SimLink): void;
}

export class SimPeer implements LinkPeer {
  readonly slot: number;
  readonly peer: Member;
  readonly #owner: PeerOwner;
  /** Its certificate is here. Without it, only the link below is. */
  known = false;
  /** It has been reached by a path of its own, or we were told of such a place. */
  reached = false;
  /** Somebody named its endpoints to us, and ours to it. */
  met = false;
  link: SimLink | undefined;

  constructor(owner: PeerOwner, peer: Member, slot: number) {
    this.#owner = owner;
    this.peer = peer;
    this.slot = slot;
  }

  get member(): Identity {
    return this.peer.identity;
  }

  get state(): PeerState {
    if (!this.link) return 'idle';
    if (this.link.up) return 'connected';
    return this.link.handshake ? 'connecting' : 'idle';
  }

  get indirect(): boolean {
    return this.link?.pathKind === 'overlay';
  }

  get remembered(): readonly unknown[] {
    return this.reached ? endpoint : nowhere;
  }

  get whereabouts(): readonly Candidate[] {
    return this.peer.identity.candidates;
  }

  get silenceMs(): number {
    return this.link ? this.#owner.now - this.link.lastRx : Infinity;
  }

  waitingMs(now: number): number {
    const since = this.link?.waitingSince ?? -1;
    return since < 0 ? 0 : now - since;
  }

  connect(): void {
    this.#owner.connect(this.peer);
  }

  introduced(): void {
    this.met = true;
    this.#owner.connect(this.peer);
  }

  disconnect(): void {
    if (this.link) this.#owner.hangUp(this.link);
  }

  waysChanged(): void {
    // A handshake looks for its ways at every try, and one through members at every packet.
  }
}

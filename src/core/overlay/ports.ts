/**
 * What the overlay host asks of the node around it: narrow, so that an engine, a test and the simulator can each be
 * that node. Calls without a result may be carried out later, in their order: the host does not look at what came of
 * them.
 */
import type { MemberRole } from '../identity/invite.js';
import type { Env } from '../lib/env.js';
import type { PeerState } from '../peer/peer-state.js';
import type { FindKey } from '../relays/relay-queries.js';
import type { LinkRoute } from '../topology/overlay-ports.js';
import type { Candidate } from '../wire/candidate.js';
import type { RingMessage } from '../wire/ring.js';

/** Another member, and how it stands with it. `Peer` (peer/peer.ts) is one. */
export interface LinkPeer {
  /** Its number in the tables of the packet path. */
  readonly slot: number;
  readonly member: {
    readonly id: Uint8Array;
    readonly idText: string;
    readonly name: string;
    /** `Role` of identity/certificate.ts. */
    readonly role: number;
    readonly credential: Uint8Array;
  };
  readonly state: PeerState;
  /** Its packets go through other members. */
  readonly indirect: boolean;
  /** Its packets go through a relay. Default: never. */
  readonly relayed?: boolean;
  /** The session stands, and there is no way to it. Default: never. */
  readonly cutOff?: boolean;
  /** Endpoints where it was reached before. */
  readonly remembered: readonly unknown[];
  /** Where others may try to reach it. */
  readonly whereabouts: readonly Candidate[];
  /** ms since anything authentic came from it. */
  readonly silenceMs: number;
  /** ms since packets began to go out to it with nothing coming back; 0 when there are none. */
  waitingMs(now: number): number;
  /** Wants a session; `connected` of the host is the answer. */
  connect(now: number): void;
  /** The same, at these endpoints too: who named them has told it ours, or passes ours on. */
  introduced(now: number, candidates: readonly Candidate[]): void;
  disconnect(reason: string): void;
  /** Ways to it through relays or members came or went. */
  waysChanged(now: number): void;
}

/** The members that are known here. `Peers` (peer/peers.ts) is this. */
export interface LinkPeers {
  get(idText: string): LinkPeer | undefined;
  /** The one that a person names, if there is exactly one. */
  lookup(text: string): LinkPeer | undefined;
  all(): readonly LinkPeer[];
  /** Takes a credential from anyone: it proves itself. Undefined when it is not valid, or ours. */
  take(credential: Uint8Array, from?: string): LinkPeer | undefined;
}

/** The relays. `RelaySet` (relays/relay-set.ts) is this. */
export interface Rendezvous {
  readonly anyUp: boolean;
  /** When the last that was up went, ms of the clock; -Infinity: none has been, or one is, and members had time to come back. */
  readonly lostAt: number;
  isOnline(idText: string): boolean;
  /** Learns whether a member is online, where that is not known. */
  ask(idText: string): void;
  /** Looks for members; they become known, if there are any (`membersChanged`). */
  find(key: FindKey): unknown;
  /** Looks for the online members at or after these ids; they are `named`. False when no relay can be asked. */
  locate(idTexts: readonly string[]): boolean;
}

export interface OverlayHostPorts {
  readonly env: Env;
  readonly self: { readonly idText: string; readonly role: MemberRole };
  readonly members: LinkPeers;
  readonly relays: Rendezvous;
  /** To a peer that is connected. May be lost on the way. */
  send(peer: LinkPeer, message: RingMessage): void;
  /** The forwarding table of the packet path; see `DataPlane.setLinks`, and `planeLinks` of route-feed.ts. */
  setRoutes(routes: readonly LinkRoute[], complete: boolean): void;
  /** Ways through other members came or went: `choice` may say something else for any peer. */
  waysChanged(): void;
  /** Where others may try to reach us. */
  candidates(): readonly Candidate[];
  credential(): Uint8Array;
  /** A member did more than it may, or answered what nobody asked: nothing came of it. */
  refused?(from: string, why: 'over-limit' | 'unasked'): void;
  /** `dueAt` came nearer: it is this now, which may be past. */
  wake(at: number): void;
}

/**
 * Members that left the network and said so: they are forgotten at once and not taken again by what others still have of
 * them. A farewell goes on to all links the first time that it is heard, and only about a member that is known here; so
 * nobody sends anything around but its own end. Relays keep them for those that were away.
 */
import { signFarewell, verifyFarewell } from '../identity/farewell.js';
import type { Clock, Logger } from '../lib/env.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import { encodeTestimony } from '../wire/testimony.js';
import type { StateKeeper } from './state-keeper.js';

/** Farewells that are kept, the newest. */
const keptLimit = 256;

export interface FarewellsParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly credential: OwnCredential;
  readonly keeper: StateKeeper;
  readonly members: Peers;
  readonly relays: RelaySet;
  /** Seals and sends a control message to a connected peer. */
  readonly send: (peer: Peer, message: Uint8Array) => void;
  /** The member with this id passed on what nobody said. */
  readonly forged?: (from: string) => void;
  /** A member is no more. */
  readonly forgotten: () => void;
}

export class Farewells {
  readonly #parts: FarewellsParts;

  /** Those of earlier runs count from the beginning. */
  constructor(parts: FarewellsParts) {
    this.#parts = parts;
    const { members, keeper } = parts;
    for (const document of keeper.farewells) {
      const id = this.#verify(document);
      if (id !== undefined) members.bury(id);
    }
  }

  /** A relay, or the member `from`, passes on what somebody said. */
  heard(document: Uint8Array, from?: string): void {
    const { members, keeper, log, forgotten } = this.#parts;
    const id = this.#verify(document);
    if (id === undefined && from !== undefined) this.#parts.forged?.(from);
    const peer = id === undefined ? undefined : members.get(id);
    if (id === undefined || !peer) return;
    log.info('member left', { peer: peer.member.name });
    members.bury(id);
    keeper.keepFarewell(document, keptLimit);
    forgotten();
    this.#tell(document);
  }

  /** We leave: everybody who can be reached now is told. */
  say(): void {
    const { credential, clock, relays } = this.#parts;
    const { network, keys } = credential.self;
    const document = signFarewell(network.rootKey, keys, clock.date());
    relays.leave(document);
    this.#tell(document);
  }

  #tell(document: Uint8Array): void {
    const { members, send } = this.#parts;
    const message = encodeTestimony({ type: 'farewell', document });
    for (const peer of members.all()) if (peer.state === 'connected') send(peer, message);
  }

  #verify(document: Uint8Array): string | undefined {
    return verifyFarewell(document, this.#parts.credential.self.networkId);
  }
}

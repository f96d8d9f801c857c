/**
 * Receipts in a network without relays: the witness gives them to whom it meets without one (membership/witness.ts), inside
 * the session. A receipt that is lost on the way is sent again, and made again at the next handshake.
 *
 *   joiner ── init, certificate without receipt ──▶ witness: counts, keeps the count, signs
 *   joiner ◀──────────── response ───────────────── witness
 *   joiner ◀── receipt (sealed), three times ────── witness          from now on every member takes the joiner
 */
import type { Authority } from '../identity/authority.js';
import type { Clock, Logger } from '../lib/env.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { Witness } from '../membership/witness.js';
import type { Peer } from '../peer/peer.js';
import { encodeTestimony } from '../wire/testimony.js';
import type { Timed } from './pulse.js';
import type { StateKeeper } from './state-keeper.js';

/** Times a receipt is sent, and the time between two, ms. */
const sendings = 3;
const againMs = 1_000;

export interface TestimoniesParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly credential: OwnCredential;
  readonly keeper: StateKeeper;
  /** Says which keys are roots, at this moment. */
  readonly standing: () => Authority;
  /** On the machine that is one. */
  readonly witness: Witness | undefined;
  readonly peerOf: (idText: string) => Peer | undefined;
  /** Seals and sends a control message to a connected peer. */
  readonly send: (peer: Peer, message: Uint8Array) => void;
}

export class Testimonies implements Timed {
  readonly #parts: TestimoniesParts;
  /** Receipts on their way, by node id. */
  readonly #due = new Map<string, { readonly receipt: Uint8Array; left: number; at: number }>();

  constructor(parts: TestimoniesParts) {
    this.#parts = parts;
  }

  get dueAt(): number {
    let first = Infinity;
    for (const { at } of this.#due.values()) first = Math.min(first, at);
    return first;
  }

  /** The credential of whoever proved to own its key: with a receipt, where we are the witness and it has none. */
  witnessed(now: number, credential: Uint8Array): Uint8Array {
    const { witness, keeper, clock, log, peerOf } = this.#parts;
    if (!witness) return credential;
    const testimony = witness.judge(credential, (id) => peerOf(id)?.member, clock.date());
    if (!testimony.ok) {
      // Who waits to be let in tries again and again.
      if (testimony.fault !== 'waiting') log.warn('no receipt for a joiner', { reason: testimony.fault });
      return credential;
    }
    const { member, receipt, counted } = testimony;
    if (!receipt) return credential;
    if (counted) {
      // A receipt that left is counted, even if the power fails now.
      keeper.setUses(witness.kept(clock.date()));
      keeper.save();
    }
    this.#due.set(member.idText, { receipt, left: sendings, at: now });
    return member.credential;
  }

  /** A member gives us a receipt, which has to prove itself. */
  received(receipt: Uint8Array): void {
    const { credential, keeper, standing } = this.#parts;
    const before = credential.bytes;
    if (!credential.receive(receipt, standing()) || credential.bytes === before) return;
    keeper.setCredential(credential.bytes);
    keeper.save();
  }

  tick(now: number): void {
    const { peerOf, send } = this.#parts;
    for (const [id, due] of this.#due) {
      if (now < due.at) continue;
      const peer = peerOf(id);
      if (peer?.state === 'connected')
        send(peer, encodeTestimony({ type: 'receipt', document: due.receipt }));
      due.at = now + againMs;
      if (--due.left === 0) this.#due.delete(id);
    }
  }
}

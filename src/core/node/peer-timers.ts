/**
 * All peers as one machine of the pulse. Whoever is given a peer may move it on, so its time is read again when the turn
 * is over (`Peers` tells whom it gave away); the others are not looked at.
 */
import { Agenda } from '../lib/agenda.js';
import type { Timed } from './pulse.js';

export class PeerTimers<P extends Timed> implements Timed {
  readonly #agenda = new Agenda<P>();
  /** Their times may be other than those on the agenda. */
  readonly #touched = new Set<P>();

  get dueAt(): number {
    return this.#agenda.firstAt;
  }

  /** Something may have happened to the peer. */
  touch(peer: P): void {
    this.#touched.add(peer);
  }

  /** The peer is no more. */
  remove(peer: P): void {
    this.#touched.delete(peer);
    this.#agenda.delete(peer);
  }

  /** At the end of each turn, before `dueAt` is asked for. */
  settle(): void {
    for (const peer of this.#touched) this.#agenda.set(peer, peer.dueAt);
    this.#touched.clear();
  }

  tick(now: number): void {
    for (let peer = this.#agenda.take(now); peer; peer = this.#agenda.take(now)) {
      this.#touched.add(peer);
      peer.tick(now);
    }
  }
}

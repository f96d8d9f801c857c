/** When a node counts as connected, and who waits for that. */
import type { Clock } from '../lib/env.js';
import type { Peers } from '../peer/peers.js';

/** What decides it, of one run. */
export interface ReadinessView {
  readonly members: Peers;
  readonly relays: { readonly size: number; readonly anyUp: boolean; isOnline(idText: string): boolean };
  readonly overlay: { readonly settled: boolean };
}

export class Readiness {
  readonly #clock: Clock;
  readonly #ready: (peers: number) => void;
  readonly #waiters = new Set<(connected: boolean) => void>();
  #view: ReadinessView | undefined;
  #wanted = false;
  #started = false;
  #told = false;

  /** @param ready told once after each `started`, with the number of peers that are connected */
  constructor(clock: Clock, ready: (peers: number) => void) {
    this.#clock = clock;
    this.#ready = ready;
  }

  /** A relay is up or a peer connected, or there is nobody to connect to. With members online, one of them must answer. */
  get connected(): boolean {
    if (!this.#view) return false;
    const { members, relays, overlay } = this.#view;
    const peers = members.all();
    if (relays.size === 0 || peers.some((peer) => peer.state === 'connected')) return true;
    const awaited = peers.some((peer) => peer.state === 'connecting' && relays.isOnline(peer.member.idText));
    return relays.anyUp && overlay.settled && !awaited;
  }

  /** The node is being started: from here on it makes sense to wait. */
  begin(): void {
    this.#wanted = true;
  }

  /** The node has been started, and its owner heard of it: now `ready` may be told. */
  started(): void {
    this.#started = true;
    this.look();
  }

  /** A run has begun, or ended. It may be followed by another one. */
  follow(view: ReadinessView | undefined): void {
    this.#view = view;
  }

  /** Something has changed: tells, and lets go whoever waits, if the node is connected now. */
  look(): void {
    if (!this.#started || (this.#told && this.#waiters.size === 0) || !this.connected) return;
    if (!this.#told) {
      this.#told = true;
      const peers = this.#view?.members.all().filter((peer) => peer.state === 'connected') ?? [];
      this.#ready(peers.length);
    }
    for (const finish of [...this.#waiters]) finish(true);
  }

  /** True once connected; false after the time, and when the node is being stopped. */
  wait(timeoutMs: number): Promise<boolean> {
    if (this.connected || !this.#wanted) return Promise.resolve(this.connected);
    return new Promise((resolve) => {
      const finish = (connected: boolean): void => {
        cancel();
        this.#waiters.delete(finish);
        resolve(connected);
      };
      const cancel = this.#clock.after(timeoutMs, () => {
        finish(false);
      });
      this.#waiters.add(finish);
    });
  }

  /** The node is being stopped, or could not start. */
  end(): void {
    this.#wanted = this.#started = this.#told = false;
    for (const finish of [...this.#waiters]) finish(false);
  }
}

/** What the counters of one peer say: one look at them, which every judge of liveness.ts reads. No I/O. */
import type { PeerCounters } from '../dataplane/plane/plane.js';

export class Traffic {
  /** When the counters were looked at last. All times are ms of the machine's clock, -Infinity is never. */
  lookedAt = -Infinity;
  /** Last authentic packet of any kind, and last by a direct path. */
  rxAt = -Infinity;
  rxDirectAt = -Infinity;
  /** Last packet with a frame that we sent, our own or another member's. */
  txAt = -Infinity;
  /** Packets with a frame, by how they went and came. */
  txDirect = 0;
  txRelayed = 0;
  rxDirect = 0;
  /** Frames of our own, both ways: more of them mean that this node needs the peer. */
  frames = 0;
  /** The last look that saw packets with frames, both ways, others' too. */
  movedAt = -Infinity;
  #packets = 0;
  #sent = 0;
  #sentSeen = 0;
  #waitingSince: number | undefined;
  /** The same times by the clock of the counters: what did not change is not computed again. */
  readonly #raw = { rx: 0, rxDirect: 0, tx: 0 };

  /** @param countersNow the clock of the counters at `now` */
  look(now: number, counters: PeerCounters, countersNow: number): void {
    this.lookedAt = now;
    const raw = this.#raw;
    const ago = now - countersNow;
    if (counters.lastTxMs !== raw.tx) this.txAt = ago + (raw.tx = counters.lastTxMs);
    if (counters.lastRxDirectMs !== raw.rxDirect) {
      this.rxDirectAt = ago + (raw.rxDirect = counters.lastRxDirectMs);
    }
    this.txDirect = counters.txDirect;
    this.txRelayed = counters.txRelayed;
    this.rxDirect = counters.rxDirect;
    this.frames = counters.txFrames + counters.rxFrames;
    this.#sent = counters.txFrames + counters.txTransit;
    const packets = this.frames + counters.txTransit + counters.rxTransit;
    if (packets !== this.#packets) this.movedAt = now;
    this.#packets = packets;
    if (counters.lastRxMs !== raw.rx) {
      this.rxAt = ago + (raw.rx = counters.lastRxMs);
      this.#sentSeen = this.#sent;
      // Between two looks far apart, something may have come in and something else gone out after it.
      this.#waitingSince = counters.lastTxMs > counters.lastRxMs ? this.txAt : undefined;
    } else if (this.#sent !== this.#sentSeen) {
      this.#waitingSince ??= now;
    }
  }

  /** ms since anything authentic came from the peer. */
  silence(now: number): number {
    return now - this.rxAt;
  }

  /** True while frames went out after which nothing came back. */
  get unanswered(): boolean {
    return this.#waitingSince !== undefined;
  }

  /** ms since frames, our own or others', began to go out to it with nothing coming back; 0 when there are none. */
  waiting(now: number): number {
    return this.#waitingSince === undefined ? 0 : now - this.#waitingSince;
  }
}

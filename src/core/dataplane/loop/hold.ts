/** Frames for peers that have no key or path yet: few, for a short time, and bounded over all peers. */
import type { LoopContext } from './context.js';
import { holdFrame, type HeldFrame } from './held-frame.js';
import { drop, Drop } from '../plane/shared.js';
import type { PeerEntry } from './table.js';

/** Frames of one peer that wait, and how long (as long as a TCP SYN waits for its first retransmission, thrice). */
export const holdFrames = 8;
export const holdMs = 3_000;
/** Bytes that wait for one peer, and for all. */
const peerBytes = 24 * 1_024;
const totalBytes = 4 << 20;

export class Holder {
  readonly #c: LoopContext;
  #bytes = 0;

  constructor(context: LoopContext) {
    this.#c = context;
  }

  /** Copies the frame at `frame`, whose kind bytes begin at `plain`. False when there is no room. */
  keep(peer: PeerEntry, frame: number, length: number, segment: number, plain: number): boolean {
    const { now, arena, shared } = this.#c;
    let own = 0;
    const fresh: HeldFrame[] = [];
    for (const held of peer.held) {
      if (now - held.at < holdMs) {
        fresh.push(held);
        own += held.bytes.length;
      } else {
        this.#bytes -= held.bytes.length;
        drop(shared, peer.sending === null ? Drop['no-session'] : Drop['no-path']);
      }
    }
    peer.held = fresh;
    const size = frame - plain + length;
    if (fresh.length >= holdFrames || own + size > peerBytes || this.#bytes + size > totalBytes) return false;
    this.#bytes += size;
    fresh.push(holdFrame(arena, frame, length, segment, plain, now));
    return true;
  }

  /** Takes what is not too old. */
  take(peer: PeerEntry): HeldFrame[] {
    const { now } = this.#c;
    const held = peer.held;
    peer.held = [];
    for (const frame of held) this.#bytes -= frame.bytes.length;
    return held.filter((frame) => now - frame.at < holdMs);
  }
}

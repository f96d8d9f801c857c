/**
 * Frames for addresses that no member known here has. While there are members without a peer here, such a frame waits a
 * moment: the control thread is told, and may find the owner. Otherwise it is flooded, and those after it at once.
 */
import type { LoopContext } from './context.js';
import { holdFrame, type HeldFrame } from './held-frame.js';
import { drop, Drop } from '../plane/shared.js';

/** How long frames wait for the owner to be found. */
export const unknownMs = 1_000;
/** Frames and bytes that wait for one address, and addresses at one time. */
const framesPerAddress = 8;
const bytesPerAddress = 24 * 1_024;
const addresses = 16;
const toldEveryMs = 1_000;
/** An address that was not found is flooded to, without waiting, for this long after its last frame. */
const rememberMs = 30_000;

interface Unknown {
  readonly high: number;
  readonly low: number;
  frames: HeldFrame[];
  bytes: number;
  /** When the first frame that waits came. */
  since: number;
  usedAt: number;
  toldAt: number;
  /** It was not found in time. */
  flooded: boolean;
}

export class UnknownAddresses {
  readonly #c: LoopContext;
  #entries: Unknown[] = [];

  constructor(context: LoopContext) {
    this.#c = context;
  }

  /** Keeps a copy of a frame (see hold.ts). False when it is to be flooded at once. */
  keep(high: number, low: number, frame: number, length: number, segment: number, plain: number): boolean {
    const { now, arena, shared } = this.#c;
    const entry = this.#find(high, low) ?? this.#add(high, low);
    if (entry === undefined) return false;
    entry.usedAt = now;
    if (now - entry.toldAt >= toldEveryMs) {
      entry.toldAt = now;
      const mac = new Uint8Array(6);
      const view = new DataView(mac.buffer);
      view.setUint16(0, high);
      view.setInt32(2, low);
      this.#c.uplink.tell({ type: 'unknown', mac });
    }
    if (entry.flooded) return false;
    const size = frame - plain + length;
    if (entry.frames.length >= framesPerAddress || entry.bytes + size > bytesPerAddress) {
      drop(shared, Drop['no-peer']);
      return true;
    }
    if (entry.frames.length === 0) entry.since = now;
    entry.bytes += size;
    entry.frames.push(holdFrame(arena, frame, length, segment, plain, now));
    return true;
  }

  #find(high: number, low: number): Unknown | undefined {
    return this.#entries.find((entry) => entry.low === low && entry.high === high);
  }

  #add(high: number, low: number): Unknown | undefined {
    const { now } = this.#c;
    if (this.#entries.length >= addresses) {
      this.#entries = this.#entries.filter((e) => e.frames.length > 0 || now - e.usedAt < rememberMs);
      if (this.#entries.length >= addresses) return undefined;
    }
    const entry: Unknown = {
      high,
      low,
      frames: [],
      bytes: 0,
      since: now,
      usedAt: now,
      toldAt: -Infinity,
      flooded: false,
    };
    this.#entries.push(entry);
    return entry;
  }

  /** The address has an owner: takes what waited for it. */
  found(high: number, low: number): HeldFrame[] {
    const entry = this.#find(high, low);
    if (entry === undefined) return [];
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    return entry.frames;
  }

  /** Takes what has waited long enough, or everything. */
  due(everything = false): HeldFrame[] {
    const { now } = this.#c;
    const out: HeldFrame[] = [];
    for (const entry of this.#entries) {
      if (entry.frames.length === 0 || (!everything && now - entry.since < unknownMs)) continue;
      out.push(...entry.frames);
      entry.frames = [];
      entry.bytes = 0;
      entry.flooded = true;
    }
    return out;
  }

  /** When something is due; Infinity when nothing waits. */
  get deadline(): number {
    let at = Infinity;
    for (const entry of this.#entries) {
      if (entry.frames.length > 0 && entry.since + unknownMs < at) at = entry.since + unknownMs;
    }
    return at;
  }
}

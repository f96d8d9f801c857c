/** What a data plane leaves to the process that goes on in its place (moving.ts). Plain data. */

/** A replay window: bit `c % 8192` of the ring is counter `c`, for the last 8,160 below `next`. */
export interface HeldWindow {
  /** One more than the highest counter that was accepted. */
  readonly next: number;
  /** 256 words. */
  readonly ring: Int32Array;
}

/** The counters of a key that another process used until now. Nobody may use the key without them. */
export interface HeldCounters {
  /** The first counter that was not used for sending. */
  readonly sent: number;
  readonly window: HeldWindow;
}

/** Floods of one origin that were seen (flood/window.ts). */
export interface HeldFloodWindow {
  /** Slot of the origin. */
  readonly slot: number;
  readonly epoch: number;
  readonly top: number;
  /** 33 words. */
  readonly bits: Int32Array;
}

/** So that no flood is taken twice, and our own are new. */
export interface HeldFloods {
  /** Epoch of our own floods, and the next number in it; -1 and 0 before the first. */
  readonly epoch: number;
  readonly sequence: number;
  readonly seen: readonly HeldFloodWindow[];
}

/** Of one loop. */
export interface HeldLoop {
  /** Counters of the keys that no other thread uses, by local index. */
  readonly counters: readonly (readonly [localIndex: number, counters: HeldCounters])[];
  /** Of the steward. */
  readonly floods: HeldFloods | null;
}

/** What a simulation tells: the JSON of `evio sim`. Times are virtual milliseconds. */

export interface SimReport {
  readonly nodes: number;
  readonly seed: number;
  /** From the start of a member until it stood at its place on the ring. */
  readonly joinMs: {
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
    /** Until its first link stood. */
    readonly firstLink: { readonly p50: number; readonly p99: number };
    /** From the first link until all neighbours and long links stood. */
    readonly links: { readonly p50: number; readonly p99: number };
  };
  /** Members without their true neighbours once all was quiet. */
  readonly misplaced: number;
  readonly hops: { readonly mean: number; readonly p99: number; readonly max: number };
  /** Share of the routed packets that arrived. */
  readonly delivered: number;
  readonly degree: { readonly mean: number; readonly max: number };
  /** Copies for each broadcast; members missed and second copies of all of them together. */
  readonly flood: {
    readonly broadcasts: number;
    readonly copies: number;
    readonly missed: number;
    readonly duplicates: number;
  };
  /** Control traffic that one member sends while nothing happens, headers included. */
  readonly traffic: {
    readonly meanBytesPerS: number;
    readonly p99BytesPerS: number;
    readonly maxBytesPerS: number;
    readonly meanPacketsPerS: number;
  };
  /** From the event until all was whole again for good; null: it was not within a minute. */
  readonly healMs: {
    /** A tenth of the members crashed at once: ring whole, broadcasts complete. */
    readonly ring?: number | null;
    readonly floods?: number | null;
    /** A twentieth of the members left in order. */
    readonly leave?: number | null;
    /** The network was cut in two: both halves whole. */
    readonly split?: number | null;
    /** The halves were joined again: one ring, broadcasts complete. */
    readonly merge?: number | null;
  };
  readonly churn?: ChurnReport;
}

export interface ChurnReport {
  /** Share of the members replaced in a second, and the share of those that crashed. */
  readonly perS: number;
  readonly crashShare: number;
  readonly forMs: number;
  readonly replaced: number;
  readonly packets: number;
  /** Share of the packets that arrived, at the first try, and with a second one after 1 s and a third after 3 s. */
  readonly firstTry: number;
  readonly delivered: number;
  /** Control traffic of a member meanwhile. */
  readonly meanBytesPerS: number;
}

/** The ring as it stood once all was quiet, as fractions of a turn. */
export interface SimPicture {
  readonly members: readonly number[];
  /** One member, and its links. */
  readonly focus: { readonly id: string; readonly at: number };
  readonly links: readonly { readonly at: number; readonly kind: 'ring' | 'long' }[];
}

/** Every member and every link that is up, at a moment: what a recording is made of. */
export interface SimMoment {
  /** Virtual time, ms. */
  readonly nowMs: number;
  /** By their ids, 32 hexadecimal characters. */
  readonly members: readonly string[];
  /** By places in `members`; each once. */
  readonly links: readonly (readonly [from: number, to: number])[];
}

export interface SimProgress {
  readonly phase: 'join' | 'settle' | 'measure' | 'leave' | 'crash' | 'split' | 'merge' | 'churn';
  readonly text: string;
  /** Virtual time, ms. */
  readonly nowMs: number;
}

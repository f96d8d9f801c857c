/** What a process leaves of its links to the process that goes on in its place (core/handover). */

export interface HeldLink {
  readonly id: string;
  readonly indirect: boolean;
  /** Its certificate says that it forwards for nobody. */
  readonly leaf: boolean;
  /** What we need it for, and what the other side does. */
  readonly mine: number;
  readonly theirs: number;
  /** Its newest table, as it came (wire/ring.ts). */
  readonly table: Uint8Array;
}

export interface HeldOverlay {
  /** It had found its place on the ring. */
  readonly settled: boolean;
  /** Of its table. */
  readonly version: number;
  /** Members that there are. */
  readonly size: number;
  readonly links: readonly HeldLink[];
}

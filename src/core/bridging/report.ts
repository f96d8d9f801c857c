/** What `evio bridge list` and `evio status` tell of a LAN that is bridged. */

/**
 * `open`: frames pass. `listening`: for a moment after the start, whether another member bridges this LAN. `blocked`: one does.
 * `waiting`: no member is connected. `failed`: the interface cannot be bridged now.
 */
export const lanStates = ['open', 'listening', 'blocked', 'waiting', 'failed'] as const;
export type LanState = (typeof lanStates)[number];

export interface LanReport {
  /** The interface, or the bridge, that leads to the LAN. */
  readonly interface: string;
  readonly state: LanState;
  /** Why it is not open, as a sentence. */
  readonly reason: string | null;
  /** The member that passes frames of this LAN on, instead of this one; null: none. */
  readonly by: { readonly id: string; readonly name: string } | null;
  /** Other members that bridge this LAN, heard in the last seconds. */
  readonly others: readonly { readonly id: string; readonly name: string }[];
  /** Hellos on the LAN that are no member's, or old. */
  readonly refusedHellos: number;
}

/** What `evio exit status` tells. */

/**
 * `active`: everything goes by that member. `unreachable`: it is not connected, and nothing leaves. `withdrawn`: it offers no way
 * out any more, and nothing leaves. `failed`: what it takes could not be set on this machine.
 */
export const exitStates = ['off', 'active', 'unreachable', 'withdrawn', 'failed'] as const;
export type ExitState = (typeof exitStates)[number];

export interface ExitReport {
  /** The member by which everything is to go; null: none. */
  readonly use: { readonly id: string; readonly name: string; readonly allowLan: boolean } | null;
  readonly state: ExitState;
  readonly fault: string | null;
  /** This machine offers itself; and why it cannot do what it offers. */
  readonly announced: boolean;
  readonly announceFault: string | null;
  /** Members that offer a way out. */
  readonly offers: readonly {
    readonly id: string;
    readonly name: string;
    readonly ip: string;
    readonly own: boolean;
    readonly connected: boolean;
  }[];
}

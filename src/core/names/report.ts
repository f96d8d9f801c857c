/** What `evio dns status` tells of a network's names. */

/** How programs of this machine find the names; `auto`: by systemd-resolved where the machine asks it, else by /etc/hosts. */
export const nameModes = ['auto', 'resolved', 'hosts', 'off'] as const;
export type NameMode = (typeof nameModes)[number];

/** What came of it. */
export const nameWays = ['resolved', 'hosts', 'off'] as const;
export type NameWay = (typeof nameWays)[number];

export interface NamesReport {
  /** `home.evio`. */
  readonly domain: string;
  readonly way: NameWay;
  /** Where the responder listens, `ADDRESS:PORT`; null: nowhere. */
  readonly server: string | null;
  /** It answers by TCP there, too: what a datagram does not hold. */
  readonly tcp: boolean;
  /** Why names are not found, or not by the way that was asked for; null: nothing is wrong. */
  readonly fault: string | null;
  readonly queries: {
    readonly answered: number;
    /** Names and types that are not there. */
    readonly denied: number;
    /** Names that are none of ours, and what cannot be read. */
    readonly refused: number;
    /** Without an answer: too many at once, not of this machine, or no question. */
    readonly dropped: number;
  };
}

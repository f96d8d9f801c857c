/** What the page is told, as JSON lines. No imports: the page is built of it, too. */

export interface WebMember {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly state: 'connected' | 'connecting' | 'idle' | 'unreachable' | 'offline' | 'quarantined';
  /** How packets reach it; null: they do not. */
  readonly path: string | null;
  readonly endpoint: string;
  readonly rttMs: number | null;
  /** Its place among our links on the ring, if it is one. */
  readonly link: string | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** When it was seen last, ms since 1970; null: it is connected, or was never seen. */
  readonly seenAt: number | null;
  /** What only a relay knows of it. */
  readonly here?: {
    /** Since when it is connected to the relay, ms since 1970; null: it is not. */
    readonly since: number | null;
    /** Since when it is a member; null: nobody witnessed that. */
    readonly joined: number | null;
    /** When its certificate ends. */
    readonly expires: number;
    readonly admin: boolean;
  };
}

/** What another member says of its links: nothing proves it. */
export interface WebTold {
  readonly by: string;
  /** It shows nothing to us. */
  readonly refused: boolean;
  /** Links that it has; there may be more than are listed. */
  readonly of: number;
  readonly links: readonly {
    readonly to: string;
    readonly path: string | null;
    readonly link: string | null;
    readonly rttMs: number | null;
    /** Bytes a second, both ways. */
    readonly rate: number;
  }[];
}

/** One network as one member sees it, as a relay does, or as a simulation knows it. */
export interface Picture {
  readonly kind: 'picture';
  /** Milliseconds since 1970; of a simulation, since its beginning. */
  readonly at: number;
  readonly network: {
    readonly id: string;
    readonly name: string;
    readonly cidr: string;
    readonly mtu: number;
  };
  /** Whose view it is; null: a relay's, or nobody's, where all links are known. */
  readonly self: {
    readonly id: string;
    readonly name: string;
    readonly ip: string;
    readonly ip6: string;
    readonly version: string;
    readonly uptimeMs: number;
    readonly nat: string;
    readonly rxBytes: number;
    readonly txBytes: number;
    readonly drops: Readonly<Record<string, number>>;
  } | null;
  /** It is a relay's: members' traffic is what the relay forwarded, `rxBytes` what they sent. */
  readonly relay?: {
    /** The network is served, because it was let in so; empty: while the relay is open, or names it with --allow. */
    readonly admitted: string;
    /** When that was, ms since 1970; null as `admitted`. */
    readonly since: number | null;
    /** Members that are connected to it, of all. */
    readonly online: number;
  };
  readonly relays: readonly {
    readonly url: string;
    readonly state: string;
    readonly transport: string;
    readonly rttMs: number | null;
    readonly reason: string | null;
  }[];
  /** Members of the network as far as the ring tells; there may be more than `members`. */
  readonly size: number;
  readonly members: readonly WebMember[];
  /** When the members were so, where that is not `at`: a node is asked for its members more seldom than for itself. */
  readonly membersAt?: number;
  /** Links between others, by places in `members`: where the view is nobody's. */
  readonly links?: readonly (readonly [from: number, to: number])[];
  /** What members say of their links, as far as they were asked and answered. */
  readonly told?: readonly WebTold[];
}

/** What is new since the picture before. What is left out is as it was. */
export interface Change {
  readonly kind: 'change';
  readonly at: number;
  readonly self: Picture['self'];
  readonly relays?: Picture['relays'];
  readonly relay?: Picture['relay'];
  readonly size: number;
  /** New ones, and those of whom anything changed. */
  readonly members?: readonly WebMember[];
  readonly membersAt?: number;
  readonly gone?: readonly string[];
  readonly told?: readonly WebTold[];
  /** Members that say nothing any more. */
  readonly untold?: readonly string[];
}

export interface WebEvent {
  readonly kind: 'event';
  readonly at: number;
  readonly text: string;
}

/** The node ended, or does not answer; it is tried again. */
export interface Gone {
  readonly kind: 'gone';
  readonly reason: string;
}

export type WebMessage = Picture | Change | WebEvent | Gone;

export interface WebNetworks {
  readonly networks: readonly { readonly id: string; readonly name: string }[];
}

/** Why packets to a member go the way they do. */
export interface WebWhy {
  readonly candidates: readonly {
    readonly endpoint: string;
    readonly kind: string;
    readonly state: string;
  }[];
  readonly log: readonly { readonly at: string; readonly event: string; readonly detail: string }[];
  readonly advice: readonly string[];
}

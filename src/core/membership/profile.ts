/**
 * What a machine keeps of its membership: the profile, which commands write, and the state, which the running node
 * writes. Bytes are base64url, times milliseconds since 1970. config/schema.ts reads both from disk.
 */
import type { MemberRole } from '../identity/invite.js';
import type { Service } from '../wire/services.js';

/** Rights that a token may give by name; what they permit: `Right` of identity/certificate.ts. */
export const givenRights = ['bridge', 'route', 'admin'] as const;
export type GivenRight = (typeof givenRights)[number];

/** An invite that this machine made: kept so that it can be listed and revoked. */
export interface InviteRecord {
  readonly id: string;
  readonly token: string;
  readonly created: number;
  readonly expires: number;
  /** How many machines may join by it; 0 is no limit. */
  readonly uses: number;
  readonly role: MemberRole;
  readonly tags: readonly string[];
  readonly rights?: readonly GivenRight[] | undefined;
  readonly ephemeral?: boolean | undefined;
  /** How many admins must let a joiner in. */
  readonly approvals?: number | undefined;
  readonly revoked: boolean;
}

/** A subnet behind this machine, which it announces to the others. */
export interface AnnouncedSubnet {
  /** Canonical text of the prefix (lib/prefix.ts). */
  readonly cidr: string;
  /** Another member may announce the same: the two stand in for each other. */
  readonly shared: boolean;
  /** When this machine began to announce it, s since 1970. */
  readonly since: number;
}

/** A LAN of this machine that is bridged with the network. */
export interface BridgedLan {
  /** The interface, or the bridge, that leads there. */
  readonly interface: string;
  /** Although it carries addresses of this machine. */
  readonly force: boolean;
}

/** A member by which all traffic of this machine goes. */
export interface UsedExit {
  /** Node id; its name when it was chosen. */
  readonly id: string;
  readonly name: string;
  /** This machine's own networks are reached as before. */
  readonly allowLan: boolean;
}

/** What relays are for: `only`: no packet of the network goes another way; `never`: they introduce, and carry none. */
export const relayUses = ['only', 'never'] as const;

/** How this machine makes its paths, as its operator wants it. */
export interface PathWishes {
  /** Default: where there is no direct path. */
  readonly relays?: (typeof relayUses)[number] | undefined;
  /** STUN and TURN servers for WebRTC, with their passwords (membership/ice-server.ts). */
  readonly iceServers?: readonly string[] | undefined;
  /** HTTP proxy through which relays are reached, with its password (relays/net/proxy.ts); `none`: none, whatever the environment says. */
  readonly proxy?: string | undefined;
}

/** Another member's announcement of subnets, as this node judged it. */
export interface KeptSubnets {
  /** The announcement, signed (identity/announcement.ts). */
  readonly document: string;
  /** How early this node holds each claim in it to be, by prefix text (subnets/book.ts). */
  readonly ranks: Readonly<Record<string, number>>;
}

/** The version of `Profile` that this program writes. */
export const profileVersion = 1;

export interface Profile {
  readonly version: typeof profileVersion;
  /** Signed network facts (identity/network.ts). */
  readonly network: string;
  /** Secret of this node (identity/keys.ts). */
  readonly nodeSeed: string;
  /** Secret of the network: only on the machine that made it. */
  readonly rootSeed?: string | undefined;
  /** Secret of the root key that is to replace it: here before the ledger says so, in place of the other one after. */
  readonly nextRootSeed?: string | undefined;
  /** The invite this node joined by, and its secret, so that it can sign its certificate again. */
  readonly invite?: string | undefined;
  readonly inviteSeed?: string | undefined;
  readonly name: string;
  readonly role: MemberRole;
  /** Address asked for with --ip; otherwise it follows from the node id. */
  readonly wantedIp?: string | undefined;
  /** Credential as made at init or join (identity/certificate.ts). The state may hold a later one. */
  readonly credential: string;
  /** Peers to stay linked with whatever the ring says: names, addresses or ids. */
  readonly links?: readonly string[] | undefined;
  /** Ranges that the operator lets the network have although they are public, or this machine uses a part of them. */
  readonly allowedRanges?: readonly string[] | undefined;
  /** Subnets behind this machine that it announces. */
  readonly announced?: readonly AnnouncedSubnet[] | undefined;
  /** Ranges of subnets that this machine sends to whoever announces them, and `all` for every private one. */
  readonly acceptedRoutes?: readonly string[] | undefined;
  /** The LAN that it bridges with the network. */
  readonly bridge?: BridgedLan | undefined;
  /** The member by which all traffic of this machine goes. */
  readonly exit?: UsedExit | undefined;
  /** Programs of this machine that members find by name. */
  readonly services?: readonly Service[] | undefined;
  readonly paths?: PathWishes | undefined;
  /** Interface name, kernel pattern. */
  readonly device: string;
  /** UDP port; 0 lets the node choose one and keep it. */
  readonly port: number;
  readonly invites: readonly InviteRecord[];
}

/** The version of `NodeState` that this program writes. */
export const stateVersion = 1;

/** Uses of invites that this machine counted as a witness, by the invite's key; keys are hexadecimal. */
export type InviteUses = Readonly<
  Record<
    string,
    {
      /** When the invite expires. */
      readonly notAfter: number;
      /** When the use by a node's key was counted. */
      readonly nodes: Readonly<Record<string, number>>;
    }
  >
>;

export interface NodeState {
  readonly version: typeof stateVersion;
  /** Credential with the relay's receipt, or re-signed after an address clash. */
  readonly credential?: string | undefined;
  /** UDP port of the last run: kept, so that NAT mappings and peers' candidates stay true after a restart. */
  readonly port?: number | undefined;
  /** Credentials of members seen, newest of each. */
  readonly members: readonly string[];
  /** What other members announced. */
  readonly subnets?: readonly KeptSubnets[] | undefined;
  /** Endpoints at which neighbours were reached, by node id: the way back in when no relay answers. */
  readonly endpoints: Readonly<Record<string, readonly string[]>>;
  /** Addresses of relays' names, as the resolver answered last. */
  readonly relayAddresses?: Readonly<Record<string, readonly string[]>> | undefined;
  /** When members went that were here, by node id. */
  readonly seen?: Readonly<Record<string, number>> | undefined;
  readonly uses?: InviteUses | undefined;
  /** What members said that left (identity/farewell.ts), oldest first. */
  readonly farewells?: readonly string[] | undefined;
}

/** The state of a node that never ran. */
export const emptyState: NodeState = { version: stateVersion, members: [], endpoints: {} };

/** What a node tells of itself when it is asked: the JSON of docs/cli.md. */
import type { NetworkReport } from '../identity/network.js';
import type { MemberReport } from '../membership/membership.js';
import type { PathReport } from '../path/path.js';
import type { LanReport } from '../bridging/report.js';
import type { AnomalyKind } from '../policy/policy.js';
import type { RefusalReport } from './refusals.js';
import type { UplinkReport } from '../surroundings/surroundings.js';
import { peerStates } from '../peer/peer-state.js';
import type { RouteFault } from '../subnets/route-report.js';
import type { RelayReport } from '../relays/relay-report.js';
import type { Service } from '../wire/services.js';
import type { NatFacts } from '../wire/nat.js';
import type { MappingProtocol } from '../wire/port-mapping.js';
import type { LinkRole, RingReport } from '../topology/overlay-ports.js';

/** How it stands with a peer, as it is told: `offline` when the relays say that it is connected to none. */
export const reportedStates = [...peerStates, 'offline'] as const;
export type ReportedState = (typeof reportedStates)[number];

/** What two members claim: MAC or address. */
export const conflictKinds = ['mac', 'ip'] as const;

/** A member that claims what another has had before. */
export interface ConflictReport extends MemberReport {
  readonly what: (typeof conflictKinds)[number];
  /** Name of the one that has it. */
  readonly holder: string;
}

export interface PeerReport extends MemberReport {
  readonly state: ReportedState;
  /** Name of the member whose address it claims; what it sends from there is dropped. */
  readonly addressOf: string | null;
  /** Since it went, as far as this node knows; null while it is connected, and when it was never seen. */
  readonly lastSeenAgeMs: number | null;
  readonly path: PathReport | null;
  readonly link: LinkRole | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly lastHandshakeAgeMs: number | null;
  /** Its frames are dropped for what it did; null: they are not. */
  readonly quarantine: { readonly kind: AnomalyKind; readonly remainingMs: number } | null;
  /** Programs that it offers; left out where it offers none, or is not connected. */
  readonly services?: readonly Service[] | undefined;
}

/** A program that a member offers. */
export interface OfferedService extends Service {
  /** Node id and name of the member, and its IPv4 address. */
  readonly peer: string;
  readonly member: string;
  readonly ip: string;
  readonly own: boolean;
}

/** Who was barred from the network. */
export interface RevokedReport {
  readonly id: string;
  /** As it was called. */
  readonly name: string;
  /** Empty when none was given. */
  readonly reason: string;
  /** RFC 3339, by the admin's clock. */
  readonly at: string;
  /** Name of the admin, or its id where that is not known; `root` for the network's root key. */
  readonly by: string;
}

/** Something that looked like an attack. */
export interface AnomalyReport {
  /** RFC 3339. */
  readonly at: string;
  readonly peer: string;
  readonly name: string;
  readonly kind: AnomalyKind;
  readonly count: number;
}

export interface DeviceReport {
  readonly name: string;
  /** UDP port of this machine by which the network's packets go. */
  readonly port: number;
  readonly mtu: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxFrames: number;
  readonly txFrames: number;
  /** Packets between other members that went through here; broadcasts passed on count too. */
  readonly transitPackets: number;
  readonly transitBytes: number;
  /** Frames dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** Times the packet worker crashed and was started again. */
  readonly restarts: number;
}

export interface NatReport extends NatFacts {
  readonly udpBlocked: boolean;
  /** This machine as the relays and other members see it, `HOST:PORT`. */
  readonly addresses: readonly string[];
  /** The port that the router opened for this machine, `HOST:PORT` outside, and by which protocol; null: none. */
  readonly portMapping: { readonly kind: MappingProtocol; readonly external: string } | null;
}

export interface RefusedRoute {
  /** Node id and name of who announced it. */
  readonly peer: string;
  readonly name: string;
  readonly cidr: string;
  readonly fault: RouteFault;
  /** Name of who holds it. */
  readonly holder: string | null;
}

/** Where the renewal of a membership stands: nothing to do yet, an admin is asked, or none answered so far. */
export const renewalStates = ['later', 'due', 'failing'] as const;

/** The certificate of this node. */
export interface CertificateReport {
  /** When the membership ends unless it is renewed, RFC 3339. */
  readonly expires: string;
  readonly renewal: (typeof renewalStates)[number];
}

/** Who waits until admins let it in. */
export interface ApplicantReport {
  readonly id: string;
  /** As it calls itself. */
  readonly name: string;
  readonly ip: string;
  /** Id of the token by which it comes. */
  readonly invite: string;
  readonly tags: readonly string[];
  /** RFC 3339: when this node heard of it. */
  readonly since: string;
  /** How many admins let it in, of how many that must. */
  readonly approvals: number;
  readonly needed: number;
}

/** Something of this machine that lies in the range of the network: frames for one of both do not get there. */
export interface ClashReport {
  readonly device: string;
  readonly kind: 'address' | 'gateway' | 'route';
  readonly cidr: string;
  /** Of a gateway: the interface of a network that the default route leads into; left out where it leads out. */
  readonly through?: string | undefined;
}

export interface StatusReport {
  readonly node: MemberReport & { readonly pid: number; readonly version: string; readonly uptimeMs: number };
  readonly network: NetworkReport;
  readonly device: DeviceReport;
  readonly relays: readonly RelayReport[];
  readonly nat: NatReport;
  readonly ring: RingReport & {
    /** Names of those of these members that the node knows, by id. */
    readonly names?: Readonly<Record<string, string>> | undefined;
  };
  readonly peerCount: number;
  /** This machine's clock is behind, and the relays' date is used, or ahead, and is used; left out where it is neither. */
  readonly clock?: { readonly behindMs: number; readonly aheadMs: number } | undefined;
  readonly conflicts?: readonly ConflictReport[] | undefined;
  readonly certificate: CertificateReport;
  /** The last ones, newest first. */
  readonly anomalies: readonly AnomalyReport[];
  /** On admins: who waits to be let in; left out where nobody does. */
  readonly waiting?: readonly ApplicantReport[] | undefined;
  /** Members of whom something was refused, the most first; left out where there are none. */
  readonly refusals?: readonly RefusalReport[] | undefined;
  /** Subnets that members announced and may not; left out where there are none. */
  readonly refusedRoutes?: readonly RefusedRoute[] | undefined;
  /** What of this machine lies in the range, where nobody allowed that; left out where nothing does. */
  readonly clash?: ClashReport | undefined;
  /** evio's packets leave by `device`, since nothing was heard by `instead`, which the kernel prefers; left out where they leave by that. */
  readonly uplink?: UplinkReport | undefined;
  /** The LAN that this machine bridges; left out where it bridges none. */
  readonly bridge?: LanReport | undefined;
}

export const candidateSides = ['local', 'remote'] as const;

/** An address at which a peer may be reached, ours or the peer's. */
export interface CandidateReport {
  readonly endpoint: string;
  readonly kind: string;
  readonly side: (typeof candidateSides)[number];
  readonly state: string;
  readonly rttMs: number | null;
}

export interface WhyReport {
  readonly peer: string;
  readonly path: PathReport | null;
  /** Of the path: pings since it was taken, 64 at most, and how many of them were not answered. Left out where there is none. */
  readonly loss?: { readonly asked: number; readonly unanswered: number } | undefined;
  readonly candidates: readonly CandidateReport[];
  /** What was tried and decided, oldest first; `at` is RFC 3339. */
  readonly log: readonly { readonly at: string; readonly event: string; readonly detail: string }[];
  /** How the NATs of both ends behave, in the words of RFC 4787; `remote`: as the peer tells, null where it does not. */
  readonly nat: { readonly local: NatFacts; readonly remote: NatFacts | null };
  readonly advice: readonly string[];
}

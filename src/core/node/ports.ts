/** What a run of a node needs from outside: the machine, and what outlives the run. */
import type { HandedSockets } from './fan-sockets.js';
import type { OpenConnection } from '../carriers/webrtc/connection.js';
import type { DataPlane, PlaneOptions } from '../dataplane/plane/plane.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import type { ChangedFacts } from '../ledger/statement.js';
import type { WrittenOrder } from '../membership/orders.js';
import type { NamesFacts, NameService } from '../names/names.js';
import type { Profile } from '../membership/profile.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { ProxyChoice } from '../lib/proxy-url.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { RouteSettings } from '../subnets/settings.js';
import type { Cidr } from '../lib/ipv4.js';
import type { BeaconsPorts } from '../surroundings/beacons.js';
import type { NatProbePorts } from '../surroundings/nat-probe.js';
import type { GatewayNews, GatewayWay } from '../surroundings/router-port.js';
import type { LocalRange } from '../surroundings/local-ranges.js';
import type { LocalAddress } from '../surroundings/candidate.js';
import type { Exit, WaysOut } from '../surroundings/ways-out.js';
import type { Suite } from '../wire/packet.js';
import type { RoutePorts } from './compose-subnets.js';
import type { Heard, Pin } from './numbered-sockets.js';
import type { LanLink, LanPortState } from './bridge.js';
import type { ExitPorts } from './exit.js';
import type { NodeEvent } from './events.js';
import type { NodeOptions } from './node.js';
import type { Timed } from './pulse.js';
import type { LocalSettings } from './local-settings.js';
import type { StateKeeper } from './state-keeper.js';

/** What gives memory back (native/v8.ts). */
export interface Tidier extends Timed {
  made(now: number): void;
}

/** What a test or the simulator may replace. */
export interface EnginePorts {
  /** Touches nothing before it is started. */
  makePlane(options: PlaneOptions): DataPlane;
  /** Default: the real ones. */
  readonly makeRelays?: (...made: ConstructorParameters<typeof RelaySet>) => RelaySet;
  /** Addresses of this machine. */
  addresses(): LocalAddress[];
  /** Default: none is known. @param further addresses that matter beside those of the internet @param over as `wayOut` has it */
  readonly ways?: (device: string, further: readonly string[], over: number) => WaysOut;
  /** Where packets to an address leave; default: that is not known. @param device that of the network */
  readonly exit?: (device: string, host: string) => Exit | null;
  /** Interfaces that stand on that of the network; default: none. */
  readonly stacked?: (device: string) => readonly string[];
  /** Tells when links, addresses or routes change; returns what ends it, undefined where nothing tells. */
  readonly watch?: (changed: () => void) => (() => void) | undefined;
  /** Opens sockets to the default gateway, to ask it for a port; default: it is not asked. */
  readonly gateway?: (gateway: string, source: string, heard: (news: GatewayNews) => void) => GatewayPort;
  /** Makes sockets to see by what the NAT does; default: it is not looked at closer. */
  readonly probe?: (heard: Heard, pin: Pin) => ProbePort;
  /** Makes many sockets, for NATs that draw ports at random; default: none are made, and none of others helped. */
  readonly fan?: (heard: Heard, pin: Pin) => HandedSockets;
  /** Makes the sockets by which members of a LAN find each other; default: nothing is said there. */
  readonly lan?: (heard: (bytes: Uint8Array) => void) => LanPort;
  /** The proxy by which a relay is reached, by the profile's wish; default: none. */
  readonly proxy?: (wish: string | undefined, host: string, port: number) => ProxyChoice | undefined;
  /** Makes a WebRTC connection; default: this node makes none, and answers no call. */
  readonly openCall?: OpenConnection;
  /** Addresses of a name, none where it has none; default: names are not resolved here. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** What of this machine, but for the interface, lies in a range or leads there; default: nothing. */
  readonly clash?: (range: Cidr, device: string) => LocalRange | undefined;
  /** Joins the interface with its ports for pods and for a LAN (tap/joined-ports.ts); default: there are none. */
  readonly joinPorts?: (device: string, lan: LanPortState | undefined, before: boolean) => boolean;
  /** Sends traffic of this machine by a member, and that of members out of it; default: neither. */
  readonly exits?: ExitPorts;
  /** Connects a LAN of this machine; default: none can be. */
  readonly lanLink?: LanLink;
  /** Default: no routes are set. */
  readonly routes?: RoutePorts;
  /** Keeps the network's names on this machine; default: nobody does. */
  readonly names?: (facts: NamesFacts) => NameService;
  /** Told of each member that is connected, gives memory back once many came; default: nobody does. */
  readonly tidying?: Tidier;
  /** The suite of the sessions that this node begins, default AES-256-GCM. It answers with whatever the other chose. */
  suite?(): Suite;
}

/** Sockets to the default gateway (gateway-socket.ts). */
export type GatewayPort = Omit<GatewayWay, 'open'>;

/** Multicast to the LANs of this machine (lan-sockets.ts). */
export type LanPort = Pick<BeaconsPorts, 'stand' | 'send'>;

/** Sockets that are used once (probe-sockets.ts). */
export type ProbePort = Pick<NatProbePorts, 'send' | 'close'>;

/** What outlives a run, and how the node hears of it. */
export interface RunContext {
  readonly options: NodeOptions;
  readonly ports: EnginePorts;
  readonly credential: OwnCredential;
  readonly keeper: StateKeeper;
  readonly routes: RouteSettings;
  readonly local: LocalSettings;
  readonly ledger: LedgerKeeper;
  /** The profile as it is now: `options` has it as it was when the process started. */
  readonly profile: () => Profile;
  /** Has the ledger say something, as an admin. */
  readonly amend: (order: WrittenOrder) => Promise<unknown>;
  /** A turn is over: anything may have changed. */
  readonly settled: () => void;
  readonly tell: (event: NodeEvent) => void;
  /** The node has another address: it must begin anew. */
  readonly readdressed: () => void;
  /** The network has other facts. */
  readonly refacted: (facts: ChangedFacts) => void;
  /** Our membership was renewed. */
  readonly renewed: (credential: Uint8Array) => void;
  /** The node cannot go on. */
  readonly fatal: (error: Error) => void;
}

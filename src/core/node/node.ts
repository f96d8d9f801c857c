/** A running node as its owner sees it: the command `node` and the control socket hold one. */
import type { NetworkMetrics } from './metrics-report.js';
import type { Env } from '../lib/env.js';
import type { LanReport } from '../bridging/report.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import type { Amended, WrittenOrder } from '../membership/orders.js';
import type { BridgedLan, NodeState, Profile } from '../membership/profile.js';
import type { NodeSwitches } from './switches.js';
import type { NamesReport } from '../names/report.js';
import type { Device, DeviceOptions } from '../tap/device.js';
import type { ExitReport } from '../subnets/exit-report.js';
import type { RouteReport } from '../subnets/route-report.js';
import type { PlaneDescriptors } from '../dataplane/plane/plane.js';
import type { NodeEvent } from './events.js';
import type { HeldNode, Heritage } from './held.js';
import type { KeyReport } from './key-order.js';
import type { PingReport } from './ping-report.js';
import type { PolicyReport } from '../policy/enforcement.js';
import type { OfferedService, PeerReport, RevokedReport, StatusReport, WhyReport } from './reports.js';
import type { Service } from '../wire/services.js';
import type { ProvenClock } from './proven-clock.js';
import type { Testimony } from './gathered.js';

export interface NodeOptions extends NodeSwitches {
  readonly profile: Profile;
  readonly state: NodeState;
  /** Keeps the node's state on disk. May fail (disk full): the node goes on and says so. */
  saveState(state: NodeState): void;
  /** Changes the profile on disk, while nobody else does. Default: what is announced and accepted ends with the process. */
  changeProfile?(change: (profile: Profile) => Profile): Promise<unknown>;
  /** The network's ledger and where it is kept. Default: in memory. */
  readonly ledger?: LedgerKeeper;
  readonly env: Env;
  readonly version: string;
  /** The clock of `env`, where relays may prove to it that it is behind; default: they may not. */
  readonly dates?: ProvenClock;
  /** Makes the port of the host, where it is none of the kernel's; nothing of the machine is set then. */
  readonly makeDevice?: (options: DeviceOptions) => Device;
  /** UDP port that overrides profile and state. */
  readonly port?: number;
  /** Peers to stay linked with whatever the ring says: names, addresses, ids, or beginnings of ids. */
  readonly links?: readonly string[];
  /** `started`, `ready` and `stopped` come once between `start` and `stop`, however often the node begins anew meanwhile. */
  readonly onEvent?: (event: NodeEvent) => void;
  /** Called when the node cannot go on by itself (device gone, refused by every relay). The owner stops it. */
  readonly onFatal?: (error: Error) => void;
  /** What the process before left of this network, once: the node goes on where that one stopped. */
  heritage?(networkId: string): Heritage | undefined;
  /** Advanced: how old a session's keys may grow, ms. Default 120 000 (EVIO_REKEY_AFTER_MS). */
  readonly rekeyAfterMs?: number;
  /** Advanced: for how long memberships are renewed here, ms. Default five years (EVIO_CERTIFICATE_LIFE_MS). */
  readonly certificateLifeMs?: number;
}

/** A node that leaves to another process; the steps follow each other as they stand here. */
export interface NodeMove {
  /** Descriptors that the other process is to inherit. Throws EvioError where it does not run. */
  descriptors(): PlaneDescriptors;
  /** Those of connections that the other process makes anew: as long as one is open, the relay at its other end believes us there. */
  kept(): number[];
  /** Comes to rest, nothing of the network is sent or read any more, and leaves what it knows. Throws with all as before. */
  freeze(): Promise<HeldNode>;
  /** Goes on as if nothing had been. */
  thaw(): void;
  /** The other process may go on from here: this one never uses the keys again. */
  letGo(): void;
  /** The other process came to its end: begins anew, with keys of its own. */
  recover(): Promise<void>;
  /** After `letGo`: closes what this process still holds of interface and sockets, which would outlive those of the other one. */
  leave(): Promise<void>;
}

/** A program that is offered; `port` null: no more. */
export type OfferedPort = Omit<Service, 'port'> & { readonly port: number | null };

/** What this machine does beside being a member. All but the reports throw EvioError EVIO_NOT_RUNNING, too. */
export interface NodeLocal {
  /** What programs connected members offer, and this one. */
  services(): OfferedService[];
  /**
   * Has members find a program of this machine; with `port` null no more.
   *
   * @throws EvioError EVIO_BAD_VALUE, EVIO_STORAGE
   */
  offerService(service: OfferedPort): Promise<void>;
  /** The LAN that is bridged; undefined: none is. */
  bridge(): LanReport | undefined;
  /**
   * Bridges a LAN of this machine with the network, in the place of the one before; undefined: none any more.
   *
   * @throws EvioError EVIO_NO_RIGHT, EVIO_BRIDGE_REFUSED, EVIO_BAD_VALUE, EVIO_STORAGE
   */
  setBridge(lan: BridgedLan | undefined): Promise<void>;
  /** By which member all traffic of this machine goes, and who offers that. */
  exit(): ExitReport;
  /**
   * Offers this machine as a way out, or no more.
   *
   * @throws EvioError EVIO_NO_RIGHT, EVIO_BAD_VALUE, EVIO_STORAGE
   */
  announceExit(offered: boolean): Promise<void>;
  /**
   * Sends all traffic of this machine by a member; undefined: no more.
   *
   * @throws EvioError EVIO_UNKNOWN_PEER, EVIO_EXIT, EVIO_STORAGE
   */
  useExit(wanted: { readonly peer: string; readonly allowLan: boolean } | undefined): Promise<void>;
  /**
   * Tells the session keys there are, at once, and each that comes, as lines of a key log (wire/key-log.ts), until what is
   * returned is called or the node stops. For whoever may read all that passes here: the log says that it happens.
   */
  watchKeys(told: (lines: string) => void): () => void;
}

export interface Node {
  readonly local: NodeLocal;
  readonly move: NodeMove;
  readonly networkId: string;
  readonly networkName: string;
  /**
   * Makes the interface and the socket, then connects in the background. Throws EvioError when the machine cannot, and
   * EVIO_INTERRUPTED when it was stopped meanwhile; nothing is left behind then.
   */
  start(): Promise<void>;
  /** Says goodbye to peers and relays and removes the interface, also while it starts. Idempotent, throws nothing. */
  stop(): Promise<void>;
  /**
   * Takes a credential (base64url) of this machine that was signed again, and begins anew with it. False when it is not ours.
   *
   * @param wantedIp the address that was asked for, which is not exchanged by itself
   */
  adopt(credential: string, wantedIp: string | undefined): Promise<boolean>;
  /** Takes what the profile on disk says of paths now, and begins anew. Throws EvioError EVIO_STORAGE. */
  repath(): Promise<void>;
  /** Tells relays and members that this machine leaves the network for good. Throws EvioError EVIO_NOT_RUNNING. */
  leave(): void;
  /** Resolves true once connected (a relay is up, a peer is connected, or there is nothing to connect to); false after the time. */
  waitConnected(timeoutMs: number): Promise<boolean>;
  status(): StatusReport;
  peers(): PeerReport[];
  /** The network in numbers, for who asks each second. */
  metrics(): NetworkMetrics;
  /** How the members' names are found on this machine. */
  names(): NamesReport;
  /** Who was barred from the network, the last first. */
  revoked(): RevokedReport[];
  /** The policy in force here, and what its rules did. */
  policy(): PolicyReport;
  /**
   * Has the ledger of the network say something, as an admin: it is on disk, and on its way to everybody, when this resolves.
   *
   * @throws EvioError EVIO_NOT_ADMIN, EVIO_BAD_VALUE, EVIO_UNKNOWN_PEER, EVIO_TOKEN_UNKNOWN, EVIO_REVOKED, EVIO_STORAGE
   */
  amend(order: WrittenOrder): Promise<Amended>;
  /**
   * Gives this machine another key: name, address, tags and rights stay, the key of before counts nowhere any more. The node
   * begins anew by it. Where that was begun before and no admin has seen it yet, it goes on.
   *
   * @throws EvioError EVIO_NOT_RUNNING, EVIO_TIMEOUT when no admin gave one, EVIO_BAD_VALUE, EVIO_STORAGE
   */
  newKey(): Promise<KeyReport>;
  /** @param peer name, id or id prefix, or address. Throws EvioError EVIO_UNKNOWN_PEER. */
  why(peer: string): Promise<WhyReport>;
  /** What other members say that they see. They are asked while this is asked every few seconds, and for a little after. */
  views(): Testimony[];
  /**
   * What another member says that it decided about the way to a third.
   *
   * @param by, about as `peer` of `why`; `about` may be this machine, by its id
   * @throws EvioError EVIO_UNKNOWN_PEER, EVIO_NO_RIGHT, EVIO_TIMEOUT
   */
  recall(by: string, about: string): Promise<WhyReport['log']>;
  /** Subnets behind members, and where they lead. */
  routes(): RouteReport[];
  /**
   * Tells everybody that this subnet lies behind this machine; `shared`: behind another member, too.
   *
   * @throws EvioError EVIO_BAD_VALUE, EVIO_NO_RIGHT, EVIO_SUBNET_TAKEN, EVIO_STORAGE
   */
  announceRoute(cidr: string, shared: boolean): Promise<void>;
  /** Takes that back. Harmless when it was not announced. Throws EvioError EVIO_BAD_VALUE, EVIO_STORAGE. */
  withdrawRoute(cidr: string): Promise<void>;
  /**
   * Sends packets for the subnets in this range to whoever announces them, or no more. `all` is every private one.
   *
   * @throws EvioError EVIO_BAD_VALUE, EVIO_STORAGE
   */
  acceptRoute(range: string, accepted: boolean): Promise<void>;
  /**
   * Makes pods of this machine neighbours in the network, by the port that was made for them (tap/joined-ports.ts); so does every
   * start. False when there is no such port.
   *
   * @throws EvioError EVIO_DEVICE
   */
  joinPods(): boolean;
  ping(
    peer: string,
    count: number,
    timeoutMs: number,
    intervalMs: number,
    signal?: AbortSignal,
  ): Promise<PingReport>;
}

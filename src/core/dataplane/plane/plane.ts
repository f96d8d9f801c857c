/**
 * The data plane port: what the control thread may ask of the packet path, and what it hears from it.
 *
 * The plane of a node (`worker-plane.ts`) runs packet loops in worker threads, over TAP and UDP socket; that of tests
 * (`test/support/memory-plane.ts`) and of a crowd in one process (`bench/crowd-plane.ts`) runs one in the caller's thread.
 * Peers are named by small integer slots that the caller gives out; a slot may be used again after removePeer.
 */
import type { Endpoint } from '../../lib/endpoint.js';
import type { HeldCounters, HeldFloods } from './held.js';
import type { SubnetRule } from '../../switch/subnet-table.js';
import type { Mendable } from '../../tap/mend.js';
import type { CompiledPolicy } from '../../switch/policy-table.js';
import type { Suite } from '../../wire/packet.js';

export type { HeldCounters } from './held.js';

/** How long a packet may be on a path (path/mtu.ts). */
export interface PathWidth {
  /** Longest plaintext of one packet, bytes, kind included; what is longer goes in pieces. Left out: it is not known, and nothing does. */
  readonly limit?: number | undefined;
  /** The limit is but the least that is of use, and what passes beyond it is being found out: a TCP that begins now would keep it for life. */
  readonly settling?: boolean;
  /** A single control message is to arrive as one IP packet, or not at all. It has no meaning for `setPath`. */
  readonly whole?: boolean;
}

/** How a packet reaches a peer. Relay and carrier paths name the peer by its node id (16 bytes). */
export type Path =
  /** `hops` limits how far a single control message goes (IP TTL); it has no meaning for `setPath`. */
  | ({ readonly kind: 'direct'; readonly endpoint: Endpoint; readonly hops?: number } & PathWidth)
  /** By UDP through the relay installed with `setRelay(relay, …)`. */
  | ({ readonly kind: 'relay'; readonly relay: number; readonly destination: Uint8Array } & PathWidth)
  /** By the hole that is set for the two (`setHole`); else to the control thread, which owns the carrier (core/carriers). */
  | ({ readonly kind: 'carrier'; readonly carrier: number; readonly destination: Uint8Array } & PathWidth)
  /**
   * Through other members: inside the session of the next hop, which the forwarding table of `setLinks` gives, or which
   * is `via` (a slot) when that is set. The destination is a node id.
   */
  | { readonly kind: 'overlay'; readonly destination: Uint8Array; readonly via?: number };

/** What a second copy of a packet may go by. */
export type BesidePath = Exclude<Path, { readonly kind: 'overlay' }>;

/** Of a LAN behind the interface: none is bridged; its hellos are heard, and nothing else; frames pass. */
export type LanMode = 'off' | 'closed' | 'open';

/** Where a packet came from. `source` is the node id that the relay vouches for. */
export type Origin =
  | { readonly kind: 'direct'; readonly endpoint: Endpoint }
  | { readonly kind: 'relay'; readonly relay: number; readonly source: Uint8Array }
  | { readonly kind: 'carrier'; readonly carrier: number; readonly source: Uint8Array }
  /** Forwarded by members; the last was the peer in slot `via`. Who sent it, the packet must prove. */
  | { readonly kind: 'overlay'; readonly via: number };

/** One link of the overlay: what forwarding and flooding go by (topology/router.ts, switch/bounded-flood.ts). */
export interface PlaneLink {
  readonly slot: number;
  /** Packets between others may go through it. */
  readonly forwards: boolean;
  /** Its part in broadcasts: covers an arc of the ring, gets a copy only, or nothing. */
  readonly flood: 'range' | 'copy' | 'none';
  /** Positions of the links of this link: where it reaches in one hop. */
  readonly reaches: readonly number[];
}

/** What the inner-source guard lets a member send (core/switch/guard.ts). */
export interface GuardRule {
  /** The member's own MAC, 6 bytes. */
  readonly mac: Uint8Array;
  /** The member's IPv4 address as an unsigned 32-bit number. */
  readonly ip: number;
  /** A member with the bridge right may use any source. */
  readonly bridge: boolean;
}

/** One member whose address the switch may answer for (ARP, IPv6 ND of the addresses made from the MAC). */
export interface Neighbour {
  readonly ip: number;
  readonly mac: Uint8Array;
}

/** Keys of one session direction pair. The plane copies the keys and wipes its copy with `removeKey`. */
export interface SessionKeys {
  /** Index that the peer puts into packets to us. Low 16 bits are the key's slot, so they are unique among live keys. */
  readonly localIndex: number;
  /** Index that we put into packets to the peer. */
  readonly remoteIndex: number;
  readonly suite: Suite;
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

/** Hears of keys. `nodeId`: whose they are. All bytes are the plane's, and for the time of the call. */
export type KeyWatcher = (nodeId: Uint8Array, keys: SessionKeys) => void;

/** A relay that is reached by UDP. */
export interface RelayRoute {
  readonly endpoint: Endpoint;
  /** Association index that the relay gave us (wire/relay.ts). */
  readonly association: number;
}

/** A socket by which one peer is reached, and nobody else. */
export interface HoleRoute {
  /** An IPv4 socket. The plane takes a copy; the caller closes its own. */
  readonly fd: number;
  /** Paths of this carrier to this node id go by it, and what comes from the endpoint is told as the carrier's. */
  readonly carrier: number;
  readonly destination: Uint8Array;
  readonly endpoint: Endpoint;
}

/** Authentic packets that came by a hole, and batches that went. */
export interface HoleCounters {
  readonly received: number;
  readonly sent: number;
}

/** Counters of one peer, read from shared memory at the moment of the call. Times are `performance.now()`-like ms of `PlaneCounters.now()`. */
export interface PeerCounters {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  /** Authenticated packets with a frame, by how they came and went. */
  rxDirect: number;
  rxRelayed: number;
  txDirect: number;
  txRelayed: number;
  /** Last authenticated packet of any kind; last by a direct path; last frame sent. 0 is never. */
  lastRxMs: number;
  lastRxDirectMs: number;
  lastTxMs: number;
  /** Packets of others that this link gave us to forward (or deliver), and that we gave to it. Floods count too. */
  rxTransit: number;
  txTransit: number;
  /** What the peer did that looks like an attack (policy/anomaly.ts). */
  spoofed: number;
  floodLimited: number;
  replayed: number;
  denied: number;
  /** Of those denied, the ones aimed where the others of the last seconds were not. */
  probes: number;
  /** Messages and handshakes that it brought beyond what one member may. */
  controlLimited: number;
}

/** Why the plane dropped a packet or a frame. The order is the layout of the shared counters: append only. */
export const dropReasons = [
  'unknown-type',
  'short',
  'unknown-index',
  'replayed',
  'bad-tag',
  'guard-mac',
  'guard-ip',
  'malformed-frame',
  'no-peer',
  'no-session',
  'no-path',
  'send-failed',
  'send-full',
  'device-full',
  'oversize',
  'control-queue-full',
  'carrier-full',
  'flood-limited',
  'counter-exhausted',
  'no-route',
  'hops-exceeded',
  'transit-limited',
  'flood-duplicate',
  'no-listener',
  'thread-full',
  'guard-unreadable',
  'guard-service',
  'seal-failed',
  'own-packet',
  'flood-forged',
  'flood-replayed',
  'flood-unknown',
  'policy',
  'quarantined',
  'piece-lost',
  'control-limited',
] as const;
export type DropReason = (typeof dropReasons)[number];

/** What a member is found to do that an honest one does not. */
export const suspicions = ['flood-forged', 'flood-replayed'] as const;
export type Suspicion = (typeof suspicions)[number];

export interface DeviceCounters {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  /** Packets between other members that went through here, and their bytes. Broadcasts passed on count too. */
  transitPackets: number;
  transitBytes: number;
  drops: Record<DropReason, number>;
}

/** What the plane tells. Byte arrays belong to the listener. Called on the control thread, in order of arrival. */
export interface PlaneListener {
  /** A packet that is not data: handshake, STUN, relayBound… Queue-limited; the surplus is dropped and counted. */
  packet(bytes: Uint8Array, origin: Origin): void;
  /** A control message of an authenticated peer (kind 0x10, without the kind byte). */
  control(slot: number, bytes: Uint8Array, origin: Origin): void;
  /** The first authenticated packet under a key that is not used for sending yet. */
  confirmed(slot: number, localIndex: number): void;
  /** The device sent a unicast frame to a peer without a session or path. At most once a second per peer. */
  wanted(slot: number): void;
  /**
   * A frame, or something to be passed on, went to the peer or came from it after at least a second without: its
   * counters move again. At most once a second per peer; control messages and keepalives do not count.
   */
  stirred(slot: number): void;
  /**
   * The device sent a frame to a unicast address that no member known here has, while `complete` is false. At most once
   * a second per address; a few frames are held for a second, and flooded when the address stays unknown.
   */
  unknown(mac: Uint8Array): void;
  /**
   * A flood claims to be of the member with this id, which is no peer: the link in the slot, which passed it on, knows who
   * that is. The flood waits three seconds for `addPeer`.
   */
  stranger(slot: number, id: Uint8Array): void;
  /** The peer passes on floods that are forged, or that came before. At most once in ten seconds per peer. */
  suspect(slot: number, reason: Suspicion): void;
  /** A counter of what looks like an attack moved for the peer (`spoofed` and those behind it). At most once a second per peer. */
  conduct(slot: number): void;
  /** An authenticated packet came by a direct endpoint that is not the peer's path. At most ten a second per peer. */
  roamed(slot: number, endpoint: Endpoint): void;
  /**
   * Packets to be carried by the control thread, each 2-byte little-endian length then bytes, for one destination. The
   * listener owns the bytes, and the room in front of them (`carrierRoom`).
   */
  carry(carrier: number, destination: Uint8Array, batch: Uint8Array): void;
  /** A frame with a hello came from the LAN behind the interface. At most 40 a second. */
  lanHello(frame: Uint8Array): void;
  /** A key is near its message limit (2^60, or 2^52 in this implementation) and must be replaced. */
  exhausted(slot: number, localIndex: number): void;
  /** A packet thread crashed, and another goes on with its state; `restarts` counts. */
  restarted(restarts: number, reason: string): void;
  /** The plane cannot go on (the device was removed, say). */
  failed(error: Error): void;
}

/** Descriptors of a plane, as another process inherits them. */
export interface PlaneDescriptors {
  readonly device: string;
  /** It has its IPv6 address. */
  readonly deviceIpv6: boolean;
  readonly datagramOffload: boolean;
  /** Queues of the interface. */
  readonly taps: readonly number[];
  readonly udps: readonly number[];
  /** Sockets of holes, by their numbers. */
  readonly holes: ReadonlyMap<number, number>;
  readonly port: number;
  readonly ipv6: boolean;
}

/** What a plane leaves to the one that goes on in its place. */
export interface HeldPlane {
  /** By local index. The arrays are copies, which their owner wipes. */
  readonly keys: readonly HeldKey[];
  readonly floods: HeldFloods | null;
  /** Memory of `OwnFlows`, keys included; null without a policy. */
  readonly flows: Int32Array | null;
  /** Counters of the device and of the peers, as shared.ts lays them out. */
  readonly device: Float64Array;
  readonly peers: readonly { readonly slot: number; readonly counters: Float64Array }[];
  /** Holes whose sockets are those of the descriptors still. */
  readonly holes: readonly number[];
}

export interface HeldKey {
  readonly keys: SessionKeys;
  readonly counters: HeldCounters;
}

/** A plane whose descriptors and keys can go to another process. */
export interface MovablePlane {
  descriptors(): PlaneDescriptors;
  /** Finishes what is in hand; then nothing is read, sent or written, and commands wait. */
  freeze(): Promise<HeldPlane>;
  /** Goes on as if nothing had been; or begins, where it was made to begin at rest. */
  thaw(): void;
  /** Takes over what is about no single peer or key. Before `thaw`. */
  adopt(held: Omit<HeldPlane, 'keys' | 'holes'>): void;
  /** Sockets of holes that came with the program, by the numbers that they had, once: they are the caller's then, to be closed. */
  takeHoles(): ReadonlyMap<number, number>;
}

export interface DataPlane {
  /** Undefined: it stays where it is. */
  readonly movable?: MovablePlane | undefined;
  /** UDP port that is bound, after `start`. */
  readonly port: number;
  /** Name of the network interface, after `start`. */
  readonly deviceName: string;
  start(listener: PlaneListener): Promise<void>;
  /** Idempotent. The interface is gone when it resolves. */
  stop(): Promise<void>;

  /** `publicKey`: its Ed25519 key, 32 bytes, with which it signs its floods. */
  addPeer(slot: number, nodeId: Uint8Array, publicKey: Uint8Array, guard: GuardRule): void;
  removePeer(slot: number): void;
  /**
   * The path for data. With null frames are held briefly (8 a peer) and `wanted` is told. `beside`: the path is in doubt, and
   * each packet goes this way, too, as it is; the receiver's window takes the first of the two. None through other members.
   */
  setPath(slot: number, path: Path | null, beside?: BesidePath): void;
  /**
   * Installs keys for receiving. Sending goes on under the key chosen by `useKey`. `held`: what another process did with them
   * before this one, which does nothing more with them.
   */
  addKey(slot: number, keys: SessionKeys, held?: HeldCounters): void;
  useKey(slot: number, localIndex: number): void;
  removeKey(localIndex: number): void;
  /**
   * Tells every live key, at once, and each that is installed later, until what is returned is called or the plane stops.
   * Undefined: it keeps no keys here.
   */
  watchKeys?(told: KeyWatcher): () => void;
  setRelay(relay: number, route: RelayRoute | null): void;
  /** Numbers are below `holeLimit` (shared.ts). A hole is set anew only after null. */
  setHole(hole: number, route: HoleRoute | null): void;
  /** Replaces the table from which ARP and ND are answered, and which guards other members' addresses. */
  setNeighbours(neighbours: readonly Neighbour[]): void;
  /** Replaces the table of subnets behind members, this node's own included, by which the guard lets sources pass. */
  setSubnets(subnets: readonly SubnetRule[]): void;
  /** A peer has this address behind it, 6 bytes: frames for it go there until it ages, or is seen elsewhere. */
  learn(slot: number, mac: Uint8Array): void;

  /**
   * The policy by which frames for this node pass; null: every frame does. `fresh`: its rules are others than before, so
   * their counters begin at zero. Peers that come later are unknown to it until it is set again; quarantine ends with null.
   */
  setPolicy(policy: CompiledPolicy | null, fresh: boolean): void;
  /** While a policy is set: no frame of this peer reaches the interface. */
  setQuarantine(slot: number, on: boolean): void;

  /** A LAN lies behind the interface (loop/lan-port.ts). @param word by which its hellos are known */
  setLan(mode: LanMode, word: number): void;
  /** Puts a frame on that LAN. */
  sendLan(frame: Uint8Array): void;

  /**
   * The links of the overlay; replaces what was set. `complete`: every member of the network has a peer here, so a
   * unicast frame to an unknown address is flooded at once.
   */
  setLinks(links: readonly PlaneLink[], complete: boolean): void;

  /** Seals a control message for a peer; by its path, or by the one given. False when there is no key. Empty bytes: keepalive. */
  sendControl(slot: number, bytes: Uint8Array, path?: Path): void;
  /** Sends bytes as they are (handshake, STUN, relayBind). By a carrier only where a hole is set for it: for others core/carriers does it. */
  sendPacket(bytes: Uint8Array, path: Path): void;
  /**
   * Packets that a carrier received from `source`: the batch form of `carry`. From here on the plane owns the bytes, and
   * their whole memory when they reach to its end.
   */
  carried(carrier: number, source: Uint8Array, batch: Uint8Array): void;
  /** Binds a new UDP socket, on the same port where possible: after a change of addresses or a resume from sleep. */
  rebind(): Promise<void>;

  /** Has UDP leave by these interfaces, by index, whatever routes say; 0: by routes. Holds for sockets bound later, too. */
  pin(v4: number, v6: number): void;
  /** Sets again what another program changed of the interface; returns what that was. */
  mend(): readonly Mendable[];

  /** Milliseconds on the clock of the counters. */
  now(): number;
  /** With `into`, that object may be filled and returned: for whoever looks often at many peers. */
  peerCounters(slot: number, into?: PeerCounters): PeerCounters;
  deviceCounters(): DeviceCounters;
  /** When a member's authentic packet last came through this relay by UDP, on the clock of the counters; 0 is never. */
  relayHeardMs(relay: number): number;
  /** Since it was set. */
  holeCounters(hole: number): HoleCounters;
  /** How often each rule decided, then `policyCounts` (switch/policy-filter.ts); `rules` of them in all. */
  policyCounters(rules: number): Float64Array;
}

/** How to make the real plane. */
export interface PlaneOptions {
  /** Wanted interface name; `%d` is replaced by the kernel (`evio%d`). */
  readonly deviceName: string;
  /** Own node id, 16 bytes. */
  readonly nodeId: Uint8Array;
  /** Secret of the own key, 32 bytes: floods are signed with it. */
  readonly seed: Uint8Array;
  readonly mac: Uint8Array;
  readonly ip: number;
  readonly prefix: number;
  /** The upper 8 bytes of the members' IPv6 addresses (identity/inner-ipv6.ts). */
  readonly prefix6: Uint8Array;
  readonly mtu: number;
  /** A leaf forwards nothing for others. */
  readonly leaf?: boolean;
  /** This node has the bridge right: machines behind its interface may want any multicast group. */
  readonly bridge?: boolean;
  /** UDP port; 0 takes a free one. */
  readonly port: number;
  /** Packet threads; the plane chooses when left out. */
  readonly threads?: number;
  /** Address to bind UDP to; default every address, IPv6 and IPv4. */
  readonly bindAddress?: string;
  /** Interface and socket are there already, of the process before: it begins at rest, until `thaw`. */
  readonly inherited?: PlaneDescriptors | undefined;
}

/** What the rooms of the packet loop share: memory, kernel, crypto, tables, counters and the time of this round. */
import type { Arena } from '../../native/arena.js';
import type { Evp } from '../../native/evp.js';
import type { AddressOwners } from '../../switch/address-owners.js';
import type { Fdb } from '../../switch/fdb.js';
import type { Guard } from '../../switch/guard.js';
import type { MemberTable } from '../../switch/members.js';
import type { SubnetTable } from '../../switch/subnet-table.js';
import type { Multicast } from '../../switch/multicast.js';
import type { PolicyFilter } from '../../switch/policy-filter.js';
import type { ThreadRing } from './thread-ring.js';
import type { Learning } from './learning.js';
import type { LanPort } from './lan-port.js';
import type { Links } from './links.js';
import type { KeyMemory } from '../keys/key-state.js';
import type { PacketIo } from './packet-io.js';
import type { ThreadRole } from '../plane/roles.js';
import type { Holes } from './holes.js';
import type { Relays } from './route.js';
import type { SharedMemory } from '../plane/shared.js';
import type { PeerEntry, Tables } from './table.js';
import type { TxBatch } from '../offload/tx-batch.js';
import type { Uplink } from './uplink.js';

export interface LoopOptions {
  /** Own node id, 16 bytes. */
  readonly nodeId: Uint8Array;
  /** Forwards nothing for others. */
  readonly leaf: boolean;
  /** Other machines are bridged behind this node. */
  readonly bridge: boolean;
  /** Listens for who wants which multicast group, and sends others only there. Without it everybody gets everything. */
  readonly snooping: boolean;
  /** Secret of the own key, with which floods are signed, 32 bytes. It is copied when the loop is made. */
  readonly seed: Uint8Array;
  /** Own IPv4 address, signed 32 bits. */
  readonly ip: number;
  /** The upper half of the members' IPv6 addresses, two words, signed. */
  readonly prefix6: readonly [number, number];
  readonly macHigh: number;
  readonly macLow: number;
  readonly mtu: number;
}

/** One loop among several; the defaults are those of the only one. */
export interface LoopThreads {
  readonly role: ThreadRole;
  readonly keys: KeyMemory;
  /** Whose addresses are that no certificate names: the same for all. */
  readonly owners: AddressOwners;
  /** To the steward; null in the steward itself. */
  readonly outgoing: ThreadRing | null;
  /** From the others, in the steward. */
  readonly incoming: readonly ThreadRing[];
  /** Wakes the steward. */
  readonly wake: () => void;
}

export interface LoopContext {
  readonly options: LoopOptions;
  readonly arena: Arena;
  readonly io: PacketIo;
  readonly evp: Evp;
  readonly shared: SharedMemory;
  readonly tables: Tables;
  readonly relays: Relays;
  readonly holes: Holes;
  readonly tx: TxBatch;
  readonly uplink: Uplink;
  readonly fdb: Fdb;
  readonly learning: Learning;
  /** To the loop that keeps account of broadcasts and groups; null in that loop itself. */
  readonly toSteward: ThreadRing | null;
  readonly members: MemberTable;
  readonly subnets: SubnetTable;
  readonly guard: Guard;
  readonly links: Links;
  readonly multicast: Multicast;
  /** Offset of the own node id. */
  readonly self: number;
  /** Null: no LAN is bridged. */
  lan: LanPort | null;
  /** Null: there is no policy. */
  policy: PolicyFilter | null;
  /** Milliseconds, read once a round. */
  now: number;
  /** The last peer in this round whose traffic was noted (stir.ts). */
  stirred: PeerEntry | null;
}

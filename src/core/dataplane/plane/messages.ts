/** What the control thread posts to the worker, and what the worker posts back. Structured clone carries both. */
import type { MessagePort } from 'node:worker_threads';
import type { HeldCounters, HeldFloods, HeldLoop } from './held.js';
import type { CompiledPolicy } from '../../switch/policy-table.js';
import type {
  GuardRule,
  HoleRoute,
  LanMode,
  Neighbour,
  Origin,
  BesidePath,
  Path,
  PlaneLink,
  RelayRoute,
  SessionKeys,
  Suspicion,
} from './plane.js';
import type { ThreadRole } from './roles.js';
import type { Endpoint } from '../../lib/endpoint.js';
import type { SubnetRule } from '../../switch/subnet-table.js';

export type Command =
  | {
      readonly type: 'add-peer';
      readonly slot: number;
      readonly nodeId: Uint8Array;
      readonly publicKey: Uint8Array;
      readonly guard: GuardRule;
    }
  | { readonly type: 'remove-peer'; readonly slot: number }
  | {
      readonly type: 'set-path';
      readonly slot: number;
      readonly path: Path | null;
      /** The path is in doubt: this one as well. */
      readonly beside?: BesidePath | undefined;
    }
  /** `replayed` when a worker before this one may have used the key: counters go on from shared memory. */
  | {
      readonly type: 'add-key';
      readonly slot: number;
      readonly keys: SessionKeys;
      readonly replayed: boolean;
      /** Place of its counters and window where several threads share them (key-state.ts). */
      readonly place?: number;
      /** Where they do not: counters of the process that used it before. */
      readonly held?: HeldCounters;
    }
  | { readonly type: 'use-key'; readonly slot: number; readonly localIndex: number }
  | { readonly type: 'remove-key'; readonly localIndex: number }
  | { readonly type: 'set-relay'; readonly relay: number; readonly route: RelayRoute | null }
  | { readonly type: 'set-hole'; readonly hole: number; readonly route: HoleRoute | null }
  | { readonly type: 'set-neighbours'; readonly neighbours: readonly Neighbour[] }
  | { readonly type: 'set-subnets'; readonly subnets: readonly SubnetRule[] }
  | { readonly type: 'set-links'; readonly links: readonly PlaneLink[]; readonly complete: boolean }
  /** `flows`: memory of `OwnFlows`, shared by all threads. */
  | {
      readonly type: 'set-policy';
      readonly policy: CompiledPolicy | null;
      readonly fresh: boolean;
      readonly flows: SharedArrayBuffer;
    }
  | { readonly type: 'set-quarantine'; readonly slot: number; readonly on: boolean }
  | {
      readonly type: 'send-control';
      readonly slot: number;
      readonly bytes: Uint8Array;
      readonly path: Path | undefined;
    }
  | { readonly type: 'send-packet'; readonly bytes: Uint8Array; readonly path: Path }
  | { readonly type: 'set-lan'; readonly mode: LanMode; readonly word: number }
  | { readonly type: 'send-lan'; readonly bytes: Uint8Array }
  | {
      readonly type: 'carried';
      readonly carrier: number;
      readonly source: Uint8Array;
      readonly batch: Uint8Array;
    }
  /** Another thread learned an address, or the control thread knows who has it. */
  | {
      readonly type: 'learn';
      readonly high: number;
      readonly low: number;
      readonly slot: number;
    }
  /** The worker finishes what it has in hand, tells `frozen`, and rests: commands wait until `thaw`. */
  | { readonly type: 'freeze' }
  | { readonly type: 'thaw' }
  /** Floods of the process before. */
  | { readonly type: 'set-floods'; readonly floods: HeldFloods }
  /** Test hook: the worker throws. */
  | { readonly type: 'crash' };

export type Event =
  /** The worker has begun its work. */
  | { readonly type: 'ready' }
  | { readonly type: 'packet'; readonly bytes: Uint8Array; readonly origin: Origin }
  | { readonly type: 'control'; readonly slot: number; readonly bytes: Uint8Array; readonly origin: Origin }
  | { readonly type: 'confirmed'; readonly slot: number; readonly localIndex: number }
  | { readonly type: 'wanted'; readonly slot: number }
  | { readonly type: 'stirred'; readonly slot: number }
  /** Strangers send more than is passed on; so many initiations a second came since the last one, or the start. */
  | { readonly type: 'crowded'; readonly perSecond: number }
  | { readonly type: 'unknown'; readonly mac: Uint8Array }
  | { readonly type: 'stranger'; readonly slot: number; readonly id: Uint8Array }
  | { readonly type: 'suspect'; readonly slot: number; readonly reason: Suspicion }
  | { readonly type: 'conduct'; readonly slot: number }
  | { readonly type: 'roamed'; readonly slot: number; readonly endpoint: Endpoint }
  | {
      readonly type: 'carry';
      readonly carrier: number;
      readonly destination: Uint8Array;
      readonly batch: Uint8Array;
    }
  /** An address behind a bridging member: for the other threads. */
  | {
      readonly type: 'learned';
      readonly high: number;
      readonly low: number;
      readonly slot: number;
    }
  /** A frame with a hello, which came from the LAN. */
  | { readonly type: 'lan-hello'; readonly bytes: Uint8Array }
  | { readonly type: 'exhausted'; readonly slot: number; readonly localIndex: number }
  /** Nothing is read, sent or written any more. */
  | { readonly type: 'frozen'; readonly held: HeldLoop }
  | { readonly type: 'failed'; readonly message: string };

/** What a worker among several is started with, beyond the rest. */
export interface ThreadSetup {
  readonly role: ThreadRole;
  readonly keys: SharedArrayBuffer;
  /** Memory of `AddressOwners`. */
  readonly owners: SharedArrayBuffer;
  /** Ring to the steward; null for the steward. */
  readonly outgoing: SharedArrayBuffer | null;
  /** Rings of the others, for the steward. */
  readonly incoming: readonly SharedArrayBuffer[];
  /** Eventfd of the steward. */
  readonly stewardFd: number;
}

/** What a worker is started with. Descriptors belong to the process; the control thread opens and closes them. */
export interface WorkerSetup {
  /** It begins at rest, as after `freeze`. */
  readonly frozen: boolean;
  readonly shared: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly tapFd: number;
  readonly datagramOffload: boolean;
  readonly udpFd: number;
  readonly wakeFd: number;
  /** Null for the only thread. */
  readonly threads: ThreadSetup | null;
  /** True when the UDP socket is AF_INET6. */
  readonly ipv6: boolean;
  /** Memory mapped below 2 GiB for the arena, or 0. */
  readonly arenaAddress: number;
  readonly arenaLength: number;
  readonly nodeId: Uint8Array;
  /** Wiped by the worker once it has it. */
  readonly seed: Uint8Array;
  readonly leaf: boolean;
  readonly bridge: boolean;
  readonly ip: number;
  readonly prefix6: Uint8Array;
  readonly mac: Uint8Array;
  readonly mtu: number;
}

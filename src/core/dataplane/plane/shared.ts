/**
 * Memory that the control thread and the worker share: counters, the clock, and what must outlive a worker that crashed.
 *
 * The worker is the only writer of everything but `control` and `flow`. Numbers are doubles,
 * which are written and read whole on the machines evio runs on.
 */
import { zeroCounters } from '../../peer/zero-counters.js';
import { ruleLimit } from '../../policy/policy.js';
import { policyCounts } from '../../switch/policy-filter.js';
import {
  dropReasons,
  type DeviceCounters,
  type DropReason,
  type HoleCounters,
  type PeerCounters,
} from './plane.js';

/** Peers a plane can hold; slots are below it. */
export const peerLimit = 4_096;
/** Relays a plane can hold; their numbers are below it. */
export const relayLimit = 256;
/** Sockets of their own for one peer each (loop/holes.ts) that a plane can hold; their numbers are below it. */
export const holeLimit = 32;
/** Keys a plane can hold: the low 16 bits of a local index. */
export const keyLimit = 65_536;

/** Fields of one peer, in the order of the doubles of its record. */
export const PeerField = {
  rxFrames: 0,
  rxBytes: 1,
  txFrames: 2,
  txBytes: 3,
  rxDirect: 4,
  rxRelayed: 5,
  txDirect: 6,
  txRelayed: 7,
  lastRxMs: 8,
  lastRxDirectMs: 9,
  lastTxMs: 10,
  rxTransit: 11,
  txTransit: 12,
  /** When a frame, envelope or flood last went to the peer or came from it. */
  trafficMs: 13,
  /** What looks like an attack (misconduct.ts). */
  spoofed: 14,
  floodLimited: 15,
  replayed: 16,
  denied: 17,
  probes: 18,
  controlLimited: 19,
} as const;
export const peerStride = 20;
/** What is counted of a hole: authentic packets that came, and trains that went. */
export const HoleField = { received: 0, sent: 1, count: 2 } as const;
/** Counters of rules and of what no rule decides. */
const policyLength = ruleLimit + policyCounts.length;

export const DeviceField = {
  rxFrames: 0,
  rxBytes: 1,
  txFrames: 2,
  txBytes: 3,
  transitPackets: 4,
  transitBytes: 5,
  /** Initiations that came in directly. */
  initiations: 6,
  drops: 8,
} as const;
const deviceLength = DeviceField.drops + 64;

/** Index of each drop reason in the order of `dropReasons`. */
export const Drop = Object.fromEntries(dropReasons.map((reason, i) => [reason, i])) as Record<
  DropReason,
  number
>;

/** Doubles written by the control thread. */
export const FlowField = {
  /** Bytes of carrier batches that the listener has taken. */
  carryDone: 0,
  /** Packets and control messages that the listener has taken. */
  eventsDone: 1,
  /** UDP port of the node. */
  port: 2,
} as const;

export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  /** See native/supervised-thread.ts. */
  readonly control: Int32Array;
  readonly flow: Float64Array;
  readonly device: Float64Array;
  readonly peers: Float64Array;
  /** When something authentic last came through each relay. */
  readonly relays: Float64Array;
  /** See HoleField; by number of the hole. */
  readonly holes: Float64Array;
  /** How often each rule of the policy decided (switch/policy-filter.ts). */
  readonly policy: Float64Array;
  /** Next counter to send, by key slot: written before a packet is sealed, so no restart can use a nonce again. */
  readonly keyNext: Float64Array;
  /** One more than the highest counter received, by key slot. */
  readonly keySeen: Float64Array;
  /** Which local index the two belong to, as signed 32 bits. */
  readonly keyIndex: Int32Array;
}

/** Counts `n` drops for the reason with this index in `Drop`. */
export function drop(shared: SharedMemory, reason: number, n = 1): void {
  const at = DeviceField.drops + reason;
  shared.device[at] = (shared.device[at] as number) + n;
}

const controlBytes = 64;
const flowBytes = 64;

/** Lays the views over a buffer; without one, over a new one. */
export function sharedMemory(
  buffer = new SharedArrayBuffer(
    controlBytes +
      flowBytes +
      8 *
        (deviceLength +
          peerLimit * peerStride +
          relayLimit +
          holeLimit * HoleField.count +
          policyLength +
          2 * keyLimit) +
      4 * keyLimit,
  ),
): SharedMemory {
  let at = 0;
  const doubles = (count: number, bytes = count * 8): Float64Array => {
    const view = new Float64Array(buffer, at, count);
    at += bytes;
    return view;
  };
  const control = new Int32Array(buffer, 0, controlBytes / 4);
  at = controlBytes;
  return {
    buffer,
    control,
    flow: doubles(flowBytes / 8),
    device: doubles(deviceLength),
    peers: doubles(peerLimit * peerStride),
    relays: doubles(relayLimit),
    holes: doubles(holeLimit * HoleField.count),
    policy: doubles(policyLength),
    keyNext: doubles(keyLimit),
    keySeen: doubles(keyLimit),
    keyIndex: new Int32Array(buffer, at, keyLimit),
  };
}

/** Of all threads together: sums, and the latest times. Fills `into` and returns it. */
export function readPeerCounters(
  threads: readonly SharedMemory[],
  slot: number,
  into = zeroCounters(),
): PeerCounters {
  const at = slot * peerStride;
  for (const [i, { peers }] of threads.entries()) {
    const first = i === 0;
    into.rxFrames = (first ? 0 : into.rxFrames) + (peers[at + PeerField.rxFrames] ?? 0);
    into.rxBytes = (first ? 0 : into.rxBytes) + (peers[at + PeerField.rxBytes] ?? 0);
    into.txFrames = (first ? 0 : into.txFrames) + (peers[at + PeerField.txFrames] ?? 0);
    into.txBytes = (first ? 0 : into.txBytes) + (peers[at + PeerField.txBytes] ?? 0);
    into.rxDirect = (first ? 0 : into.rxDirect) + (peers[at + PeerField.rxDirect] ?? 0);
    into.rxRelayed = (first ? 0 : into.rxRelayed) + (peers[at + PeerField.rxRelayed] ?? 0);
    into.txDirect = (first ? 0 : into.txDirect) + (peers[at + PeerField.txDirect] ?? 0);
    into.txRelayed = (first ? 0 : into.txRelayed) + (peers[at + PeerField.txRelayed] ?? 0);
    into.rxTransit = (first ? 0 : into.rxTransit) + (peers[at + PeerField.rxTransit] ?? 0);
    into.txTransit = (first ? 0 : into.txTransit) + (peers[at + PeerField.txTransit] ?? 0);
    into.spoofed = (first ? 0 : into.spoofed) + (peers[at + PeerField.spoofed] ?? 0);
    into.floodLimited = (first ? 0 : into.floodLimited) + (peers[at + PeerField.floodLimited] ?? 0);
    into.replayed = (first ? 0 : into.replayed) + (peers[at + PeerField.replayed] ?? 0);
    into.denied = (first ? 0 : into.denied) + (peers[at + PeerField.denied] ?? 0);
    into.probes = (first ? 0 : into.probes) + (peers[at + PeerField.probes] ?? 0);
    into.controlLimited = (first ? 0 : into.controlLimited) + (peers[at + PeerField.controlLimited] ?? 0);
    into.lastRxMs = Math.max(first ? 0 : into.lastRxMs, peers[at + PeerField.lastRxMs] ?? 0);
    into.lastRxDirectMs = Math.max(
      first ? 0 : into.lastRxDirectMs,
      peers[at + PeerField.lastRxDirectMs] ?? 0,
    );
    into.lastTxMs = Math.max(first ? 0 : into.lastTxMs, peers[at + PeerField.lastTxMs] ?? 0);
  }
  return into;
}

/** When something authentic last came through the relay, by whichever thread; 0 is never. */
export function readRelayHeard(threads: readonly SharedMemory[], relay: number): number {
  return threads.reduce((last, { relays }) => Math.max(last, relays[relay] ?? 0), 0);
}

/** Of all threads together. */
export function readHoleCounters(threads: readonly SharedMemory[], hole: number): HoleCounters {
  const at = hole * HoleField.count;
  const read = (field: number): number =>
    threads.reduce((sum, { holes }) => sum + (holes[at + field] ?? 0), 0);
  return { received: read(HoleField.received), sent: read(HoleField.sent) };
}

export function readDeviceCounters(threads: readonly SharedMemory[]): DeviceCounters {
  const read = (field: number): number => threads.reduce((sum, { device }) => sum + (device[field] ?? 0), 0);
  return {
    rxFrames: read(DeviceField.rxFrames),
    rxBytes: read(DeviceField.rxBytes),
    txFrames: read(DeviceField.txFrames),
    txBytes: read(DeviceField.txBytes),
    transitPackets: read(DeviceField.transitPackets),
    transitBytes: read(DeviceField.transitBytes),
    drops: Object.fromEntries(
      dropReasons.map((reason, i) => [reason, read(DeviceField.drops + i)]),
    ) as Record<DropReason, number>,
  };
}

/** The first `length` counters of the policy, of all threads together. */
export function readPolicyCounters(threads: readonly SharedMemory[], length: number): Float64Array {
  const sums = new Float64Array(length);
  for (const { policy } of threads)
    for (let i = 0; i < length; i++) sums[i] = (sums[i] as number) + (policy[i] ?? 0);
  return sums;
}

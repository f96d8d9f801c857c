/**
 * A plane on its way to another process: its threads come to rest, what they know is gathered, and either they go on as if
 * nothing had been, or the other process does. Keys and counters leave together or not at all.
 *
 *   freeze   receivers and transmitters first, the steward last: what they passed to it is sent, too
 *   thaw     commands that came meanwhile are carried out, in order
 */
import { EvioError } from '../../lib/errors.js';
import type { KeyPlaces } from '../keys/key-state.js';
import type { HeldLoop } from './held.js';
import type { Command } from './messages.js';
import type { Mirror } from './mirror.js';
import type { HeldKey, HeldPlane, MovablePlane, PlaneDescriptors } from './plane.js';
import { PeerField, peerStride, type SharedMemory } from './shared.js';

/** Fields of a peer that are no counters. */
const timeFields = [PeerField.lastRxMs, PeerField.lastRxDirectMs, PeerField.lastTxMs, PeerField.trafficMs];
/** A thread that does not come to rest in this time is stuck. */
const restMs = 1_000;

/** A packet thread, as this file sees it. */
export interface Movable {
  readonly steward: boolean;
  post(command: Command): void;
}

export interface MovingPorts {
  readonly mirror: Mirror;
  readonly places: KeyPlaces | undefined;
  /** Of each thread; the first is that of the steward. */
  readonly memories: readonly SharedMemory[];
  threads(): readonly Movable[];
  descriptors(): PlaneDescriptors;
  flows(): Int32Array | null;
  adoptFlows(words: Int32Array): void;
  /** See HeldPlane. */
  holes(): readonly number[];
}

export class Moving implements MovablePlane {
  readonly #ports: MovingPorts;
  /** Told when a thread rests. */
  readonly #waiting = new Map<Movable, (held: HeldLoop) => void>();
  #frozen: boolean;
  #holes: ReadonlyMap<number, number>;

  /** @param inherited the threads begin at rest, and go on with these */
  constructor(ports: MovingPorts, inherited: PlaneDescriptors | undefined) {
    this.#ports = ports;
    this.#frozen = inherited !== undefined;
    this.#holes = inherited?.holes ?? new Map<number, number>();
  }

  /** A thread that begins now begins at rest. */
  get frozen(): boolean {
    return this.#frozen;
  }

  descriptors(): PlaneDescriptors {
    return this.#ports.descriptors();
  }

  /** What a thread told when it came to rest. */
  rested(thread: Movable, held: HeldLoop): void {
    this.#waiting.get(thread)?.(held);
    this.#waiting.delete(thread);
  }

  async freeze(): Promise<HeldPlane> {
    // From here on: one that is started again meanwhile must not send what the counters told do not count.
    this.#frozen = true;
    const threads = this.#ports.threads();
    const workers = threads.filter(({ steward }) => !steward);
    const rested = await Promise.all(workers.map((thread) => this.#rest(thread)));
    rested.push(...(await Promise.all(threads.filter(({ steward }) => steward).map((t) => this.#rest(t)))));
    const { memories, mirror } = this.#ports;
    return {
      keys: this.#keys(rested),
      floods: rested.find(({ floods }) => floods !== null)?.floods ?? null,
      flows: this.#ports.flows(),
      device: sum(memories.map(({ device }) => device)),
      peers: mirror.slots().map((slot) => {
        const [from, to] = [slot * peerStride, (slot + 1) * peerStride];
        return { slot, counters: sumOfPeer(memories.map(({ peers }) => peers.slice(from, to))) };
      }),
      holes: this.#ports.holes(),
    };
  }

  #rest(thread: Movable): Promise<HeldLoop> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(thread);
        reject(new EvioError('EVIO_INTERNAL', 'a packet thread does not come to rest'));
      }, restMs);
      this.#waiting.set(thread, (held) => {
        clearTimeout(timer);
        resolve(held);
      });
      thread.post({ type: 'freeze' });
    });
  }

  /** A key without its counters is nobody's. */
  #keys(rested: readonly HeldLoop[]): HeldKey[] {
    const own = new Map(rested.flatMap(({ counters }) => counters));
    return this.#ports.mirror.keys().flatMap((keys): HeldKey[] => {
      const { localIndex } = keys;
      const counters = this.#ports.places?.held(localIndex) ?? own.get(localIndex);
      if (counters) return [{ keys, counters }];
      keys.sendKey.fill(0);
      keys.receiveKey.fill(0);
      return [];
    });
  }

  thaw(): void {
    this.#frozen = false;
    for (const thread of this.#ports.threads()) thread.post({ type: 'thaw' });
  }

  adopt({ floods, flows, device, peers }: Omit<HeldPlane, 'keys' | 'holes'>): void {
    const [memory] = this.#ports.memories;
    if (flows) this.#ports.adoptFlows(flows);
    memory?.device.set(device.subarray(0, memory.device.length));
    for (const { slot, counters } of peers)
      memory?.peers.set(counters.subarray(0, peerStride), slot * peerStride);
    if (floods)
      for (const thread of this.#ports.threads())
        if (thread.steward) thread.post({ type: 'set-floods', floods });
  }

  takeHoles(): ReadonlyMap<number, number> {
    const holes = this.#holes;
    this.#holes = new Map();
    return holes;
  }
}

function sum(all: readonly Float64Array[]): Float64Array {
  const total = new Float64Array(all[0]?.length ?? 0);
  for (const one of all)
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (one[i] ?? 0);
  return total;
}

/** Counters are added up; of times the latest counts. */
function sumOfPeer(all: readonly Float64Array[]): Float64Array {
  const total = sum(all);
  for (const at of timeFields) total[at] = Math.max(...all.map((one) => one[at] ?? 0));
  return total;
}

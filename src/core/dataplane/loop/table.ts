/** Peers by slot and keys by index: the state of the worker, without behaviour. */
import type { Arena } from '../../native/arena.js';
import type { CipherContext, Evp } from '../../native/evp.js';
import { macHigh, macLow } from '../../wire/ethernet.js';
import { positionOf } from '../../topology/position.js';
import type { HeldFrame } from './held-frame.js';
import { OwnKeyState, SharedKeyState, type KeyMemory, type KeyState } from '../keys/key-state.js';
import type { HeldCounters } from '../plane/held.js';
import type { BesidePath, GuardRule, SessionKeys } from '../plane/plane.js';
import type { HoleEntry } from './holes.js';
import { Route, routeBytes, RouteKind, type RouteEnds } from './route.js';
import { keyLimit, peerLimit, peerStride, type SharedMemory } from '../plane/shared.js';

export class KeyEntry {
  readonly peer: PeerEntry;
  /** Low 16 bits of the local index: place in the shared arrays. */
  readonly slot: number;
  readonly localIndex: number;
  /** As signed 32 bits, the form in which packets carry it. */
  readonly remoteIndex: number;
  readonly sealing: CipherContext;
  readonly opening: CipherContext;
  /** Its counters, sent and received. */
  readonly state: KeyState;
  /** Something authentic came under this key. */
  confirmed = false;
  /** `exhausted` was told. */
  exhausted = false;
  /** Header length of the last TCP frame that came: where the payload of the next one will probably begin. */
  guess = 0;

  constructor(peer: PeerEntry, keys: SessionKeys, evp: Evp, state: KeyState) {
    this.peer = peer;
    this.state = state;
    this.slot = keys.localIndex & 0xffff;
    this.localIndex = keys.localIndex;
    this.remoteIndex = keys.remoteIndex | 0;
    this.sealing = evp.sealing(keys.suite, keys.sendKey);
    this.opening = evp.opening(keys.suite, keys.receiveKey);
  }
}

export class PeerEntry {
  readonly slot: number;
  readonly nodeId: Uint8Array;
  /** Its Ed25519 key. */
  readonly publicKey: Uint8Array;
  /** Its place on the ring. */
  readonly position: number;
  readonly macHigh: number;
  readonly macLow: number;
  /** IPv4 address, signed 32 bits. */
  readonly ip: number;
  readonly bridge: boolean;
  readonly route: Route;
  /** Its route is in doubt, and packets go by this one, too; almost always null. */
  beside: Route | null = null;
  /** When it was last heard by a relay or carrier that is not its route. */
  elsewhereAt = -Infinity;
  readonly #second: Route;
  /** Start of its counters in shared memory. */
  readonly counters: number;
  readonly keys: KeyEntry[] = [];
  sending: KeyEntry | null = null;
  held: HeldFrame[] = [];
  wantedAt = -Infinity;
  roamedAt = -Infinity;
  /** When the control thread was told of something that looks like an attack. */
  misconductAt = -Infinity;

  /** @param second what `beside` becomes */
  constructor(
    slot: number,
    nodeId: Uint8Array,
    publicKey: Uint8Array,
    guard: GuardRule,
    route: Route,
    second: Route,
  ) {
    const mac = new DataView(guard.mac.buffer, guard.mac.byteOffset, guard.mac.length);
    this.slot = slot;
    this.nodeId = nodeId;
    this.publicKey = publicKey;
    this.position = positionOf(nodeId);
    this.macHigh = macHigh(mac, 0);
    this.macLow = macLow(mac, 0);
    this.ip = guard.ip | 0;
    this.bridge = guard.bridge;
    this.route = route;
    this.#second = second;
    this.counters = slot * peerStride;
  }

  /** Has packets go by this path, too, or no more. */
  doubt(beside: BesidePath | null, ends: RouteEnds): void {
    this.beside = beside !== null && this.#second.set(beside, ends) ? this.#second : null;
  }

  /** Nothing goes by this hole any more. */
  leave(hole: HoleEntry): void {
    this.route.leave(hole);
    if (this.beside?.hole === hole) this.beside = null;
  }

  /** Packets can be sealed for it and leave by a route of its own: what a next hop must have. */
  get reachable(): boolean {
    return this.sending !== null && this.route.kind !== RouteKind.overlay && this.route.usable;
  }
}

export class Tables {
  readonly peers: (PeerEntry | null)[] = new Array<PeerEntry | null>(peerLimit).fill(null);
  readonly keys: (KeyEntry | null)[] = new Array<KeyEntry | null>(keyLimit).fill(null);
  readonly #arena: Arena;
  readonly #evp: Evp;
  readonly #shared: SharedMemory;
  readonly #routes: number;
  readonly #keyMemory: KeyMemory | null;

  /** With `keyMemory` the keys are those of several threads. */
  constructor(arena: Arena, evp: Evp, shared: SharedMemory, keyMemory: KeyMemory | null = null) {
    this.#arena = arena;
    this.#evp = evp;
    this.#shared = shared;
    this.#keyMemory = keyMemory;
    this.#routes = arena.alloc(2 * peerLimit * routeBytes);
  }

  /** Puts a peer into its slot; counters of the slot begin at zero unless it is replayed after a restart. */
  addPeer(slot: number, nodeId: Uint8Array, publicKey: Uint8Array, guard: GuardRule): PeerEntry {
    this.removePeer(slot);
    const at = this.#routes + 2 * slot * routeBytes;
    const [route, second] = [new Route(this.#arena, at), new Route(this.#arena, at + routeBytes)];
    const peer = new PeerEntry(slot, nodeId, publicKey, guard, route, second);
    this.peers[slot] = peer;
    return peer;
  }

  removePeer(slot: number): PeerEntry | null {
    const peer = this.peers[slot] ?? null;
    if (peer) for (const key of [...peer.keys]) this.removeKey(key.localIndex);
    this.peers[slot] = null;
    return peer;
  }

  /**
   * Null when there is no such peer. A live key in the same slot is removed first. `place` is that of the key's state
   * where several threads share it, and `held` what it begins with where they do not.
   */
  addKey(
    slot: number,
    keys: SessionKeys,
    replayed: boolean,
    place = -1,
    held?: HeldCounters,
  ): KeyEntry | null {
    const peer = this.peers[slot];
    if (!peer) return null;
    const at = keys.localIndex & 0xffff;
    const before = this.keys[at];
    if (before) this.removeKey(before.localIndex);
    const state = this.#keyMemory
      ? new SharedKeyState(this.#keyMemory, place)
      : new OwnKeyState(this.#shared, keys.localIndex, replayed, held);
    const key = new KeyEntry(peer, keys, this.#evp, state);
    this.keys[at] = key;
    peer.keys.push(key);
    return key;
  }

  /** The live key with this index, or null. */
  findKey(localIndex: number): KeyEntry | null {
    const key = this.keys[localIndex & 0xffff] ?? null;
    return key && key.localIndex === localIndex ? key : null;
  }

  /** Frees the contexts, which wipes the keys. */
  removeKey(localIndex: number): KeyEntry | null {
    const key = this.findKey(localIndex);
    if (!key) return null;
    this.keys[key.slot] = null;
    const { peer } = key;
    peer.keys.splice(peer.keys.indexOf(key), 1);
    if (peer.sending === key) peer.sending = null;
    this.#evp.release(key.sealing);
    this.#evp.release(key.opening);
    return key;
  }

  /** Counters of the keys that no other thread uses, by local index. */
  held(): (readonly [localIndex: number, counters: HeldCounters])[] {
    return this.peers.flatMap((peer) =>
      (peer?.keys ?? []).flatMap(({ localIndex, state }) =>
        state instanceof OwnKeyState ? [[localIndex, state.held()] as const] : [],
      ),
    );
  }

  /** Frees every key. */
  clear(): void {
    for (let slot = 0; slot < peerLimit; slot++) this.removePeer(slot);
  }
}

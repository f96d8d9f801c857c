/**
 * What every plane over packet loops has in common, whether they run in threads or here: the methods of the port become
 * commands, made in this one place, and the counters are read from the memory that the loops write to.
 *
 * A command owns its bytes: callers may go on with theirs, and a view would be cloned with everything that it is a part of.
 */
import type { Mendable } from '../../tap/mend.js';
import type { SubnetRule } from '../../switch/subnet-table.js';
import { randomFillSync } from 'node:crypto';
import type { HeldCounters } from './held.js';
import { fingerprintKeys } from '../../switch/fingerprint.js';
import { OwnFlows } from '../../switch/own-flows.js';
import type { CompiledPolicy } from '../../switch/policy-table.js';
import { carrierHeaderLength } from '../../wire/relay.js';
import type { Command } from './messages.js';
import type {
  BesidePath,
  DataPlane,
  DeviceCounters,
  GuardRule,
  HoleCounters,
  HoleRoute,
  LanMode,
  MovablePlane,
  Neighbour,
  Path,
  PeerCounters,
  PlaneLink,
  PlaneListener,
  RelayRoute,
  SessionKeys,
} from './plane.js';
import {
  peerLimit,
  peerStride,
  readDeviceCounters,
  readHoleCounters,
  readRelayHeard,
  readPeerCounters,
  readPolicyCounters,
  type SharedMemory,
} from './shared.js';

/** A copy with a buffer of its own. */
export function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function ownPath<Kind extends Path>(path: Kind): Kind {
  return path.kind === 'direct' ? { ...path } : { ...path, destination: own(path.destination) };
}

export abstract class CommandPlane implements DataPlane {
  abstract readonly port: number;
  abstract readonly deviceName: string;
  /** Of each loop: no two write to one. */
  protected readonly memories: SharedMemory[] = [];
  /** While a policy is set. */
  #flows: OwnFlows | undefined;
  /** They are of the process before, and no policy was set here yet. */
  #inherited = false;

  /** The real plane is. */
  get movable(): MovablePlane | undefined {
    return undefined;
  }

  abstract start(listener: PlaneListener): Promise<void>;
  abstract stop(): Promise<void>;
  abstract rebind(): Promise<void>;
  abstract now(): number;

  /** There are sockets and an interface in the real plane only. */
  pin(_v4: number, _v6: number): void {
    return;
  }

  mend(): readonly Mendable[] {
    return [];
  }

  /** Tells every loop. */
  protected abstract command(command: Command): void;
  /** Tells the loop that sends what the control thread has to send: one, so that it leaves in order. */
  protected abstract commandSender(command: Command): void;
  /** Tells a loop that receives. `transfer` may be taken away from the caller. */
  protected abstract commandReceiver(command: Command, transfer: ArrayBuffer[]): void;

  /** Throws RangeError for a slot that there is not. */
  addPeer(slot: number, nodeId: Uint8Array, publicKey: Uint8Array, guard: GuardRule): void {
    if (!Number.isInteger(slot) || slot < 0 || slot >= peerLimit) {
      throw new RangeError(`peer slot ${slot} is not below ${peerLimit}`);
    }
    for (const { peers } of this.memories) peers.fill(0, slot * peerStride, (slot + 1) * peerStride);
    const rule = { ...guard, mac: own(guard.mac) };
    this.command({ type: 'add-peer', slot, nodeId: own(nodeId), publicKey: own(publicKey), guard: rule });
  }

  removePeer(slot: number): void {
    this.command({ type: 'remove-peer', slot });
  }

  setPath(slot: number, path: Path | null, beside?: BesidePath): void {
    const command = { type: 'set-path', slot, path: path && ownPath(path) } as const;
    this.command(beside ? { ...command, beside: ownPath(beside) } : command);
  }

  addKey(slot: number, keys: SessionKeys, held?: HeldCounters): void {
    this.installKey(slot, keys, undefined, held);
  }

  /** `place` is that of the key's state where several threads share it; `held` is for a key that they do not. */
  protected installKey(slot: number, keys: SessionKeys, place?: number, held?: HeldCounters): void {
    const copy = { ...keys, sendKey: own(keys.sendKey), receiveKey: own(keys.receiveKey) };
    const command = { type: 'add-key', slot, keys: copy, replayed: false } as const;
    this.command({
      ...command,
      ...(place === undefined ? {} : { place }),
      ...(held === undefined ? {} : { held }),
    });
    copy.sendKey.fill(0);
    copy.receiveKey.fill(0);
  }

  useKey(slot: number, localIndex: number): void {
    this.command({ type: 'use-key', slot, localIndex });
  }

  removeKey(localIndex: number): void {
    this.command({ type: 'remove-key', localIndex });
  }

  setRelay(relay: number, route: RelayRoute | null): void {
    this.command({ type: 'set-relay', relay, route });
  }

  setHole(hole: number, route: HoleRoute | null): void {
    this.command({
      type: 'set-hole',
      hole,
      route: route && { ...route, destination: own(route.destination) },
    });
  }

  setNeighbours(neighbours: readonly Neighbour[]): void {
    const copy = neighbours.map(({ ip, mac }) => ({ ip, mac: own(mac) }));
    this.command({ type: 'set-neighbours', neighbours: copy });
  }

  setSubnets(subnets: readonly SubnetRule[]): void {
    const copy = subnets.map(({ words, length, mac }) => ({ words, length, mac: own(mac) }));
    this.command({ type: 'set-subnets', subnets: copy });
  }

  learn(slot: number, mac: Uint8Array): void {
    const view = new DataView(mac.buffer, mac.byteOffset, mac.length);
    this.command({ type: 'learn', high: view.getUint16(0), low: view.getInt32(2), slot });
  }

  setPolicy(policy: CompiledPolicy | null, fresh: boolean): void {
    if (!policy && !this.#flows) return;
    // Flows of the process before are known: its policy was this one.
    if (this.#inherited) fresh = false;
    this.#inherited = false;
    const flows = (this.#flows ??= this.#newFlows());
    if (!policy) this.#flows = undefined;
    this.command({ type: 'set-policy', policy, fresh, flows: flows.buffer });
  }

  /** A copy of the flows that this node began; null without a policy. */
  protected heldFlows(): Int32Array | null {
    return this.#flows?.words.slice() ?? null;
  }

  /** Before the first policy is set. */
  protected adoptFlows(words: Int32Array): void {
    const flows = new OwnFlows(words);
    if (words.length !== flows.words.length) return;
    flows.words.set(words);
    this.#flows = flows;
    this.#inherited = true;
  }

  #newFlows(): OwnFlows {
    const flows = new OwnFlows(randomFillSync(new Int32Array(fingerprintKeys)));
    flows.begin(Math.floor(this.now() / 1_000));
    return flows;
  }

  setLan(mode: LanMode, word: number): void {
    this.command({ type: 'set-lan', mode, word });
  }

  sendLan(frame: Uint8Array): void {
    this.commandSender({ type: 'send-lan', bytes: own(frame) });
  }

  setQuarantine(slot: number, on: boolean): void {
    this.command({ type: 'set-quarantine', slot, on });
  }

  setLinks(links: readonly PlaneLink[], complete: boolean): void {
    const copy = links.map((link) => ({ ...link, reaches: [...link.reaches] }));
    this.command({ type: 'set-links', links: copy, complete });
  }

  sendControl(slot: number, bytes: Uint8Array, path?: Path): void {
    this.commandSender({ type: 'send-control', slot, bytes: own(bytes), path: path && ownPath(path) });
  }

  sendPacket(bytes: Uint8Array, path: Path): void {
    this.commandSender({ type: 'send-packet', bytes: own(bytes), path: ownPath(path) });
  }

  carried(carrier: number, source: Uint8Array, batch: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = batch;
    // A header in front is carried along.
    const whole = byteOffset <= carrierHeaderLength && byteOffset + byteLength === buffer.byteLength;
    this.commandReceiver(
      { type: 'carried', carrier, source: own(source), batch: whole ? batch : own(batch) },
      whole && buffer instanceof ArrayBuffer ? [buffer] : [],
    );
  }

  peerCounters(slot: number, into?: PeerCounters): PeerCounters {
    return readPeerCounters(this.memories, slot, into);
  }

  deviceCounters(): DeviceCounters {
    return readDeviceCounters(this.memories);
  }

  relayHeardMs(relay: number): number {
    return readRelayHeard(this.memories, relay);
  }

  holeCounters(hole: number): HoleCounters {
    return readHoleCounters(this.memories, hole);
  }

  policyCounters(rules: number): Float64Array {
    return readPolicyCounters(this.memories, rules);
  }
}

/**
 * The real data plane: opens interface, socket and eventfd, starts the worker thread that moves the packets, and
 * starts it again with the same descriptors and state when it falls. Descriptors belong to the process, so the
 * interface stays while the thread is exchanged. With several threads (roles.ts) each is told the same.
 */
import { availableParallelism } from 'node:os';
import { EvioError, messageOf } from '../../lib/errors.js';
import type { Logger } from '../../lib/env.js';
import { Arena, mapLow, unmap } from '../../native/arena.js';
import { monotonicClock } from '../../native/clock.js';
import { Evp } from '../../native/evp.js';
import { libc } from '../../native/libc.js';
import type { Device } from '../../tap/device.js';
import { createTap } from '../../tap/tap-linux.js';
import { batchOf, carrierHeaderLength } from '../../wire/relay.js';
import { deliver } from './deliver.js';
import { HandoverRing } from '../loop/handover.js';
import { arenaLength } from '../loop/loop.js';
import { KeyMemory, KeyPlaces, sharedKeyLimit } from '../keys/key-state.js';
import type { Command, Event, ThreadSetup } from './messages.js';
import { Mirror } from './mirror.js';
import { PacketThread } from './packet-thread.js';
import type {
  DataPlane,
  DeviceCounters,
  GuardRule,
  Neighbour,
  Path,
  PeerCounters,
  PlaneLink,
  PlaneListener,
  PlaneOptions,
  RelayRoute,
  SessionKeys,
} from './plane.js';
import { defaultThreads, rolesFor, rolesOf, type Role, type Roles } from './roles.js';
import {
  peerLimit,
  peerStride,
  readDeviceCounters,
  readPeerCounters,
  sharedMemory,
  type SharedMemory,
} from './shared.js';
import { superFrameLimit } from '../offload/tx-batch.js';
import { openUdpGroup, sharePort, type UdpSocket } from './udp-socket.js';

/** A worker that falls this often within the window is not started again. */
const restartLimit = 5;
const restartWindowMs = 10_000;

/** A copy with a buffer of its own: a view would be cloned with everything that it is a part of. */
function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function ownPath(path: Path): Path {
  return path.kind === 'direct' ? { ...path } : { ...path, destination: own(path.destination) };
}

interface Thread {
  readonly role: Role;
  readonly packets: PacketThread;
  /** Its own counters: no two threads write to one. */
  readonly shared: SharedMemory;
  /** To the steward. */
  readonly ring: HandoverRing | null;
  arenaAddress: number;
  ready: boolean;
}

export class WorkerPlane implements DataPlane {
  readonly #options: PlaneOptions;
  readonly #log: Logger;
  #roles: Roles;
  readonly #threads: Thread[] = [];
  /** Of each thread. */
  readonly #counters: SharedMemory[] = [];
  /** What several threads share of their keys; undefined for one. */
  readonly #places: KeyPlaces | undefined;
  readonly #keys: KeyMemory | undefined;
  readonly #mirror = new Mirror();
  readonly #now = monotonicClock(new Arena(16));
  #listener: PlaneListener | undefined;
  #device: Device | undefined;
  #udp: UdpSocket[] = [];
  #stopping: Promise<void> | undefined;
  #restarts = 0;
  #falls: number[] = [];
  #failed = false;
  /** Settle `start`; undefined once it is settled. */
  #ready: (() => void) | undefined;
  #unready: ((error: Error) => void) | undefined;

  constructor(options: PlaneOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#roles = rolesOf(options.threads ?? defaultThreads(availableParallelism()));
    if (this.#roles.threads.length > 1) {
      this.#keys = new KeyMemory();
      this.#places = new KeyPlaces(this.#keys);
    }
  }

  get port(): number {
    return this.#udp[0]?.port ?? 0;
  }

  get deviceName(): string {
    return this.#device?.name ?? '';
  }

  /** Throws EVIO_NO_NATIVE, EVIO_NO_TUN, EVIO_NO_PRIVILEGE, EVIO_DEVICE or EVIO_ADDRESS_IN_USE, with nothing left behind. */
  async start(listener: PlaneListener): Promise<void> {
    if (this.#device || this.#stopping) throw new EvioError('EVIO_INTERNAL', 'a data plane starts once');
    const { deviceName, mac, ip, prefix, mtu, port, bindAddress } = this.#options;
    this.#listener = listener;
    try {
      // What the worker will need: better missed here, where it can be told.
      new Evp(new Arena(4096));
      const { queues, sockets } = this.#roles;
      this.#udp = openUdpGroup(port, bindAddress, sockets);
      this.#device = createTap({
        name: deviceName,
        mac,
        ip,
        prefix,
        mtu,
        superFrame: superFrameLimit(mtu),
        queues,
      });
      if (this.#device.fds.length < queues) {
        this.#log.warn('one queue of the interface only', { wanted: queues });
        this.#roles = rolesFor(1, sockets);
      }
      for (const role of this.#roles.threads) this.#threads.push(this.#makeThread(role));
      const ready = new Promise<void>((resolve, reject) => {
        this.#ready = resolve;
        this.#unready = reject;
      });
      for (const thread of this.#threads) this.#begin(thread);
      await ready;
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
  }

  #makeThread(role: Role): Thread {
    const shared = sharedMemory();
    this.#counters.push(shared);
    const thread: Thread = {
      role,
      shared,
      ready: false,
      ring: role.steward ? null : new HandoverRing(),
      arenaAddress: mapLow(arenaLength),
      packets: new PacketThread(shared, {
        events: (events) => {
          for (const event of events) this.#deliver(thread, event);
        },
        fell: (reason) => {
          this.#fell(thread, reason);
        },
      }),
    };
    return thread;
  }

  #begin(thread: Thread): void {
    const { role, packets } = thread;
    const udp = this.#udp[role.socket];
    const device = this.#device;
    const tapFd = device?.fds[role.queue];
    if (!udp || !device || tapFd === undefined) return;
    const { nodeId, ip, mac, mtu, leaf, bridge } = this.#options;
    const setup = {
      tapFd,
      datagramOffload: device.datagramOffload,
      udpFd: udp.fd,
      ipv6: udp.ipv6,
      arenaAddress: thread.arenaAddress,
      arenaLength,
      nodeId: own(nodeId),
      leaf: leaf ?? false,
      bridge: bridge ?? false,
      ip,
      mac,
      mtu,
      threads: this.#threadSetup(thread),
    };
    const number = this.#threads.indexOf(thread);
    packets.begin(setup, `evio-plane-${device.name}${this.#threads.length > 1 ? `-${number}` : ''}`);
    // Only the start, which somebody waits for, keeps the process alive.
    if (!this.#ready) packets.letGo();
  }

  #threadSetup({ role, ring }: Thread): ThreadSetup | null {
    const steward = this.#threads[0];
    if (!this.#keys || !steward) return null;
    return {
      role,
      keys: this.#keys.buffer,
      outgoing: ring?.buffer ?? null,
      incoming: role.steward ? this.#threads.flatMap((t) => (t.ring ? [t.ring.buffer] : [])) : [],
      stewardFd: steward.packets.wakeFd,
    };
  }

  /** A worker is gone without being asked. */
  #fell(thread: Thread, reason: string): void {
    if (this.#unready) {
      this.#unready(new EvioError('EVIO_INTERNAL', `the data plane does not start: ${reason}`));
      return;
    }
    const now = this.#now();
    this.#falls = this.#falls.filter((at) => now - at < restartWindowMs);
    this.#falls.push(now);
    if (this.#falls.length > restartLimit) {
      this.#fail(new EvioError('EVIO_INTERNAL', `the data plane falls again and again: ${reason}`));
      return;
    }
    this.#restarts++;
    this.#log.error('data plane restarted', { restarts: this.#restarts, reason });
    try {
      this.#begin(thread);
    } catch (thrown) {
      this.#fail(thrown instanceof Error ? thrown : new Error(String(thrown)));
      return;
    }
    for (const command of this.#mirror.replay()) thread.packets.post(command);
    this.#listener?.restarted(this.#restarts, reason);
  }

  #fail(error: Error): void {
    if (this.#failed || this.#stopping) return;
    this.#failed = true;
    this.#listener?.failed(error);
  }

  #deliver(thread: Thread, event: Event): void {
    const listener = this.#listener;
    if (!listener || this.#stopping) return;
    switch (event.type) {
      case 'ready':
        thread.packets.letGo();
        thread.ready = true;
        if (!this.#threads.every(({ ready }) => ready)) return;
        this.#ready?.();
        this.#ready = undefined;
        this.#unready = undefined;
        return;
      case 'learned': {
        const { high, low, slot, hearsay } = event;
        for (const { packets } of this.#threads)
          if (packets !== thread.packets) packets.post({ type: 'learn', high, low, slot, hearsay });
        return;
      }
      case 'failed':
        this.#fail(new EvioError('EVIO_DEVICE', event.message, ['restart the node']));
        return;
      default:
        deliver(listener, thread.shared, event);
    }
  }

  /** Tells every thread. */
  #command(command: Command): void {
    if (this.#stopping) return;
    this.#mirror.note(command);
    for (const { packets } of this.#threads) packets.post(command);
  }

  /** Tells the one that sends what the control thread has to send: one, so that it leaves in order. */
  #send(command: Command): void {
    if (!this.#stopping) this.#threads[0]?.packets.post(command);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#threads.map(({ packets }) => packets.end()));
    this.#device?.close();
    for (const { fd } of this.#udp) libc().close(fd);
    for (const thread of this.#threads) {
      if (thread.arenaAddress !== 0) unmap(thread.arenaAddress, arenaLength);
      thread.arenaAddress = 0;
    }
    this.#mirror.clear();
    this.#listener = undefined;
  }

  addPeer(slot: number, nodeId: Uint8Array, guard: GuardRule): void {
    if (!Number.isInteger(slot) || slot < 0 || slot >= peerLimit) {
      throw new RangeError(`peer slot ${slot} is not below ${peerLimit}`);
    }
    for (const { shared } of this.#threads) shared.peers.fill(0, slot * peerStride, (slot + 1) * peerStride);
    this.#places?.releasePeer(slot);
    this.#command({
      type: 'add-peer',
      slot,
      nodeId: own(nodeId),
      guard: { ...guard, mac: own(guard.mac) },
    });
  }

  removePeer(slot: number): void {
    this.#command({ type: 'remove-peer', slot });
    this.#places?.releasePeer(slot);
  }

  setPath(slot: number, path: Path | null): void {
    this.#command({ type: 'set-path', slot, path: path && ownPath(path) });
  }

  addKey(slot: number, keys: SessionKeys): void {
    const place = this.#places?.take(slot, keys.localIndex);
    if (this.#places && place === undefined) {
      this.#log.warn('no room for another key', { limit: sharedKeyLimit });
      return;
    }
    const copy = { ...keys, sendKey: own(keys.sendKey), receiveKey: own(keys.receiveKey) };
    const command = { type: 'add-key', slot, keys: copy, replayed: false } as const;
    this.#command(place === undefined ? command : { ...command, place });
    copy.sendKey.fill(0);
    copy.receiveKey.fill(0);
  }

  useKey(slot: number, localIndex: number): void {
    this.#command({ type: 'use-key', slot, localIndex });
  }

  removeKey(localIndex: number): void {
    this.#command({ type: 'remove-key', localIndex });
    this.#places?.release(localIndex);
  }

  setRelay(relay: number, route: RelayRoute | null): void {
    this.#command({ type: 'set-relay', relay, route });
  }

  setNeighbours(neighbours: readonly Neighbour[]): void {
    this.#command({
      type: 'set-neighbours',
      neighbours: neighbours.map(({ ip, mac }) => ({ ip, mac: own(mac) })),
    });
  }

  setLinks(links: readonly PlaneLink[], complete: boolean): void {
    const copy = links.map((link) => ({ ...link, neighbours: [...link.neighbours] }));
    this.#command({ type: 'set-links', links: copy, complete });
  }

  sendControl(slot: number, bytes: Uint8Array, path?: Path): void {
    this.#send({ type: 'send-control', slot, bytes: own(bytes), path: path && ownPath(path) });
  }

  sendPacket(bytes: Uint8Array, path: Path): void {
    if (path.kind !== 'carrier') {
      this.#send({ type: 'send-packet', bytes: own(bytes), path: ownPath(path) });
      return;
    }
    // Nothing to seal and no socket: the carrier is the control thread's own.
    const batch = batchOf(bytes);
    const { carrier } = path;
    const destination = own(path.destination);
    queueMicrotask(() => {
      if (!this.#stopping) this.#listener?.carry(carrier, destination, batch);
    });
  }

  carried(carrier: number, source: Uint8Array, batch: Uint8Array): void {
    if (this.#stopping) return;
    const { buffer, byteOffset, byteLength } = batch;
    // A header in front is carried along.
    const whole = byteOffset <= carrierHeaderLength && byteOffset + byteLength === buffer.byteLength;
    const receiver = this.#threads.find(({ role }) => role.receives);
    receiver?.packets.post(
      { type: 'carried', carrier, source: own(source), batch: whole ? batch : own(batch) },
      whole && buffer instanceof ArrayBuffer ? [buffer] : [],
    );
  }

  /** A new socket takes the place of the old one under the same descriptor, so the worker need not know. */
  async rebind(): Promise<void> {
    const [first] = this.#udp;
    if (!first || this.#stopping) return;
    const c = libc();
    const { sockets } = this.#roles;
    for (const { fd } of this.#udp) sharePort(fd);
    let fresh: UdpSocket[];
    try {
      fresh = openUdpGroup(first.port, this.#options.bindAddress, sockets, true);
    } catch (thrown) {
      this.#log.warn('udp port lost on rebind', { port: first.port, error: messageOf(thrown) });
      fresh = openUdpGroup(0, this.#options.bindAddress, sockets);
    }
    if (fresh[0]?.ipv6 !== first.ipv6) {
      for (const { fd } of fresh) c.close(fd);
      throw new EvioError('EVIO_INTERNAL', 'IPv6 came or went: restart the node to use it');
    }
    this.#udp = this.#udp.map((old, i) => {
      const { fd, ...rest } = fresh[i] as UdpSocket;
      c.dup2(fd, old.fd);
      c.close(fd);
      return { ...rest, fd: old.fd };
    });
    for (const { packets } of this.#threads) packets.wake();
  }

  now(): number {
    return this.#now();
  }

  peerCounters(slot: number, into?: PeerCounters): PeerCounters {
    return readPeerCounters(this.#counters, slot, into);
  }

  deviceCounters(): DeviceCounters {
    return readDeviceCounters(this.#counters);
  }

  /** Test hook: lets a worker fall. */
  crash(thread = 0): void {
    this.#threads[thread]?.packets.post({ type: 'crash' });
  }
}

/**
 * The real data plane: opens interface, socket and eventfd, starts the worker thread that moves the packets, and
 * starts it again with the same descriptors and state when it falls. Descriptors belong to the process, so the
 * interface stays while the thread is exchanged.
 */
import { EvioError, messageOf } from '../lib/errors.js';
import type { Logger } from '../lib/env.js';
import { Arena, mapLow, unmap } from '../native/arena.js';
import { Evp } from '../native/evp.js';
import { libc } from '../native/libc.js';
import type { Device } from '../tap/device.js';
import { createTap } from '../tap/tap-linux.js';
import { batchOf } from '../wire/relay.js';
import { arenaLength } from './loop.js';
import type { Command, Event } from './messages.js';
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
import {
  FlowField,
  makeNow,
  peerLimit,
  peerStride,
  readDeviceCounters,
  readPeerCounters,
  sharedMemory,
} from './shared.js';
import { openUdp, sharePort, type UdpSocket } from './udp-socket.js';

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

export class WorkerPlane implements DataPlane {
  readonly #options: PlaneOptions;
  readonly #log: Logger;
  readonly #shared = sharedMemory();
  readonly #mirror = new Mirror();
  readonly #now = makeNow();
  #listener: PlaneListener | undefined;
  #device: Device | undefined;
  #udp: UdpSocket | undefined;
  #thread: PacketThread | undefined;
  #arenaAddress = 0;
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
  }

  get port(): number {
    return this.#udp?.port ?? 0;
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
      this.#udp = openUdp(port, bindAddress);
      this.#device = createTap({ name: deviceName, mac, ip, prefix, mtu });
      this.#arenaAddress = mapLow(arenaLength);
      this.#thread = new PacketThread(this.#shared, {
        events: (events) => {
          for (const event of events) this.#deliver(event);
        },
        fell: (reason) => {
          this.#fell(reason);
        },
      });
      const ready = new Promise<void>((resolve, reject) => {
        this.#ready = resolve;
        this.#unready = reject;
      });
      this.#beginThread();
      await ready;
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
  }

  #beginThread(): void {
    const udp = this.#udp;
    const device = this.#device;
    if (!udp || !device) return;
    const { nodeId, ip, mac, mtu, leaf, bridge } = this.#options;
    const setup = {
      tapFd: device.fd,
      datagramOffload: device.datagramOffload,
      udpFd: udp.fd,
      ipv6: udp.ipv6,
      arenaAddress: this.#arenaAddress,
      arenaLength,
      nodeId: own(nodeId),
      leaf: leaf ?? false,
      bridge: bridge ?? false,
      ip,
      mac,
      mtu,
    };
    this.#thread?.begin(setup, `evio-plane-${device.name}`);
    // Only the start, which somebody waits for, keeps the process alive.
    if (!this.#ready) this.#thread?.letGo();
  }

  /** The worker is gone without being asked. */
  #fell(reason: string): void {
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
      this.#beginThread();
    } catch (thrown) {
      this.#fail(thrown instanceof Error ? thrown : new Error(String(thrown)));
      return;
    }
    for (const command of this.#mirror.replay()) this.#thread?.post(command);
    this.#listener?.restarted(this.#restarts, reason);
  }

  #fail(error: Error): void {
    if (this.#failed || this.#stopping) return;
    this.#failed = true;
    this.#listener?.failed(error);
  }

  #deliver(event: Event): void {
    const listener = this.#listener;
    if (!listener || this.#stopping) return;
    const { flow } = this.#shared;
    switch (event.type) {
      case 'ready':
        this.#thread?.letGo();
        this.#ready?.();
        this.#ready = undefined;
        this.#unready = undefined;
        return;
      case 'packet':
        flow[FlowField.eventsDone] = (flow[FlowField.eventsDone] as number) + 1;
        listener.packet(event.bytes, event.origin);
        return;
      case 'control':
        flow[FlowField.eventsDone] = (flow[FlowField.eventsDone] as number) + 1;
        listener.control(event.slot, event.bytes, event.origin);
        return;
      case 'carry':
        flow[FlowField.carryDone] = (flow[FlowField.carryDone] as number) + event.batch.length;
        listener.carry(event.carrier, event.destination, event.batch);
        return;
      case 'confirmed':
        listener.confirmed(event.slot, event.localIndex);
        return;
      case 'wanted':
        listener.wanted(event.slot);
        return;
      case 'unknown':
        listener.unknown(event.mac);
        return;
      case 'roamed':
        listener.roamed(event.slot, event.endpoint);
        return;
      case 'exhausted':
        listener.exhausted(event.slot, event.localIndex);
        return;
      case 'failed':
        this.#fail(new EvioError('EVIO_DEVICE', event.message, ['restart the node']));
    }
  }

  #command(command: Command): void {
    if (this.#stopping) return;
    this.#mirror.note(command);
    this.#thread?.post(command);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#thread?.end();
    this.#device?.close();
    if (this.#udp) libc().close(this.#udp.fd);
    if (this.#arenaAddress !== 0) unmap(this.#arenaAddress, arenaLength);
    this.#arenaAddress = 0;
    this.#mirror.clear();
    this.#listener = undefined;
  }

  addPeer(slot: number, nodeId: Uint8Array, guard: GuardRule): void {
    if (!Number.isInteger(slot) || slot < 0 || slot >= peerLimit) {
      throw new RangeError(`peer slot ${slot} is not below ${peerLimit}`);
    }
    this.#shared.peers.fill(0, slot * peerStride, (slot + 1) * peerStride);
    this.#command({
      type: 'add-peer',
      slot,
      nodeId: own(nodeId),
      guard: { ...guard, mac: own(guard.mac) },
    });
  }

  removePeer(slot: number): void {
    this.#command({ type: 'remove-peer', slot });
  }

  setPath(slot: number, path: Path | null): void {
    this.#command({ type: 'set-path', slot, path: path && ownPath(path) });
  }

  addKey(slot: number, keys: SessionKeys): void {
    const copy = { ...keys, sendKey: own(keys.sendKey), receiveKey: own(keys.receiveKey) };
    this.#command({ type: 'add-key', slot, keys: copy, replayed: false });
    copy.sendKey.fill(0);
    copy.receiveKey.fill(0);
  }

  useKey(slot: number, localIndex: number): void {
    this.#command({ type: 'use-key', slot, localIndex });
  }

  removeKey(localIndex: number): void {
    this.#command({ type: 'remove-key', localIndex });
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
    this.#command({ type: 'send-control', slot, bytes: own(bytes), path: path && ownPath(path) });
  }

  sendPacket(bytes: Uint8Array, path: Path): void {
    if (path.kind !== 'carrier') {
      this.#command({ type: 'send-packet', bytes: own(bytes), path: ownPath(path) });
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
    const whole = batch.byteLength === batch.buffer.byteLength && batch.buffer instanceof ArrayBuffer;
    this.#thread?.post(
      { type: 'carried', carrier, source: own(source), batch: whole ? batch : own(batch) },
      whole ? [batch.buffer] : [],
    );
  }

  /** A new socket takes the place of the old one under the same descriptor, so the worker need not know. */
  async rebind(): Promise<void> {
    const old = this.#udp;
    if (!old || this.#stopping) return;
    const c = libc();
    sharePort(old.fd);
    let fresh: UdpSocket;
    try {
      fresh = openUdp(old.port, this.#options.bindAddress, true);
    } catch (thrown) {
      this.#log.warn('udp port lost on rebind', { port: old.port, error: messageOf(thrown) });
      fresh = openUdp(0, this.#options.bindAddress);
    }
    if (fresh.ipv6 !== old.ipv6) {
      c.close(fresh.fd);
      throw new EvioError('EVIO_INTERNAL', 'IPv6 came or went: restart the node to use it');
    }
    c.dup2(fresh.fd, old.fd);
    c.close(fresh.fd);
    this.#udp = { ...fresh, fd: old.fd };
    this.#thread?.wake();
  }

  now(): number {
    return this.#now();
  }

  peerCounters(slot: number, into?: PeerCounters): PeerCounters {
    return readPeerCounters(this.#shared, slot, into);
  }

  deviceCounters(): DeviceCounters {
    return readDeviceCounters(this.#shared);
  }

  /** Test hook: lets the worker fall. */
  crash(): void {
    this.#thread?.post({ type: 'crash' });
  }
}

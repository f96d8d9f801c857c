/**
 * The data plane of one member of a crowd: the packet loop over a UDP socket of its own, with no thread and no
 * interface. Many live in one thread, which calls `round` when a socket has something, and asks for traffic with
 * `send`. What the member's host would receive is counted and forgotten.
 */
import { EvioError } from '../core/lib/errors.js';
import { deliver } from '../core/dataplane/plane/deliver.js';
import { KernelIo } from '../core/dataplane/loop/kernel-io.js';
import { arenaLength, loopOptions, PacketLoop } from '../core/dataplane/loop/loop.js';
import type { Command, Event } from '../core/dataplane/plane/messages.js';
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
} from '../core/dataplane/plane/plane.js';
import { readDeviceCounters, readPeerCounters, sharedMemory } from '../core/dataplane/plane/shared.js';
import { Arena } from '../core/native/arena.js';
import { monotonicClock } from '../core/native/clock.js';
import { Errno, libc } from '../core/native/libc.js';
import { openUdpSocket, type UdpSocket } from '../core/native/udp-socket.js';
import { VirtioNetHdr } from '../core/tap/device.js';

/** Arena of one member. */
export const crowdArena = arenaLength + 65_536;
const bufferBytes = 1 << 20;

/** The kernel, but for the interface: frames come from a template, as many as are due. */
class CrowdIo extends KernelIo {
  /** Frame that `due` counts copies of. */
  frame: Uint8Array = new Uint8Array(0);
  due = 0;
  delivered = 0;
  readonly #memory: Uint8Array;

  constructor(arena: Arena, udp: UdpSocket) {
    super(arena, { tapFd: -1, datagramOffload: false, udpFd: udp.fd, ipv6: udp.ipv6 });
    this.#memory = arena.u8;
  }

  override readDevice(at: number, _max: number): number {
    if (this.due === 0) return -Errno.EAGAIN;
    this.due--;
    this.#memory.fill(0, at, at + VirtioNetHdr.size);
    this.#memory.set(this.frame, at + VirtioNetHdr.size);
    return VirtioNetHdr.size + this.frame.length;
  }

  override writeDevice(_at: number, length: number): number {
    this.delivered++;
    return length;
  }
}

export class CrowdPlane implements DataPlane {
  readonly deviceName = 'crowd';
  readonly fd: number;
  readonly port: number;
  readonly #io: CrowdIo;
  readonly #loop: PacketLoop;
  readonly #shared = sharedMemory();
  readonly #now: () => number;
  #events: Event[] = [];
  #listener: PlaneListener | undefined;

  /** Takes `crowdArena` bytes of memory at `address`, mapped by the caller. Throws EVIO_LAB when there is no socket. */
  constructor(options: PlaneOptions, address: number) {
    const arena = new Arena(crowdArena, address);
    let udp: UdpSocket;
    try {
      const { port, bindAddress: host = '0.0.0.0' } = options;
      udp = openUdpSocket({ port, host, ipv6: false, bufferBytes });
    } catch (thrown) {
      throw new EvioError('EVIO_LAB', 'no socket for a member of the crowd', [], { cause: thrown });
    }
    this.#now = monotonicClock(arena);
    this.fd = udp.fd;
    this.port = udp.port;
    this.#io = new CrowdIo(arena, udp);
    const { leaf } = options;
    this.#loop = new PacketLoop(
      arena,
      this.#io,
      this.#shared,
      loopOptions({ ...options, leaf: leaf ?? false, snooping: false }),
      this.#now,
      (events) => {
        if (this.#events.length === 0) queueMicrotask(this.#deliverAll);
        this.#events.push(...events);
      },
    );
  }

  /** Frames that the host received so far. */
  get received(): number {
    return this.#io.delivered;
  }

  /** Moves what waits at the socket, and `count` copies of the frame from the host. */
  round(frame?: Uint8Array, count = 0): void {
    if (frame && count > 0) {
      this.#io.frame = frame;
      this.#io.due = count;
    }
    this.#loop.round();
  }

  start(listener: PlaneListener): Promise<void> {
    this.#listener = listener;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    if (this.#listener) {
      this.#listener = undefined;
      this.#loop.close();
      libc().close(this.fd);
    }
    return Promise.resolve();
  }

  readonly #deliverAll = (): void => {
    for (const event of this.#events.splice(0))
      if (this.#listener) deliver(this.#listener, this.#shared, event);
  };

  #command(command: Command): void {
    if (!this.#listener) return;
    this.#loop.commandsBegin();
    this.#loop.command(command);
    this.#loop.commandsDone();
  }

  addPeer(slot: number, nodeId: Uint8Array, guard: GuardRule): void {
    this.#command({ type: 'add-peer', slot, nodeId: nodeId.slice(), guard });
  }

  removePeer(slot: number): void {
    this.#command({ type: 'remove-peer', slot });
  }

  setPath(slot: number, path: Path | null): void {
    this.#command({ type: 'set-path', slot, path });
  }

  /** The loop wipes what it is given. */
  addKey(slot: number, keys: SessionKeys): void {
    const copy = { ...keys, sendKey: keys.sendKey.slice(), receiveKey: keys.receiveKey.slice() };
    this.#command({ type: 'add-key', slot, keys: copy, replayed: false });
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
    this.#command({ type: 'set-neighbours', neighbours });
  }

  setLinks(links: readonly PlaneLink[], complete: boolean): void {
    this.#command({ type: 'set-links', links, complete });
  }

  sendControl(slot: number, bytes: Uint8Array, path?: Path): void {
    this.#command({ type: 'send-control', slot, bytes, path });
  }

  sendPacket(bytes: Uint8Array, path: Path): void {
    if (path.kind !== 'carrier') this.#command({ type: 'send-packet', bytes, path });
  }

  carried(): void {
    // No carriers.
  }

  rebind(): Promise<void> {
    return Promise.resolve();
  }

  now(): number {
    return this.#now();
  }

  peerCounters(slot: number, into?: PeerCounters): PeerCounters {
    return readPeerCounters([this.#shared], slot, into);
  }

  deviceCounters(): DeviceCounters {
    return readDeviceCounters([this.#shared]);
  }
}

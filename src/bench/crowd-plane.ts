/**
 * The data plane of one member of a crowd: the packet loop over a UDP socket of its own, with no thread and no
 * interface. Many live in one thread, which calls `round` when a socket has something, and asks for traffic with
 * `send`. What the member's host would receive is counted and forgotten.
 */
import { EvioError } from '../core/lib/errors.js';
import { KernelIo } from '../core/dataplane/loop/kernel-io.js';
import { arenaLength } from '../core/dataplane/loop/loop.js';
import { LoopPlane } from '../core/dataplane/plane/loop-plane.js';
import type { PlaneOptions } from '../core/dataplane/plane/plane.js';
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

export class CrowdPlane extends LoopPlane {
  readonly deviceName = 'crowd';
  readonly fd: number;
  readonly port: number;
  readonly #io: CrowdIo;

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
    const now = monotonicClock(arena);
    const io = new CrowdIo(arena, udp);
    super({ options, arena, io, now, later: queueMicrotask, snooping: false });
    this.fd = udp.fd;
    this.port = udp.port;
    this.#io = io;
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
    this.moveOnce();
  }

  override async stop(): Promise<void> {
    const { running } = this;
    await super.stop();
    if (running) libc().close(this.fd);
  }

  rebind(): Promise<void> {
    return Promise.resolve();
  }
}

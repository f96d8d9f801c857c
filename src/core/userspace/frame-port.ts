/**
 * A pair of sockets that carries whole frames between the packet thread, which takes one end for an interface, and a program
 * in JavaScript: each message is a `struct virtio_net_hdr` and a frame, as a TAP descriptor has them.
 *
 *   packet thread ── read, write ──▶ fd ══ AF_UNIX, SOCK_SEQPACKET ══ fd ◀── FramePort ── libuv, write
 */
import type { Socket as Stream } from 'node:net';
import { adoptStream } from '../native/adopted-stream.js';
import { Arena } from '../native/arena.js';
import { descriptorPair, PairType } from '../native/descriptor-pair.js';
import { errnoName, libc, type Libc } from '../native/libc.js';
import { EvioError } from '../lib/errors.js';
import { VirtioNetHdr } from '../tap/device.js';

/** The longest message: a super-frame and its header. */
const messageBytes = 65_536 + 64;

/** The kernel holds some 90 frames of a cable; a window of TCP is longer. As the queue of an interface, in frames. */
const queueLimit = 4_096;
const retryMs = 1;

const noPair = (c: Libc): EvioError =>
  new EvioError('EVIO_DEVICE', `no pair of sockets: ${errnoName(c.errno())}`);

/** Two ends of one cable. Throws EVIO_DEVICE. */
export function openCable(): [packets: number, port: number] {
  const pair = descriptorPair(PairType.messages);
  if (!pair) throw noPair(libc());
  return pair;
}

export class FramePort {
  readonly #libc: Libc = libc();
  readonly #arena = new Arena(messageBytes + 64);
  readonly #stream: Stream;
  readonly #fd: number;
  #open = true;
  /** Frames for which the cable had no room yet, oldest first. */
  readonly #queue: Buffer[] = [];
  #retry: NodeJS.Timeout | undefined;
  /** Frames that found no room in the queue either. */
  dropped = 0;

  /**
   * @param cable its end of the cable; the port takes a descriptor of its own
   * @param heard is given each frame; the bytes are valid during the call only
   * @param closed the other end is gone
   */
  constructor(cable: number, heard: (frame: Uint8Array) => void, closed: () => void) {
    const adopted = adoptStream(cable, {
      buffer: Buffer.alloc(messageBytes),
      callback: (length, bytes) => {
        if (this.#queue.length > 0) this.#flush();
        if (length > VirtioNetHdr.size) heard(bytes.subarray(VirtioNetHdr.size, length));
        return true;
      },
    });
    if (!adopted) throw noPair(this.#libc);
    this.#stream = adopted.stream;
    this.#fd = adopted.fd;
    this.#stream.on('error', () => undefined);
    this.#stream.on('close', () => {
      if (!this.#open) return;
      this.#open = false;
      closed();
    });
    this.#stream.resume();
  }

  /** Sends a whole frame with whole checksums. Its bytes are the caller's again. */
  send(frame: Uint8Array): void {
    if (!this.#open) return;
    if (this.#queue.length === 0 && this.#write(frame)) return;
    if (this.#queue.length >= queueLimit) {
      this.dropped++;
      return;
    }
    this.#queue.push(Buffer.from(frame));
    this.#retry ??= setTimeout(() => {
      this.#flush();
    }, retryMs);
  }

  close(): void {
    this.#open = false;
    clearTimeout(this.#retry);
    this.#queue.length = 0;
    this.#stream.destroy();
  }

  #flush(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    let sent = 0;
    while (sent < this.#queue.length && this.#write(this.#queue[sent] as Buffer)) sent++;
    this.#queue.splice(0, sent);
    if (this.#queue.length > 0)
      this.#retry = setTimeout(() => {
        this.#flush();
      }, retryMs);
  }

  #write(frame: Uint8Array): boolean {
    this.#arena.u8.set(frame, VirtioNetHdr.size);
    return this.#libc.write(this.#fd, this.#arena.base, VirtioNetHdr.size + frame.length) > 0;
  }
}

/** Trains that one call may send. */
export const sendLimit = 64;

/** Datagram trains that wait to be sent, in order. Numbers in typed arrays, so that nothing is allocated for one. */
export class SendQueue {
  /** Offset of the sockaddr_in6. */
  readonly to = new Int32Array(sendLimit);
  readonly at = new Int32Array(sendLimit);
  readonly length = new Int32Array(sendLimit);
  /** Length of each datagram but the last; 0 when there is only one. */
  readonly segment = new Int32Array(sendLimit);
  /** Descriptor of the hole's socket by which it goes (loop/holes.ts); 0: of the data socket. */
  readonly socket = new Int32Array(sendLimit);
}

/**
 * What the packet loop asks of the kernel. Memory is named by offsets into the arena; nothing throws and nothing
 * blocks for longer than `send` may wait for room. Results below zero are negated error numbers.
 */
export interface PacketIo {
  /** Reads one frame behind its virtio_net_hdr; its length, or -EAGAIN when there is none. */
  readDevice(at: number, max: number): number;
  writeDevice(at: number, length: number): number;
  /** The device takes super-frames of UDP datagrams, too. */
  readonly datagramOffload: boolean;
  /**
   * Receives up to 64 datagrams of one sender, all of `segment` bytes but the last, and returns how many bytes they
   * have. They lie at `received`, sent from `from`, and may be changed there until the next call.
   */
  receive(): number;
  readonly received: number;
  readonly segment: number;
  /** Offset of the sockaddr_in6 of the sender. */
  readonly from: number;
  /** Number of the hole by which they came; -1: by the data socket. */
  readonly hole: number;
  /** Has `receive` look at the socket of this hole, too; 0: no more. */
  listen(hole: number, socket: number): void;
  /** Sends to the sockaddr_in6 at `to`; with `segment` > 0 as many datagrams of that length. `socket` as in SendQueue. 0 or a negated error. */
  send(to: number, at: number, length: number, segment: number, socket: number): number;
  /** Sends `count` trains from `first` on, all by one socket. How many went; when the first did not go, why. */
  sendMany(queue: SendQueue, first: number, count: number): number;
  /** Limits how many routers the datagrams of the data socket sent from now on pass; 0 is the system's default. */
  limitHops(hops: number): void;
  /** Datagrams sent by this socket from now on are never fragmented, neither here nor on the way; or again may be. */
  keepWhole(on: boolean, socket: number): void;
}

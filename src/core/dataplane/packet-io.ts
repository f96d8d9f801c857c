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
  /** Receives into `at` up to 64 datagrams of one sender, all of `segment` bytes but the last. */
  receive(at: number, max: number): number;
  /** Length of each datagram of the last `receive`. */
  readonly segment: number;
  /** Offset of the sockaddr_in6 of the last sender. */
  readonly from: number;
  /** Sends to the sockaddr_in6 at `to`; with `segment` > 0 as many datagrams of that length. 0 or a negated error. */
  send(to: number, at: number, length: number, segment: number): number;
  /** Limits how many routers the datagrams sent from now on pass; 0 is the system's default. */
  limitHops(hops: number): void;
}

/** The network interface port: what the data plane needs of a layer-2 device, whatever the system makes it of. */

/** How the interface is to look. */
export interface DeviceOptions {
  /** At most 15 bytes; `%d` is replaced by the first free number. */
  readonly name: string;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** IPv4 address as an unsigned 32-bit number, and its prefix length. */
  readonly ip: number;
  readonly prefix: number;
  /** IPv6 address, 16 bytes, of a /64; null: none. */
  readonly ip6: Uint8Array | null;
  readonly mtu: number;
  /** Bytes of the longest super-frame that is convenient, default what the system likes. */
  readonly superFrame?: number;
  /**
   * Descriptors, each with a queue of its own, default 1. Frames for one address are in one queue; where the system cannot
   * promise that, there is only one.
   */
  readonly queues?: number;
}

/** An interface that is up. It lives as long as its descriptor is open. */
export interface Device {
  readonly name: string;
  /** Reads and writes whole frames, each behind a `struct virtio_net_hdr` of 10 bytes; non-blocking. */
  readonly fds: readonly [number, ...number[]];
  /** It has its IPv6 address; false where the kernel does without IPv6. */
  readonly ipv6: boolean;
  /** Takes and gives super-frames of UDP datagrams, too (`gsoUdpL4`): Linux 6.2 and later. */
  readonly datagramOffload: boolean;
  /** Removes the interface; harmless when repeated. */
  close(): void;
}

/**
 * `struct virtio_net_hdr` (virtio 1.2 section 5.1.6, without num_buffers), little endian on the machines evio runs on.
 *
 *   flags 1 | gso_type 1 | hdr_len 2 | gso_size 2 | csum_start 2 | csum_offset 2
 */
export const VirtioNetHdr = {
  size: 10,
  flags: 0,
  gsoType: 1,
  headerLength: 2,
  gsoSize: 4,
  checksumStart: 6,
  checksumOffset: 8,
  flagNeedsChecksum: 1,
  gsoNone: 0,
  gsoTcp4: 1,
  gsoUdp: 3,
  gsoTcp6: 4,
  gsoUdpL4: 5,
  /** Or-ed to a TCP type: the first segment carries CWR (RFC 3168). */
  gsoEcn: 0x80,
} as const;

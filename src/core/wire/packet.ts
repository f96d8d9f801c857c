/**
 * The first bytes of everything evio puts into a UDP datagram or a relay carrier, and the session packet.
 *
 * First byte (RFC 7983 demultiplexing kept clear): 0x00-0x03 STUN, 0x14-0x3f DTLS, 0x50-0x5f evio.
 *
 *   data packet                                     little endian, as Noise and WireGuard number them
 *   +------+-------+--------+----------------+------------------------+---------------------+--------+
 *   | 0x50 | flags | rsv 2  | receiver index | counter, big endian    | ciphertext          | tag 16 |
 *   |  1   |  1    |        |  4             |  8 (high 32 bits < 2^20)|                     |        |
 *   +------+-------+--------+----------------+------------------------+---------------------+--------+
 *   plaintext: kind 1 | body. An empty plaintext is a keepalive.
 *     kind 0x00 frame                          Ethernet frame, checksums complete
 *     kind 0x01 frame, checksum partial        TCP or UDP over IPv4 or IPv6; where the checksum lies follows from the frame
 *     kind 0x02 frame, checksum partial, at    start 2 | offset 2 (little endian, as in virtio_net_hdr) | frame
 *     kind 0x10 control                        one message of wire/control.ts or wire/ring.ts, for the control thread
 *     kind 0x20 transit                        ttl 1 | flags 1 | destination node id 16 | inner packet: any evio packet but a
 *                                              relay's, sealed end to end; passed on inside the session of the next hop
 *     kind 0x23 flood                          wire/flood.ts: a broadcast, signed by its origin, and half of one (0x24)
 *     kind 0x24 part of a flood
 *     kind 0x22 groups                         one message of wire/groups.ts: which multicast groups members want; an
 *                                              announcement travels in a flood, as its inner plaintext
 *     kind 0x25 piece                          wire/piece.ts: a piece of a plaintext that is too long for the path
 *   A partial checksum holds the folded pseudo-header sum as in Linux CHECKSUM_PARTIAL; the AEAD vouches for the payload.
 *
 * The AEAD nonce is 4 zero bytes and the counter as it stands. Associated data, 13 bytes: the counter, the first three
 * bytes of the header, the length of the plaintext (2 bytes, big endian). So AES-256-GCM makes the record of RFC 5288
 * out of it (native/evp.ts).
 */

export const PacketType = {
  data: 0x50,
  handshakeInit: 0x51,
  handshakeResponse: 0x52,
  cookieReply: 0x53,
  relaySend: 0x58,
  relayDeliver: 0x59,
  relayBind: 0x5a,
  relayBound: 0x5b,
  relayUnbound: 0x5c,
} as const;

export const Kind = {
  frame: 0x00,
  frameChecksum: 0x01,
  frameChecksumAt: 0x02,
  control: 0x10,
  transit: 0x20,
  groups: 0x22,
  flood: 0x23,
  floodPart: 0x24,
  piece: 0x25,
} as const;

/** Bytes before the ciphertext of a data packet. */
export const dataHeaderLength = 16;
/** Bytes of the AEAD tag, both suites. */
export const tagLength = 16;
/** Bytes of a node id. */
export const nodeIdLength = 16;

export const Suite = { aes256gcm: 1, chacha20poly1305: 2 } as const;
export type Suite = (typeof Suite)[keyof typeof Suite];

/** A datagram on a 1500-byte path: IPv6 header 40, UDP 8. IPv4 leaves 20 more. */
export const underlayMtu = 1500;
export const underlayOverhead = 48;

/** Longest plaintext, kind included, of a direct packet that a line of 1500 bytes carries, by IPv6, too. */
export const linePlaintext = underlayMtu - underlayOverhead - dataHeaderLength - tagLength;

/** Bytes that evio adds to an Ethernet payload of `mtu` bytes on a direct path (Ethernet 14 and one VLAN tag inside). */
export const directOverhead = dataHeaderLength + 1 + 18 + tagLength;
/** Header of a packet that a relay carries by UDP: see wire/relay.ts. */
export const relayHeaderLength = 24;
/** Bytes of kind 0x20 before what it carries, the kind byte not counted. */
export const transitHeaderLength = 18;
/** What the first hop puts into ttl: far more than any route is long. */
export const transitTtl = 32;
/** Bytes that forwarding by members adds to a packet: the envelope inside a link session. */
export const transitOverhead = dataHeaderLength + 1 + transitHeaderLength + tagLength;

/** True when the first byte says STUN (RFC 8489 section 5). */
export function looksLikeStun(first: number): boolean {
  return first < 4;
}

/**
 * A packet of our own UDP socket that comes back by our interface: a route for an address of the peer leads into the network
 * itself (a subnet behind a member, a default route through one). It would be sealed, sent, come back, and be sealed again.
 */
import { EtherType, ethernetHeaderLength } from '../../wire/ethernet.js';
import { ipv4HeaderLength, ipv6HeaderLength, Protocol, udpHeaderLength } from '../../wire/ip.js';

/** First bytes of what the socket sends: evio's own, and STUN (wire/packet.ts). */
const ours = 0x50;
const stun = 0;

/**
 * True when the socket with this port sent the frame at `at`, `length` bytes long and at least an Ethernet header.
 *
 * @param port 0 when there is no socket
 * @param ip our IPv4 address in the network, signed 32 bits: the kernel sends from it where its way leads through the
 * interface. Machines whose packets this one passes on may use the same port.
 */
export function isOwnPacket(view: DataView, at: number, length: number, port: number, ip: number): boolean {
  if (port === 0) return false;
  const header = at + ethernetHeaderLength;
  const left = length - ethernetHeaderLength;
  switch (view.getUint16(at + 12)) {
    case EtherType.ipv4: {
      if (left < ipv4HeaderLength || view.getUint8(header + 9) !== Protocol.udp) return false;
      const udp = 4 * (view.getUint8(header) & 0x0f);
      if (left < udp + udpHeaderLength || view.getInt32(header + 12) !== ip) return false;
      return view.getUint16(header + udp) === port && (view.getUint16(header + 6) & 0x1fff) === 0;
    }
    case EtherType.ipv6: {
      const payload = ipv6HeaderLength + udpHeaderLength;
      if (left <= payload || view.getUint8(header + 6) !== Protocol.udp) return false;
      if (view.getUint16(header + ipv6HeaderLength) !== port) return false;
      // A member has no IPv6 address of its own to be known by.
      const first = view.getUint8(header + payload);
      return (first & 0xf0) === ours || (first & 0xfc) === stun;
    }
    default:
      return false;
  }
}

/** Packets that are not data, told apart by their first bytes: what is worth the control thread's time. */
import { looksLikeStun, PacketType } from '../../wire/packet.js';

/** RFC 8489 section 5. */
const stunHeader = 20;
const stunCookie = 0x2112_a442;

/** Of another member, or somebody who says so. */
export function isHandshake(type: number): boolean {
  return (
    type === PacketType.handshakeInit ||
    type === PacketType.handshakeResponse ||
    type === PacketType.cookieReply
  );
}

/** Of a relay or a STUN server. The packet, at least one byte of it, lies at `at`. */
export function isFromServer(view: DataView, at: number, length: number): boolean {
  const type = view.getUint8(at);
  return (
    type === PacketType.relayBound ||
    type === PacketType.relayUnbound ||
    (looksLikeStun(type) && length >= stunHeader && view.getUint32(at + 4) === stunCookie)
  );
}

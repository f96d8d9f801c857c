/** Packets that are not data, told apart by their first bytes: what is worth the control thread's time. */
import { looksLikeStun, PacketType } from '../../wire/packet.js';
import { DeviceField } from '../plane/shared.js';
import type { LoopContext } from './context.js';

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

/** Initiations a second that one thread bears; above, the plane has the kernel drop most (plane/shedding.ts). */
export const crowdedPerSecond = 2_000;
const lookMs = 250;

/** How many initiations come. */
export class Crowd {
  #count = 0;
  #since = 0;

  /** One more; tells when there are too many. */
  count(c: LoopContext): void {
    const { device } = c.shared;
    device[DeviceField.initiations] = (device[DeviceField.initiations] as number) + 1;
    this.#count++;
    const ms = c.now - this.#since;
    if (ms < lookMs) return;
    // After a rest the first one tells nothing of a rate.
    const perSecond = ms > 4 * lookMs ? 0 : (this.#count * 1_000) / ms;
    if (perSecond > crowdedPerSecond) c.uplink.tell({ type: 'crowded', perSecond });
    this.#count = 0;
    this.#since = c.now;
  }
}

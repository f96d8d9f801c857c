/**
 * Which member a frame between this host and the network is exchanged with.
 *
 *   to the network    the member that its destination MAC belongs to; of a group, whom the frame asks for
 *   from the network  the member that its source MAC belongs to
 *   else              the member that the address at the far end belongs to, IPv4 or IPv6
 *
 * So a frame to a subnet is its router's. What a machine behind a bridge sends is nobody's.
 */
import { EtherType, etherTypeBefore, isGroup, macHigh, payloadOffset } from '../core/wire/ethernet.js';
import { ipv4HeaderLength, ipv6HeaderLength, Protocol } from '../core/wire/ip.js';

/** `struct arphdr` for Ethernet and IPv4 (RFC 826). */
const arp = { length: 28, sender: 14, target: 24 } as const;
/** Of a neighbour solicitation, behind the IPv6 header (RFC 4861). */
const neighbour = { solicitation: 135, target: 8, length: 24 } as const;

export interface CaptureMember {
  readonly id: string;
  readonly name: string;
  /** As text, as the node tells it. */
  readonly mac: string;
  /** As bytes. */
  readonly ip: Uint8Array;
  readonly ip6: Uint8Array;
}

export class Whose<M extends CaptureMember> {
  readonly #byMac = new Map<number, M>();
  readonly #byIp = new Map<number, M>();
  readonly #byIp6 = new Map<string, M>();

  /** @param members the earlier one keeps an address that two have */
  constructor(members: readonly M[]) {
    for (const member of members) {
      const mac = parseInt(member.mac.replaceAll(':', ''), 16);
      if (!this.#byMac.has(mac)) this.#byMac.set(mac, member);
      const ip = new DataView(member.ip.buffer, member.ip.byteOffset).getUint32(0);
      if (!this.#byIp.has(ip)) this.#byIp.set(ip, member);
      const ip6 = Buffer.from(member.ip6).toString('latin1');
      if (!this.#byIp6.has(ip6)) this.#byIp6.set(ip6, member);
    }
  }

  /**
   * @param at where the frame begins; `length` bytes of it are there
   * @param isOutbound from this host to the network
   */
  of(view: DataView, at: number, length: number, isOutbound: boolean): M | undefined {
    const payload = payloadOffset(view, at, length);
    if (payload === 0) return undefined;
    const far = isOutbound ? at : at + 6;
    const byMac = this.#byMac.get(view.getUint16(far) * 0x1_0000_0000 + view.getUint32(far + 2));
    if (byMac) return byMac;
    const ip = at + payload;
    const left = length - payload;
    switch (etherTypeBefore(view, at, payload)) {
      case EtherType.arp:
        if (left < arp.length) return undefined;
        return this.#byIp.get(view.getUint32(ip + (isOutbound ? arp.target : arp.sender)));
      case EtherType.ipv4:
        if (left < ipv4HeaderLength) return undefined;
        return this.#byIp.get(view.getUint32(ip + (isOutbound ? 16 : 12)));
      case EtherType.ipv6:
        if (left < ipv6HeaderLength) return undefined;
        return (
          this.#ip6(view, ip + (isOutbound ? 24 : 8)) ??
          (isOutbound && isGroup(macHigh(view, at)) ? this.#asked(view, ip, left) : undefined)
        );
      default:
        return undefined;
    }
  }

  /** Whom a neighbour solicitation that goes to a group asks for. */
  #asked(view: DataView, ip: number, left: number): M | undefined {
    if (left < ipv6HeaderLength + neighbour.length) return undefined;
    if (view.getUint8(ip + 6) !== Protocol.icmpv6) return undefined;
    if (view.getUint8(ip + ipv6HeaderLength) !== neighbour.solicitation) return undefined;
    return this.#ip6(view, ip + ipv6HeaderLength + neighbour.target);
  }

  #ip6(view: DataView, at: number): M | undefined {
    return this.#byIp6.get(Buffer.from(view.buffer, view.byteOffset + at, 16).toString('latin1'));
  }
}

/**
 * What a frame behind a virtio header stands for on a wire: one frame, or the segments of a super-frame. An idea of its
 * own of virtio 1.2 section 5.1.6, tcp_gso_segment() and __udp_gso_segment(), apart from the code under test.
 */

export const virtio = { length: 10, needsChecksum: 1, tcp4: 1, tcp6: 4, udp: 5, ecn: 0x80 } as const;

/** One's complement sum of 16-bit words, not folded: headers only, so below 2^31. */
function sumOf(view: DataView, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i + 1 < length; i += 2) sum += view.getUint16(at + i);
  return length % 2 === 1 ? sum + (view.getUint8(at + length - 1) << 8) : sum;
}

function foldOf(sum: number): number {
  let left = sum;
  while (left > 0xffff) left = (left >>> 16) + (left & 0xffff);
  return left;
}

/** Writes the header checksum of the IPv4 header at `ip`. */
export function sealIpv4(view: DataView, ip: number): void {
  view.setUint16(ip + 10, 0);
  view.setUint16(ip + 10, ~foldOf(sumOf(view, ip, (view.getUint8(ip) & 15) * 4)) & 0xffff);
}

/** Writes the pseudo-header's sum, which a partial checksum begins with, for `length` bytes from `transport` on. */
export function sealPartial(
  view: DataView,
  ip: number,
  transport: number,
  length: number,
  tcp: boolean,
): void {
  const v6 = view.getUint8(ip) >> 4 === 6;
  const addresses = v6 ? sumOf(view, ip + 8, 32) : sumOf(view, ip + 12, 8);
  view.setUint16(transport + (tcp ? 16 : 6), foldOf(addresses + (tcp ? 6 : 17) + length));
}

/** Where the IP header begins, behind Ethernet header and tags. */
function ipOf(view: DataView, frame: number): number {
  let at = frame + 12;
  for (let type = view.getUint16(at); type === 0x8100 || type === 0x88a8; type = view.getUint16(at)) at += 4;
  return at + 2;
}

/**
 * Calls `each` with the frames that `packet` (virtio header and frame) stands for. The bytes belong to `scratch` unless
 * the packet is no super-frame. Throws when it is malformed.
 */
export function eachSegment(
  packet: Uint8Array,
  scratch: Uint8Array,
  each: (frame: Uint8Array) => void,
): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const type = view.getUint8(1) & ~virtio.ecn;
  if (type === 0) {
    each(packet.subarray(virtio.length));
    return;
  }
  const tcp = type !== virtio.udp;
  const size = view.getUint16(4, true);
  const transport = virtio.length + view.getUint16(6, true);
  const ip = ipOf(view, virtio.length);
  const v6 = view.getUint8(ip) >> 4 === 6;
  const payload = transport + (tcp ? (view.getUint8(transport + 12) >> 4) * 4 : 8);
  if ((view.getUint8(0) & virtio.needsChecksum) === 0)
    throw new Error('a super-frame with a complete checksum');
  if (size === 0 || payload >= packet.length) throw new Error('a super-frame without payload');
  if (type !== (tcp ? (v6 ? virtio.tcp6 : virtio.tcp4) : virtio.udp)) throw new Error(`GSO type ${type}`);
  if (view.getUint16(8, true) !== (tcp ? 16 : 6)) throw new Error('checksum at a strange place');
  const headers = payload - virtio.length;
  const out = new DataView(scratch.buffer, scratch.byteOffset, scratch.length);
  const [outIp, outTransport] = [ip - virtio.length, transport - virtio.length];
  const id = v6 ? 0 : view.getUint16(ip + 4);
  const flags = tcp ? view.getUint8(transport + 13) : 0;
  const sequence = tcp ? view.getUint32(transport + 4) : 0;
  for (let at = payload, n = 0; at < packet.length; at += size, n++) {
    const last = at + size >= packet.length;
    const end = last ? packet.length : at + size;
    const length = headers + end - at;
    scratch.set(packet.subarray(virtio.length, payload));
    scratch.set(packet.subarray(at, end), headers);
    if (v6) out.setUint16(outIp + 4, length - outIp - 40);
    else {
      out.setUint16(outIp + 2, length - outIp);
      out.setUint16(outIp + 4, id + n);
      sealIpv4(out, outIp);
    }
    if (tcp) {
      out.setUint32(outTransport + 4, (sequence + at - payload) >>> 0);
      out.setUint8(outTransport + 13, flags & ~(last ? 0 : 0x09) & ~(n > 0 ? 0x80 : 0));
    } else {
      out.setUint16(outTransport + 4, length - outTransport);
    }
    sealPartial(out, outIp, outTransport, length - outTransport, tcp);
    each(scratch.subarray(0, length));
  }
}

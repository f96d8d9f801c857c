/**
 * Ethernet II frames in place (IEEE 802.3, 802.1Q, 802.1ad): constants, and helpers on (view, offset) that
 * allocate nothing. Offsets that come back are relative to the frame.
 *
 *   +-----------------+------------+----------------------------+-----------+---------
 *   | destination MAC | source MAC | 0-2 VLAN tags: TPID, TCI   | EtherType | payload
 *   |  6              |  6         |  4 each                    |  2        |
 *   +-----------------+------------+----------------------------+-----------+---------
 *
 * A MAC is handled as two signed words, so that it stays a small integer: `macHigh` (first 2 bytes) and
 * `macLow` (last 4).
 */

export const EtherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  rarp: 0x8035,
  vlan: 0x8100,
  ipv6: 0x86dd,
  vlanService: 0x88a8,
} as const;

/** Values of the type field below this are lengths: an LLC header follows (IEEE 802.3 clause 3.2.6). */
export const firstEtherType = 0x0600;

/** Bytes before the payload of an untagged frame. */
export const ethernetHeaderLength = 14;
/** Bytes of one VLAN tag; two are understood. */
export const vlanTagLength = 4;
const maxTags = 2;

/** Offset of the payload behind the VLAN tags (14, 18 or 22), or 0 when the frame ends before it. */
export function payloadOffset(view: DataView, at: number, length: number): number {
  let offset = ethernetHeaderLength;
  for (let tags = 0; ; tags++) {
    if (length < offset) return 0;
    const type = view.getUint16(at + offset - 2);
    if ((type !== EtherType.vlan && type !== EtherType.vlanService) || tags === maxTags) return offset;
    offset += vlanTagLength;
  }
}

/** True for every type that some machine takes for a tag: 802.1Q, 802.1ad, and what QinQ was before (0x9100, 0x9200, 0x9300). */
export function isTag(type: number): boolean {
  return (
    type === EtherType.vlan ||
    type === EtherType.vlanService ||
    type === 0x9100 ||
    type === 0x9200 ||
    type === 0x9300
  );
}

/**
 * Which LAN a frame with its payload at `offset` (`payloadOffset`) is of: 0 for the untagged one, to which priority tags
 * (id 0) do not matter; else the ids of its tags, 12 bits each, the outer one higher.
 */
export function lanOf(view: DataView, at: number, offset: number): number {
  let lan = 0;
  for (let tag = ethernetHeaderLength; tag < offset; tag += vlanTagLength) {
    const id = view.getUint16(at + tag) & 0x0fff;
    if (id !== 0) lan = (lan << 12) | id;
  }
  return lan;
}

/** EtherType of the payload at `offset`, as `payloadOffset` gave it. */
export function etherTypeBefore(view: DataView, at: number, offset: number): number {
  return view.getUint16(at + offset - 2);
}

export function macHigh(view: DataView, at: number): number {
  return view.getUint16(at);
}

export function macLow(view: DataView, at: number): number {
  return view.getInt32(at + 2);
}

/** True for multicast and broadcast: the group bit of the first byte. */
export function isGroup(high: number): boolean {
  return (high & 0x0100) !== 0;
}

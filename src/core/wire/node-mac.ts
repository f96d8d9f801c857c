/** The MAC of a node follows from its id, so nobody chooses it, and whoever knows the one knows most of the other. */

/** The first octet of an id as that of a locally administered unicast MAC (IEEE 802): bit 1 is set, bit 0 is not. */
const keptOfOctet = 0xfc;
const localOfOctet = 0x02;

/** The MAC of a node: the beginning of its id, with two bits overwritten. */
export function macOf(id: Uint8Array): Uint8Array {
  const mac = id.slice(0, 6);
  mac[0] = ((mac[0] as number) & keptOfOctet) | localOfOctet;
  return mac;
}

/** The first two bytes of the MAC of a node, from those of its id, as numbers: for the packet loop. */
export function macHighOf(idHigh: number): number {
  return (idHigh & ((keptOfOctet << 8) | 0xff)) | (localOfOctet << 8);
}

/** The four beginnings, 6 bytes each, of ids from which a MAC would follow. */
export function idStartsOf(mac: Uint8Array): Uint8Array[] {
  return [0, 1, 2, 3].map((overwritten) => {
    const start = mac.slice(0, 6);
    start[0] = ((mac[0] as number) & keptOfOctet) | overwritten;
    return start;
  });
}

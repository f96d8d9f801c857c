/** Names that the plugin gives, each found again from what the runtime says of an attachment: nothing has to be kept. */

/** FNV-1a, 64 bits, of the strings one after the other. */
function hash(...words: readonly string[]): bigint {
  let value = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(words.join('\0')))
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return value;
}

/** FNV-1a, 32 bits. */
export function fingerprint(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

/** The last `length` digits to the base of 36. */
function digits(value: bigint, length: number): string {
  return value.toString(36).padStart(length, '0').slice(-length);
}

/** How the host's ends of all veths of a CNI network begin. */
export function linkPrefix(network: string): string {
  return `ev${digits(hash(network), 3)}`;
}

/** The host's end of an attachment's veth: 15 characters, as many as an interface may have. */
export function linkName(network: string, containerId: string, ifname: string): string {
  return `${linkPrefix(network)}${digits(hash(network, containerId, ifname), 10)}`;
}

/** How the MACs of gateways and pods begin: locally administered, and customary for pods. */
export const macPrefix = '0a:58';

/**
 * The MAC of an interface with this address, or name: the next pod with the address is found by neighbours that still
 * remember the last one.
 */
export function macOf(addressOrName: string): string {
  const [word = ''] = addressOrName.split('/');
  const octets = /^\d+\.\d+\.\d+\.\d+$/.test(word)
    ? word.split('.').map(Number)
    : [0, 1, 2, 3].map((at) => Number((hash(word) >> BigInt(8 * at)) & 0xffn));
  return [macPrefix, ...octets.map((octet) => octet.toString(16).padStart(2, '0'))].join(':');
}

/** Tables of nftables that hold what concerns a bridge. */
export function tableName(bridge: string): string {
  return `evio-cni-${bridge}`;
}

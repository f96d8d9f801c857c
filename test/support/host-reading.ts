/**
 * What a host takes out of an Ethernet frame: a slow reading of its own, after what Linux does (net/core/dev.c,
 * net/ipv4/arp.c, net/ipv6/exthdrs.c, net/ipv6/ndisc.c), and after RFC 1042 where others read more. Tags are stripped however
 * many there are, extension headers walked however many there are. It is the judge of the guard, so it shares no
 * code with it.
 */

export type Said =
  | { readonly what: 'arp'; readonly mac: string; readonly ip: string; readonly operation: number }
  | { readonly what: 'source'; readonly ip: string }
  | { readonly what: 'udp'; readonly v6: boolean; readonly from: number; readonly to: number }
  | { readonly what: 'icmp'; readonly type: number }
  | { readonly what: 'icmp6'; readonly type: number; readonly fragment: boolean }
  | { readonly what: 'igmp' }
  | { readonly what: 'tcp' }
  | { readonly what: 'target'; readonly ip: string }
  | { readonly what: 'link-layer'; readonly mac: string };

export interface Reading {
  /** Source MAC. */
  readonly from: string;
  /** Inside a VLAN, where addresses are not those of the network. */
  readonly vlan: boolean;
  readonly said: readonly Said[];
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const tags = new Set([0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]);
const extensions = new Set([0, 43, 44, 51, 60, 135, 139, 140]);

/** Reads the frame; what a host would throw away says nothing. */
export function readAsHost(frame: Uint8Array): Reading {
  const from = hex(frame.subarray(6, 12));
  const said: Said[] = [];
  let vlan = false;
  let rest = frame.subarray(12);
  for (;;) {
    if (rest.length < 2) return { from, vlan, said };
    const type = word(rest, 0);
    if (tags.has(type) && rest.length >= 4) {
      if ((word(rest, 2) & 0x0fff) !== 0) vlan = true;
      rest = rest.subarray(4);
    } else if (type < 0x600 && isSnap(rest)) {
      // What follows the three bytes of organisation is a type again.
      rest = rest.subarray(8);
    } else if (type < 0x600 && (byte(rest, 2) & 0xfe) === 0x06) {
      readIpv4(rest.subarray(5), said);
      return { from, vlan, said };
    } else if (type < 0x600 && (byte(rest, 2) & 0xfe) === 0x98) {
      readArp(rest.subarray(5), said);
      return { from, vlan, said };
    } else {
      if (type === 0x0800) readIpv4(rest.subarray(2), said);
      else if (type === 0x0806 || type === 0x8035) readArp(rest.subarray(2), said);
      else if (type === 0x86dd) readIpv6(rest.subarray(2), said);
      return { from, vlan, said };
    }
  }
}

/** SNAP of an organisation that numbers what follows like EtherTypes. */
const isSnap = (rest: Uint8Array): boolean =>
  rest.length >= 10 &&
  (byte(rest, 2) & 0xfe) === 0xaa &&
  ['000000', '0000f8'].includes(hex(rest.subarray(5, 8)));

const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const word = (bytes: Uint8Array, at: number): number => byte(bytes, at) * 256 + byte(bytes, at + 1);

function readArp(bytes: Uint8Array, said: Said[]): void {
  if (bytes.length < 28) return;
  // Whatever it says of its addresses' lengths: the host's idea of them counts.
  said.push({
    what: 'arp',
    mac: hex(bytes.subarray(8, 14)),
    ip: hex(bytes.subarray(14, 18)),
    operation: word(bytes, 6),
  });
}

function readIpv4(bytes: Uint8Array, said: Said[]): void {
  const header = (byte(bytes, 0) & 15) * 4;
  const total = word(bytes, 2);
  if (bytes.length < 20 || byte(bytes, 0) >> 4 !== 4 || header < 20 || total < header || total > bytes.length)
    return;
  said.push({ what: 'source', ip: hex(bytes.subarray(12, 16)) });
  if ((word(bytes, 6) & 0x1fff) !== 0) return;
  const body = bytes.subarray(header, total);
  const protocol = byte(bytes, 9);
  if (protocol === 1 && body.length > 0) said.push({ what: 'icmp', type: byte(body, 0) });
  if (protocol === 2) said.push({ what: 'igmp' });
  if (protocol === 17 && body.length >= 4)
    said.push({ what: 'udp', v6: false, from: word(body, 0), to: word(body, 2) });
}

function readIpv6(bytes: Uint8Array, said: Said[]): void {
  const end = 40 + word(bytes, 4);
  if (bytes.length < 40 || byte(bytes, 0) >> 4 !== 6 || end > bytes.length) return;
  said.push({ what: 'source', ip: hex(bytes.subarray(8, 24)) });
  let next = byte(bytes, 6);
  let rest = bytes.subarray(40, end);
  let fragment = false;
  while (extensions.has(next)) {
    if (rest.length < 8) return;
    let size = (byte(rest, 1) + 1) * 8;
    if (next === 51) size = (byte(rest, 1) + 2) * 4;
    if (next === 44) {
      size = 8;
      fragment = true;
      if ((word(rest, 2) & 0xfff8) !== 0) return;
    }
    if (next === 60 && size <= rest.length) readHomeAddress(rest.subarray(2, size), said);
    if (size > rest.length) return;
    next = byte(rest, 0);
    rest = rest.subarray(size);
  }
  if (next === 6) said.push({ what: 'tcp' });
  if (next === 17 && rest.length >= 4)
    said.push({ what: 'udp', v6: true, from: word(rest, 0), to: word(rest, 2) });
  if (next === 58 && rest.length > 0) readIcmp6(rest, fragment, said);
}

function readHomeAddress(options: Uint8Array, said: Said[]): void {
  for (let at = 0; at < options.length;) {
    if (options[at] === 0) {
      at++;
      continue;
    }
    if (options[at] === 0xc9 && at + 18 <= options.length)
      said.push({ what: 'source', ip: hex(options.subarray(at + 2, at + 18)) });
    at += 2 + byte(options, at + 1);
  }
}

function readIcmp6(bytes: Uint8Array, fragment: boolean, said: Said[]): void {
  const type = byte(bytes, 0);
  said.push({ what: 'icmp6', type, fragment });
  if (type === 136 && bytes.length >= 24) said.push({ what: 'target', ip: hex(bytes.subarray(8, 24)) });
  if (type !== 133 && type !== 135 && type !== 136) return;
  let options = bytes.subarray(type === 133 ? 8 : 24);
  const found: Said[] = [];
  while (options.length > 0) {
    const size = byte(options, 1) * 8;
    // A host throws away the whole message.
    if (options.length < 2 || size === 0 || size > options.length) return;
    if (options[0] === 1 || options[0] === 2)
      found.push({ what: 'link-layer', mac: hex(options.subarray(2, 8)) });
    options = options.subarray(size);
  }
  said.push(...found);
}

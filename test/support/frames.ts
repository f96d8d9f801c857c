/** Builds frames byte by byte, apart from the code under test: an independent idea of what TCP over Ethernet looks like. */

export interface TcpFrame {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** 802.1Q tag control words, outermost first; the outermost of two is a service tag. */
  readonly vlans: readonly number[];
  readonly v6: boolean;
  /** 4 or 16 bytes each. */
  readonly sourceAddress: Uint8Array;
  readonly destinationAddress: Uint8Array;
  readonly tos: number;
  readonly hopLimit: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  /** A multiple of 4 bytes. */
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/** A segment between 10.144.0.1 and .2 without tags or options of IP: what a test is not about. */
export const plainTcp = {
  vlans: [],
  v6: false,
  sourceAddress: Uint8Array.of(10, 144, 0, 1),
  destinationAddress: Uint8Array.of(10, 144, 0, 2),
  tos: 0,
  hopLimit: 64,
  id: 1,
  dontFragment: true,
  sourcePort: 1,
  destinationPort: 2,
  sequence: 1,
  acknowledgement: 1,
  flags: 0x10,
  window: 100,
} satisfies Partial<TcpFrame>;

export function sum16(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function word(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function quad(value: number): number[] {
  return [...word(value >>> 16), ...word(value & 0xffff)];
}

export interface BuiltFrame {
  readonly bytes: Uint8Array;
  readonly ip: number;
  readonly tcp: number;
  readonly headerLength: number;
}

/** `checksum`: a partial one (the folded pseudo-header sum), or a complete one. */
export function buildTcp(f: TcpFrame, checksum: 'partial' | 'complete'): BuiltFrame {
  const tcpLength = 20 + f.options.length + f.payload.length;
  const tags = f.vlans.flatMap((tci, i) => [
    ...word(f.vlans.length === 2 && i === 0 ? 0x88a8 : 0x8100),
    ...word(tci),
  ]);
  const ethernet = [...f.destination, ...f.source, ...tags, ...word(f.v6 ? 0x86dd : 0x0800)];
  let ip: number[];
  if (f.v6) {
    ip = [
      ...quad((0x6000_0000 | (f.tos << 20) | (f.id & 0xffff)) >>> 0),
      ...word(tcpLength),
      6,
      f.hopLimit,
      ...f.sourceAddress,
      ...f.destinationAddress,
    ];
  } else {
    const head = [
      0x45,
      f.tos,
      ...word(20 + tcpLength),
      ...word(f.id),
      ...word(f.dontFragment ? 0x4000 : 0),
      f.hopLimit,
      6,
    ];
    const tail = [...f.sourceAddress, ...f.destinationAddress];
    ip = [...head, ...word(~sum16(Uint8Array.from([...head, ...tail])) & 0xffff), ...tail];
  }
  const pseudo = sum16(Uint8Array.from([...f.sourceAddress, ...f.destinationAddress]), 6 + tcpLength);
  const tcp = [
    ...word(f.sourcePort),
    ...word(f.destinationPort),
    ...quad(f.sequence),
    ...quad(f.acknowledgement),
    ((20 + f.options.length) / 4) << 4,
    f.flags,
    ...word(f.window),
    0,
    0,
    0,
    0,
    ...f.options,
  ];
  const value =
    checksum === 'partial' ? pseudo : ~sum16(Uint8Array.from([...tcp, ...f.payload]), pseudo) & 0xffff;
  [tcp[16], tcp[17]] = word(value) as [number, number];
  const headers = [...ethernet, ...ip, ...tcp];
  const bytes = new Uint8Array(headers.length + f.payload.length);
  bytes.set(headers);
  bytes.set(f.payload, headers.length);
  return { bytes, ip: ethernet.length, tcp: ethernet.length + ip.length, headerLength: headers.length };
}

/** The same addresses with UDP: what only TCP has of the description does not matter. */
export function buildUdp(f: TcpFrame, checksum: 'partial' | 'complete'): BuiltFrame {
  const built = buildTcp({ ...f, options: new Uint8Array(0) }, 'partial');
  const length = 8 + f.payload.length;
  const { ip, tcp } = built;
  const bytes = new Uint8Array(tcp + length);
  bytes.set(built.bytes.subarray(0, tcp));
  if (f.v6) {
    bytes.set(word(length), ip + 4);
    bytes[ip + 6] = 17;
  } else {
    bytes.set(word(20 + length), ip + 2);
    bytes[ip + 9] = 17;
    bytes.set([0, 0], ip + 10);
    bytes.set(word(~sum16(bytes.subarray(ip, ip + 20)) & 0xffff), ip + 10);
  }
  const pseudo = sum16(Uint8Array.from([...f.sourceAddress, ...f.destinationAddress]), 17 + length);
  const udp = [...word(f.sourcePort), ...word(f.destinationPort), ...word(length), 0, 0];
  const value = checksum === 'partial' ? pseudo : ~sum16(Uint8Array.from([...udp, ...f.payload]), pseudo);
  [udp[6], udp[7]] = word(value & 0xffff) as [number, number];
  bytes.set(udp, tcp);
  bytes.set(f.payload, tcp + 8);
  return { bytes, ip, tcp, headerLength: tcp + 8 };
}

/** fe80::/64 and the modified EUI-64 of the MAC (RFC 4291 appendix A). */
export function linkLocalOf(mac: Uint8Array): Uint8Array {
  const [a, b, c, d, e, f] = [...mac] as [number, number, number, number, number, number];
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f);
}

/** Any frame that is neither IP nor ARP. */
export function plainFrame(to: Uint8Array, from: Uint8Array, length = 60, fill = 7): Uint8Array {
  const frame = new Uint8Array(length).fill(fill);
  frame.set(to, 0);
  frame.set(from, 6);
  frame.set([0x88, 0xb5], 12);
  return frame;
}

/** A UDP over IPv4 frame with a complete checksum of zero ("none"). */
export function udpFrame(
  to: Uint8Array,
  from: Uint8Array,
  source: number,
  destination: number,
  payload: Uint8Array,
): Uint8Array {
  const head = [0x45, 0, ...word(28 + payload.length), 0, 0, 0x40, 0, 64, 17];
  const tail = [...quad(source), ...quad(destination)];
  const ip = [...head, ...word(~sum16(Uint8Array.from([...head, ...tail])) & 0xffff), ...tail];
  return Uint8Array.from([
    ...to,
    ...from,
    8,
    0,
    ...ip,
    0,
    7,
    0,
    9,
    ...word(8 + payload.length),
    0,
    0,
    ...payload,
  ]);
}

export function arpFrame(
  to: Uint8Array,
  from: Uint8Array,
  operation: number,
  sender: { mac: Uint8Array; ip: number },
  target: { mac: Uint8Array; ip: number },
): Uint8Array {
  return Uint8Array.from([
    ...to,
    ...from,
    ...[8, 6, 0, 1, 8, 0, 6, 4, 0, operation],
    ...sender.mac,
    ...quad(sender.ip),
    ...target.mac,
    ...quad(target.ip),
  ]);
}

/** The frame with tags before its type, outermost first: type and control word of each. */
export function tagged(frame: Uint8Array, ...tags: readonly (readonly [number, number])[]): Uint8Array {
  const words = tags.flatMap(([type, control]) => [...word(type), ...word(control)]);
  return Uint8Array.from([...frame.subarray(0, 12), ...words, ...frame.subarray(12)]);
}

/** An IPv6 frame; `body` begins with the header that `next` names. */
export function ipv6Frame(
  to: Uint8Array,
  from: Uint8Array,
  source: Uint8Array,
  destination: Uint8Array,
  next: number,
  body: readonly number[] | Uint8Array,
  hopLimit = 255,
): Uint8Array {
  return Uint8Array.from([
    ...to,
    ...from,
    ...[0x86, 0xdd, 0x60, 0, 0, 0],
    ...word(body.length),
    ...[next, hopLimit],
    ...source,
    ...destination,
    ...body,
  ]);
}

/** Body of a neighbour solicitation (135) or advertisement (136), its checksum left out; options follow. */
export function neighbourBody(type: number, target: Uint8Array, options: readonly number[] = []): number[] {
  return [type, 0, 0, 0, type === 136 ? 0x60 : 0, 0, 0, 0, ...target, ...options];
}

/** The frame with the checksum of its ICMPv6 message, which is the last header: a host throws away what has none. */
export function withChecksum(frame: Uint8Array): Uint8Array {
  const behind = frame[20] === 60 ? 62 : 54;
  const message = frame.subarray(behind);
  let sum = 58 + message.length;
  const add = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  };
  add(frame.subarray(22, 54));
  add(message);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const out = frame.slice();
  out.set([(~sum >> 8) & 255, ~sum & 255], behind + 2);
  return out;
}

/** An IPv4 frame with its header checksum; `fragment` is flags and offset, as they stand in the header. */
export function ipv4Frame(
  to: Uint8Array,
  from: Uint8Array,
  source: number,
  destination: number,
  protocol: number,
  body: readonly number[] | Uint8Array,
  fragment = 0,
): Uint8Array {
  const head = [0x45, 0, ...word(20 + body.length), 0, 0, ...word(fragment), 64, protocol];
  const tail = [...quad(source), ...quad(destination)];
  const ip = [...head, ...word(~sum16(Uint8Array.from([...head, ...tail])) & 0xffff), ...tail];
  return Uint8Array.from([...to, ...from, 8, 0, ...ip, ...body]);
}

/** What a relay allows: bounds on connections, rates and memory; and whose address an address is. */
export interface RelayLimits {
  /** WebSocket connections, all and from one address (IPv6: one /64). */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** WebSocket or TCP connections from one site (IPv4 /24, IPv6 /48). */
  readonly connectionsPerSite: number;
  /** Connections that nobody registered by yet, in all and from one site. Sources of members have as many for themselves. */
  readonly pending: number;
  readonly pendingPerSite: number;
  /** What such a connection may send, bytes and pieces (TCP segments, as they are read). */
  readonly strangerBytes: number;
  readonly strangerPieces: number;
  /** Handshakes a second, sustained; bursts are `handshakeBurst` times as many. */
  readonly handshakes: number;
  readonly handshakesPerAddress: number;
  readonly handshakeBurst: number;
  /** Bytes that may wait for a WebSocket before its data is dropped, however fast its line is. */
  readonly queueBytes: number;
  /** Relayed data, Mbit/s, of one node and of one network, each by UDP and by WebSocket. Infinity: no limit. */
  readonly nodeMbps: number;
  readonly networkMbps: number;
  /** Networks, in all and first seen from one source (IPv4 /24, IPv6 /48), and members of one network that are remembered. */
  readonly networks: number;
  readonly networksPerSource: number;
  readonly membersPerNetwork: number;
  /** Members that are remembered in all, counted uses of invites of one network, and bytes of state in all. */
  readonly members: number;
  readonly usesPerNetwork: number;
  readonly stateBytes: number;
  /** Bytes of state in logs from which on they are drawn together, however little is known. */
  readonly logBytes: number;
  /** A network of up to this many known members tells everybody of everybody; a larger one tells of neighbours. */
  readonly introduceAll: number;
  /** ms: from the TCP connection to the Noise handshake, from there to the hello, and silence until a client is dropped. */
  readonly handshakeMs: number;
  readonly helloMs: number;
  readonly silentMs: number;
}

export const defaultLimits: RelayLimits = {
  connections: 16_384,
  connectionsPerAddress: 1_024,
  connectionsPerSite: 4_096,
  pending: 512,
  pendingPerSite: 128,
  strangerBytes: 24 * 1024,
  strangerPieces: 256,
  handshakes: 100,
  handshakesPerAddress: 20,
  handshakeBurst: 5,
  queueBytes: 1024 * 1024,
  nodeMbps: 10_000,
  networkMbps: 40_000,
  networks: 4_096,
  networksPerSource: 16,
  membersPerNetwork: 16_384,
  members: 262_144,
  usesPerNetwork: 65_536,
  stateBytes: 512 * 1024 * 1024,
  logBytes: 4 * 1024 * 1024,
  introduceAll: 256,
  handshakeMs: 5_000,
  helloMs: 5_000,
  silentMs: 30_000,
};

/** Mbit/s as bytes a second. */
export function bytesPerSecond(mbps: number): number {
  return (mbps * 1e6) / 8;
}

/** Depth of a byte bucket: a quarter of a second, at least one full batch of 64 kB and its neighbours. */
export function byteBurst(mbps: number): number {
  return Math.max(256 * 1024, bytesPerSecond(mbps) / 4);
}

/** An address as limits see it: IPv6 by its /64, which one household or host has for itself. */
export function sourceKey(address: string): string {
  const words = ipv6Words(address);
  return words ? words.slice(0, 4).join(':') : bareAddress(address);
}

/** Whose address it is, roughly: an IPv4 /24 or an IPv6 /48. */
export function siteKey(address: string): string {
  const words = ipv6Words(address);
  return words ? words.slice(0, 3).join(':') : bareAddress(address).split('.').slice(0, 3).join('.');
}

/** Loopback: whoever is behind a reverse proxy on this machine, so nobody in particular. */
export function isLoopback(address: string): boolean {
  const bare = bareAddress(address);
  return bare.startsWith('127.') || bare === '::1';
}

/** Without zone; IPv4 also where it is written as IPv6. */
function bareAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

/** The eight words of an IPv6 address, or undefined. */
function ipv6Words(address: string): string[] | undefined {
  const bare = bareAddress(address);
  if (!bare.includes(':')) return undefined;
  const [head = '', tail] = bare.split('::') as [string, string?];
  const left = head === '' ? [] : head.split(':');
  if (tail === undefined) return left;
  const right = tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right];
}

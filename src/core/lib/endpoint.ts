/** An IP address and a UDP or TCP port, in the forms used inside evio and on the wire. */
import { isIPv6 } from 'node:net';
import { parseIpv4 } from './ipv4.js';
import type { ByteReader, ByteWriter } from './bytes.js';

/** `host` is an IP literal without brackets (never a name); IPv4-mapped IPv6 is always written as IPv4. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Name or literal with brackets where they are needed (RFC 3986 3.2.2). */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** `1.2.3.4:5`, `[2001:db8::1]:5`: the canonical text, used as map key; of a name, as `parseHostPort` takes it. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${bracketed(host)}:${port}`;
}

/** Parses `HOST:PORT` or `[HOST]:PORT`; the host may be a name. Undefined when malformed. */
export function parseHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  if (match[1] !== undefined && !isIPv6(host)) return undefined;
  return { host, port };
}

/** Parses an endpoint whose host must be an IP literal; the result has the canonical form, with any zone kept. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const parsed = parseHostPort(text);
  const address = parsed && addressBytes(parsed.host);
  if (!address) return undefined;
  const zone = /%.*$/.exec(parsed.host)?.[0] ?? '';
  return { host: addressText(address) + zone, port: parsed.port };
}

/** 127.0.0.0/8, also where it is written as IPv6, and ::1. */
export function isLoopback(host: string): boolean {
  const bytes = addressBytes(host);
  return host === '::1' || (bytes?.[10] === 0xff && bytes[12] === 127);
}

/** The 16 bytes of an address, IPv4 as ::ffff:a.b.c.d. Undefined when `host` is not an IP literal. */
export function addressBytes(host: string): Uint8Array | undefined {
  const out = new Uint8Array(16);
  const v4 = parseIpv4(host);
  if (v4 !== undefined) {
    out[10] = out[11] = 0xff;
    new DataView(out.buffer).setUint32(12, v4);
    return out;
  }
  const bare = host.replace(/%.*$/, '');
  if (!isIPv6(bare)) return undefined;
  let text = bare;
  const mixed = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (mixed) {
    const [a, b, c, d] = mixed.slice(2).map(Number) as [number, number, number, number];
    text = `${mixed[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = text.split('::') as [string?, string?];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const words =
    tail === undefined
      ? left
      : [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right];
  words.forEach((word, i) => {
    const value = parseInt(word, 16);
    out[i * 2] = value >> 8;
    out[i * 2 + 1] = value & 0xff;
  });
  return out;
}

/** The canonical text of 16 address bytes (RFC 5952 for IPv6, dotted quad for mapped IPv4). */
export function addressText(bytes: Uint8Array): string {
  let mapped = bytes[10] === 0xff && bytes[11] === 0xff;
  for (let i = 0; i < 10 && mapped; i++) mapped = bytes[i] === 0;
  if (mapped) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && words[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
  }
  const hex = words.map((w) => w.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}

/** 18 bytes on the wire: 16 of address, 2 of port. */
export function writeEndpoint(writer: ByteWriter, endpoint: Endpoint): void {
  const address = addressBytes(endpoint.host);
  if (!address) throw new TypeError(`not an IP address: ${endpoint.host}`);
  writer.bytes(address).u16(endpoint.port);
}

export function readEndpoint(reader: ByteReader): Endpoint {
  const host = addressText(reader.bytes(16));
  return { host, port: reader.u16() };
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.host === b.host;
}

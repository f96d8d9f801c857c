/**
 * What a router is asked so that it opens a port: PCP (RFC 6887, MAP only) and NAT-PMP (RFC 6886), by UDP at its port 5351.
 * All numbers are big endian.
 *
 *   PCP      ask     2 | 1 | 0 2 | lifetime 4 | own address 16 | nonce 12 | UDP 1 | 0 3 | own port 2 | wanted port 2 | wanted address 16
 *            answer  2 | 0x81 | 0 | result 1 | lifetime 4 | epoch 4 | 0 12 | nonce 12 | UDP 1 | 0 3 | own port 2 | port 2 | address 16
 *   NAT-PMP  ask     0 | 0                                                      the router's outer address
 *            answer  0 | 128 | result 2 | epoch 4 | address 4
 *            ask     0 | 1 | 0 2 | own port 2 | wanted port 2 | lifetime 4      a mapping of UDP
 *            answer  0 | 129 | result 2 | epoch 4 | own port 2 | port 2 | lifetime 4
 *
 * Lifetimes are seconds; 0 ends a mapping. Addresses of 16 bytes are IPv6, IPv4 mapped.
 */
import { equalBytes } from '../lib/bytes.js';
import { addressBytes, addressText, type Endpoint } from '../lib/endpoint.js';

/** By which routers open ports, in the order in which they are asked; for the last see wire/igd.ts. */
export const mappingProtocols = ['pcp', 'nat-pmp', 'upnp'] as const;
export type MappingProtocol = (typeof mappingProtocols)[number];

export const portMapPort = 5351;
/** Where a router tells its LAN that it has begun anew (RFC 6886 section 3.2.1, RFC 6887 section 14.1). */
export const announced = { host: '224.0.0.1', port: 5350 } as const;
export const pcpNonceLength = 12;
const udp = 17;
const pcpLength = 60;

export interface MapRequest {
  /** Own address, an IPv4 literal, and port. */
  readonly own: Endpoint;
  /** What the mapping shall have, or had; port 0: any. */
  readonly wanted: Endpoint;
  readonly lifetimeS: number;
  readonly nonce: Uint8Array;
}

export function encodePcpMap({ own, wanted, lifetimeS, nonce }: MapRequest): Uint8Array {
  const out = new Uint8Array(pcpLength);
  const view = new DataView(out.buffer);
  out[0] = 2;
  out[1] = 1;
  view.setUint32(4, lifetimeS);
  out.set(addressBytes(own.host) ?? [], 8);
  out.set(nonce.subarray(0, pcpNonceLength), 24);
  out[36] = udp;
  view.setUint16(40, own.port);
  view.setUint16(42, wanted.port);
  out.set(addressBytes(wanted.host) ?? [], 44);
  return out;
}

export function encodePmpAddress(): Uint8Array {
  return new Uint8Array(2);
}

export function encodePmpMap({ own, wanted, lifetimeS }: Omit<MapRequest, 'nonce'>): Uint8Array {
  const out = new Uint8Array(12);
  const view = new DataView(out.buffer);
  out[1] = 1;
  view.setUint16(4, own.port);
  view.setUint16(6, wanted.port);
  view.setUint32(8, lifetimeS);
  return out;
}

export type MapAnswer =
  /** The router speaks NAT-PMP only. */
  | { readonly kind: 'no-pcp' }
  | { readonly kind: 'refused'; readonly result: number }
  | { readonly kind: 'address'; readonly host: string }
  /** `host` is null where it must be asked for by itself. */
  | {
      readonly kind: 'mapped';
      readonly port: number;
      readonly host: string | null;
      readonly lifetimeS: number;
    };

/** What a router answers; undefined: nothing that can be read, or about another mapping. */
export function parseMapAnswer(bytes: Uint8Array, ownPort: number, nonce: Uint8Array): MapAnswer | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[0] === 2) return parsePcp(bytes, view, ownPort, nonce);
  if (bytes[0] !== 0 || bytes.length < 8 || ((bytes[1] as number) & 0x80) === 0) return undefined;
  const result = view.getUint16(2);
  if (result === 1) return { kind: 'no-pcp' };
  if (result !== 0) return { kind: 'refused', result };
  if (bytes[1] === 128 && bytes.length >= 12)
    return { kind: 'address', host: bytes.subarray(8, 12).join('.') };
  if (bytes[1] !== 129 || bytes.length < 16 || view.getUint16(8) !== ownPort) return undefined;
  return { kind: 'mapped', port: view.getUint16(10), host: null, lifetimeS: view.getUint32(12) };
}

function parsePcp(
  bytes: Uint8Array,
  view: DataView,
  ownPort: number,
  nonce: Uint8Array,
): MapAnswer | undefined {
  if (bytes.length < pcpLength || bytes[1] !== 0x81 || bytes[36] !== udp) return undefined;
  // Who did not see the question cannot answer it.
  if (!equalBytes(bytes.subarray(24, 24 + pcpNonceLength), nonce) || view.getUint16(40) !== ownPort)
    return undefined;
  const result = bytes[3] as number;
  if (result !== 0) return { kind: 'refused', result };
  return {
    kind: 'mapped',
    port: view.getUint16(42),
    host: addressText(bytes.slice(44, 60)),
    lifetimeS: view.getUint32(4),
  };
}

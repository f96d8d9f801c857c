/**
 * Control messages between two members, sealed inside their session (kind 0x10 of wire/packet.ts).
 *
 *   ping     0x01 | transaction 8 | zero padding        padding tries the path's MTU
 *   pong     0x02 | transaction 8 | endpoint 18 | direct frames 8 | abilities 1
 *            endpoint: where the ping came from (RFC 5389 calls it reflexive; zeros when it was relayed)
 *            direct frames: frames received from you by any direct path, so that a path which answers pings and
 *            eats payload is noticed
 *            abilities: what its sender understands. Bit 0: pieces (piece.ts); bit 1: copies of a packet by two ways. Older
 *            members leave it out
 *   offer    0x03 | sequence 4 | candidates (candidate.ts)       mine; a new sequence asks for a punch
 *   accept   0x04 | sequence 4
 *   goodbye  0x05                                       the sender stops; forget its sessions
 *   nat      0x06 | mapping 1 | filtering 1 | ports 1 | endpoint 18 | count 1
 *            what the sender knows of its NAT (nat.ts), by place in the lists there; and the ports, from that of the endpoint
 *            on, of which one is likely to be the one that the NAT gave its packets to you. Older members drop it
 *
 * Integers are big endian.
 */
import { ByteReader, ByteWriter } from '../lib/bytes.js';
import { readEndpoint, writeEndpoint, type Endpoint } from '../lib/endpoint.js';
import { readCandidates, writeCandidates, type Candidate } from './candidate.js';
import { maxPortRange, natFilterings, natMappings, natPorts, type NatNews } from './nat.js';

const Type = { ping: 1, pong: 2, offer: 3, accept: 4, goodbye: 5, nat: 6 } as const;

/** What a member understands that older ones do not. */
export interface Abilities {
  /** It joins pieces (piece.ts). */
  readonly joins: boolean;
  /** It takes a packet that comes by two ways for no attack. */
  readonly copies: boolean;
}

export type Control =
  | { readonly type: 'ping'; readonly transaction: number; readonly size: number }
  | ({
      readonly type: 'pong';
      readonly transaction: number;
      readonly observed: Endpoint;
      readonly directFrames: number;
    } & Abilities)
  | { readonly type: 'offer'; readonly sequence: number; readonly candidates: readonly Candidate[] }
  | { readonly type: 'accept'; readonly sequence: number }
  | { readonly type: 'goodbye' }
  | ({ readonly type: 'nat' } & NatNews);

/** Bits of a pong's last byte. */
const Ability = { joins: 1, copies: 2 } as const;
const nowhere: Endpoint = { host: '0.0.0.0', port: 0 };

/** Bytes of a pong: a ping of the same length is answered with no more than it brought. */
export const pongLength = 1 + 8 + 18 + 8 + 1;

/** @param size total length of the message in bytes; at least 9. */
export function encodePing(transaction: number, size = 9): Uint8Array {
  const out = new Uint8Array(Math.max(9, size));
  out.set(new ByteWriter(9).u8(Type.ping).u64(transaction).finish());
  return out;
}

/** Says what we understand. */
export function encodePong(
  transaction: number,
  observed: Endpoint | undefined,
  directFrames: number,
): Uint8Array {
  const writer = new ByteWriter(40).u8(Type.pong).u64(transaction);
  writeEndpoint(writer, observed ?? nowhere);
  return writer
    .u64(directFrames)
    .u8(Ability.joins | Ability.copies)
    .finish();
}

export function encodeOffer(sequence: number, candidates: readonly Candidate[]): Uint8Array {
  const writer = new ByteWriter(256).u8(Type.offer).u32(sequence);
  writeCandidates(writer, candidates);
  return writer.finish();
}

export function encodeAccept(sequence: number): Uint8Array {
  return new ByteWriter(8).u8(Type.accept).u32(sequence).finish();
}

export function encodeNat({ mapping, filtering, ports, range }: NatNews): Uint8Array {
  const writer = new ByteWriter(32).u8(Type.nat);
  writer.u8(natMappings.indexOf(mapping)).u8(natFilterings.indexOf(filtering)).u8(natPorts.indexOf(ports));
  writeEndpoint(writer, range?.first ?? nowhere);
  return writer.u8(Math.min(maxPortRange, range?.count ?? 0)).finish();
}

export function encodeGoodbye(): Uint8Array {
  return Uint8Array.of(Type.goodbye);
}

/** The message, or undefined when it is malformed or of a later version. Never throws. */
export function parseControl(bytes: Uint8Array): Control | undefined {
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case Type.ping: {
      const transaction = reader.u64();
      return reader.failed ? undefined : { type: 'ping', transaction, size: bytes.length };
    }
    case Type.pong: {
      const transaction = reader.u64();
      const observed = readEndpoint(reader);
      const directFrames = reader.u64();
      if (reader.failed) return undefined;
      const told = reader.u8();
      const abilities = reader.failed ? 0 : told;
      const [joins, copies] = [(abilities & Ability.joins) !== 0, (abilities & Ability.copies) !== 0];
      return { type: 'pong', transaction, observed, directFrames, joins, copies };
    }
    case Type.offer: {
      const sequence = reader.u32();
      const candidates = readCandidates(reader);
      return candidates && { type: 'offer', sequence, candidates };
    }
    case Type.accept: {
      const sequence = reader.u32();
      return reader.failed ? undefined : { type: 'accept', sequence };
    }
    case Type.goodbye:
      return { type: 'goodbye' };
    case Type.nat: {
      const mapping = natMappings[reader.u8()];
      const filtering = natFilterings[reader.u8()];
      const ports = natPorts[reader.u8()];
      const first = readEndpoint(reader);
      const count = reader.u8();
      if (!mapping || !filtering || !ports || reader.failed || count > maxPortRange) return undefined;
      const range = count > 0 && first.port + count <= 0x1_0000 ? { first, count } : undefined;
      return { type: 'nat', mapping, filtering, ports, range };
    }
    default:
      return undefined;
  }
}

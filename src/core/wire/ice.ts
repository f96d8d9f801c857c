/**
 * How two members agree on a WebRTC connection (RFC 8445, RFC 8831), sealed inside their session (kind 0x10 of packet.ts).
 *
 *   want     0x38 | call 4 | servers        the sender has no better way: call me, or keep the call that stands
 *   offer    0x39 | description | servers   from the member of the lesser id; repeated with every candidate found since
 *   answer   0x3a | description             repeated for every offer
 *   end      0x3b | call 4
 *
 *   description   call 4 | user (length 1, text) | password (length 1, text) | fingerprint 32 | candidates
 *   candidates    count 1 | ( kind 1 | priority 4 | endpoint 18 )*
 *   servers       count 1 | ( endpoint 18 )*      STUN servers of the sender's: one who has none learns its outer address there,
 *                 which it must tell, since TURN lets in only addresses that were named
 *
 * user and password are ICE's (RFC 8839 5.4), the fingerprint is the SHA-256 of the certificate that DTLS will show. Fields
 * and not SDP text, so that what a member says cannot be anything else than these. Integers are big endian.
 */
import { ByteReader, ByteWriter } from '../lib/bytes.js';
import { readEndpoint, writeEndpoint, type Endpoint } from '../lib/endpoint.js';

const Type = { want: 0x38, offer: 0x39, answer: 0x3a, end: 0x3b } as const;

/** The number is the code on the wire. */
export const iceKinds = ['host', 'srflx', 'relay'] as const;
export type IceKind = (typeof iceKinds)[number];

export interface IceCandidate {
  readonly kind: IceKind;
  readonly priority: number;
  readonly endpoint: Endpoint;
}

export interface IceDescription {
  readonly user: string;
  readonly password: string;
  /** SHA-256 of the DTLS certificate, 32 bytes. */
  readonly fingerprint: Uint8Array;
  readonly candidates: readonly IceCandidate[];
}

export type IceMessage =
  | { readonly type: 'want'; readonly call: number; readonly servers: readonly Endpoint[] }
  | {
      readonly type: 'offer';
      readonly call: number;
      readonly description: IceDescription;
      readonly servers: readonly Endpoint[];
    }
  | { readonly type: 'answer'; readonly call: number; readonly description: IceDescription }
  | { readonly type: 'end'; readonly call: number };

/** Candidates in one description: two servers give four, addresses of this machine the rest. */
export const maxIceCandidates = 12;
/** Servers that one member names. */
export const maxNamedServers = 2;
export const fingerprintLength = 32;

/** RFC 8839 5.4: at least 24 bits of user, 128 of password, out of 64 characters. We make, and take, no longer ones. */
const userPattern = /^[A-Za-z0-9+/]{4,32}$/;
const passwordPattern = /^[A-Za-z0-9+/]{22,64}$/;

export function encodeIce(message: IceMessage): Uint8Array {
  const writer = new ByteWriter(512).u8(Type[message.type]).u32(message.call);
  if (message.type === 'offer' || message.type === 'answer') writeDescription(writer, message.description);
  if (message.type === 'offer' || message.type === 'want') {
    const servers = message.servers.slice(0, maxNamedServers);
    writer.u8(servers.length);
    for (const server of servers) writeEndpoint(writer, server);
  }
  return writer.finish();
}

/** The message, or undefined when it is none of these, malformed, or longer than it says. Never throws. */
export function parseIce(bytes: Uint8Array): IceMessage | undefined {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  const message = read(reader, type);
  return reader.done ? message : undefined;
}

function read(reader: ByteReader, type: number): IceMessage | undefined {
  const call = reader.u32();
  switch (type) {
    case Type.want: {
      const servers = readServers(reader);
      return servers && { type: 'want', call, servers };
    }
    case Type.offer: {
      const description = readDescription(reader);
      const servers = readServers(reader);
      return description && servers && { type: 'offer', call, description, servers };
    }
    case Type.answer: {
      const description = readDescription(reader);
      return description && { type: 'answer', call, description };
    }
    case Type.end:
      return { type: 'end', call };
    default:
      return undefined;
  }
}

function writeDescription(writer: ByteWriter, description: IceDescription): void {
  const { user, password, fingerprint } = description;
  const candidates = description.candidates.slice(0, maxIceCandidates);
  writer.text(user).text(password).bytes(fingerprint).u8(candidates.length);
  for (const { kind, priority, endpoint } of candidates) {
    writer.u8(iceKinds.indexOf(kind)).u32(priority);
    writeEndpoint(writer, endpoint);
  }
}

function readDescription(reader: ByteReader): IceDescription | undefined {
  const user = reader.text();
  const password = reader.text();
  const fingerprint = reader.bytes(fingerprintLength);
  const count = reader.u8();
  if (!userPattern.test(user) || !passwordPattern.test(password)) return undefined;
  if (reader.failed || count > maxIceCandidates) return undefined;
  const candidates: IceCandidate[] = [];
  for (let i = 0; i < count; i++) {
    const kind = iceKinds[reader.u8()];
    const priority = reader.u32();
    const endpoint = readEndpoint(reader);
    if (kind === undefined || reader.failed) return undefined;
    candidates.push({ kind, priority, endpoint });
  }
  return { user, password, fingerprint, candidates };
}

function readServers(reader: ByteReader): Endpoint[] | undefined {
  const count = reader.u8();
  if (reader.failed || count > maxNamedServers) return undefined;
  return Array.from({ length: count }, () => readEndpoint(reader));
}

/**
 * STUN binding, RFC 8489: what a relay answers to anyone, and what a node asks to learn its reflexive address.
 *
 *   |0 0|   message type 14   |   message length 16   |   length of the attributes, a multiple of 4
 *   |              magic cookie 0x2112a442            |
 *   |              transaction id, 96 bits            |
 *   attribute: type 2 | length 2 | value | padding to 4        type < 0x8000: comprehension-required
 *   XOR-MAPPED-ADDRESS: 0 | family 1 | port ^ cookie 2 | address ^ (cookie, transaction id) 4 or 16
 *   FINGERPRINT, always last: CRC-32 of all before it ^ 0x5354554e, its own length already counted
 *
 * Big endian. Binding without authentication only: MESSAGE-INTEGRITY and its kin are stepped over. RFC 3489 clients,
 * which have no magic cookie, get no answer. A response is at most 24 bytes longer than a bare request (IPv6); the
 * protocol leaves no way to have it shorter, so our own requests bring room for it (`room`).
 */
import { ByteWriter, copyBytes, toHex, utf8 } from '../lib/bytes.js';
import { addressBytes, addressText, type Endpoint } from '../lib/endpoint.js';

const magicCookie = 0x2112_a442;
const headerLength = 20;
export const transactionIdLength = 12;
/** Longest message looked at, bytes: a UDP datagram that needs no fragments (section 6.1). */
const messageLimit = 1_472;

const MessageType = { request: 0x0001, success: 0x0101, error: 0x0111 } as const;

/** Attribute types, RFC 8489 section 18.3. */
export const StunAttribute = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  realm: 0x0014,
  nonce: 0x0015,
  messageIntegritySha256: 0x001c,
  passwordAlgorithm: 0x001d,
  userhash: 0x001e,
  xorMappedAddress: 0x0020,
  padding: 0x0026,
  software: 0x8022,
  fingerprint: 0x8028,
} as const;

/** Flags of CHANGE-REQUEST (RFC 5780 section 7.2). */
const changeAddressFlag = 0x4;
const changePortFlag = 0x2;

const family4 = 1;
const family6 = 2;
const unknownAttributeCode = 420;

/** Comprehension-required attributes of RFC 8489 itself: understood, though a binding does nothing with most. */
const understood = new Set<number>([
  StunAttribute.mappedAddress,
  StunAttribute.username,
  StunAttribute.messageIntegrity,
  StunAttribute.errorCode,
  StunAttribute.unknownAttributes,
  StunAttribute.realm,
  StunAttribute.nonce,
  StunAttribute.messageIntegritySha256,
  StunAttribute.passwordAlgorithm,
  StunAttribute.userhash,
  StunAttribute.xorMappedAddress,
]);

/** Attributes of RFC 3489 that old servers still put into responses: RESPONSE-ADDRESS to REFLECTED-FROM. */
const legacyInResponses = new Set<number>([0x0002, 0x0003, 0x0004, 0x0005, 0x0007, 0x000b]);

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let c = index;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb8_8320 : c >>> 1;
  return c;
});

/** CRC-32 of ITU V.42, as an unsigned number. */
function crc32(bytes: Uint8Array): number {
  let c = 0xffff_ffff;
  for (const byte of bytes) c = (crcTable[(c ^ byte) & 0xff] as number) ^ (c >>> 8);
  return ~c >>> 0;
}

function fingerprintOf(before: Uint8Array): number {
  return (crc32(before) ^ 0x5354_554e) >>> 0;
}

/** Adds what stands around the attributes: the header, and FINGERPRINT when asked for. */
export function finish(
  type: number,
  transactionId: Uint8Array,
  attributes: Uint8Array,
  fingerprint: boolean,
): Uint8Array {
  if (transactionId.length !== transactionIdLength) throw new TypeError('a transaction id is 12 bytes');
  const writer = new ByteWriter(headerLength + attributes.length + 8)
    .u16(type)
    .u16(attributes.length + (fingerprint ? 8 : 0))
    .u32(magicCookie)
    .bytes(transactionId)
    .bytes(attributes);
  if (fingerprint) {
    const value = fingerprintOf(writer.finish());
    writer.u16(StunAttribute.fingerprint).u16(4).u32(value);
  }
  return writer.finish();
}

/** One attribute, with its padding. */
export function writeAttribute(writer: ByteWriter, type: number, value: Uint8Array): void {
  writer.u16(type).u16(value.length).bytes(value);
  writer.bytes(new Uint8Array(-value.length & 3));
}

/** The bytes that addresses are masked with: magic cookie, then transaction id. */
function maskOf(transactionId: Uint8Array): Uint8Array {
  return new ByteWriter(16).u32(magicCookie).bytes(transactionId).finish();
}

/** A message of STUN, taken apart. */
export interface Parts {
  readonly type: number;
  readonly transactionId: Uint8Array;
  /** The first of each type, in order; values are views. What follows MESSAGE-INTEGRITY is left out (section 14.5). */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
  readonly fingerprint: boolean;
}

/** Undefined unless the message is whole, well-formed and, when it has a FINGERPRINT, genuine. */
export function take(message: Uint8Array): Parts | undefined {
  if (message.length < headerLength || message.length > messageLimit || message.length % 4 !== 0)
    return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const type = view.getUint16(0);
  if (type > 0x3fff || view.getUint32(4) !== magicCookie) return undefined;
  if (view.getUint16(2) !== message.length - headerLength) return undefined;
  const attributes = new Map<number, Uint8Array>();
  let integrity = false;
  let fingerprint = false;
  for (let at = headerLength; at < message.length;) {
    if (fingerprint) return undefined; // it must be the last
    const kind = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const end = at + 4 + length;
    if (end > message.length) return undefined;
    if (kind === StunAttribute.fingerprint) {
      if (length !== 4 || view.getUint32(at + 4) !== fingerprintOf(message.subarray(0, at))) return undefined;
      fingerprint = true;
    } else if (!integrity && !attributes.has(kind)) {
      attributes.set(kind, message.subarray(at + 4, end));
    }
    if (kind === StunAttribute.messageIntegrity || kind === StunAttribute.messageIntegritySha256)
      integrity = true;
    at = end + (-length & 3);
  }
  return { type, transactionId: copyBytes(message.subarray(8, headerLength)), attributes, fingerprint };
}

/** As long as it makes a request with FINGERPRINT that of a response to IPv6: 52 bytes. */
const roomySoftware = utf8('evio'.padEnd(20));

/**
 * A binding request. `transactionId` is 12 random bytes: they are all that protects a response from forgery.
 *
 * @param options.changePort asks for the answer from the server's other port (RFC 5780)
 * @param options.padding adds so many bytes (RFC 5780 section 7.6); a server that does not know them answers with an error
 * @param options.room makes it as long as the longest response, so that a relay which does not know the sender may answer
 */
export function encodeBindingRequest(
  transactionId: Uint8Array,
  options: { fingerprint?: boolean; room?: boolean; changePort?: boolean; padding?: number } = {},
): Uint8Array {
  const attributes = new ByteWriter(32);
  if (options.padding !== undefined)
    writeAttribute(attributes, StunAttribute.padding, new Uint8Array(options.padding));
  if (options.changePort === true) {
    writeAttribute(attributes, StunAttribute.changeRequest, Uint8Array.of(0, 0, 0, changePortFlag));
  }
  if (options.room === true) writeAttribute(attributes, StunAttribute.software, roomySoftware);
  return finish(MessageType.request, transactionId, attributes.finish(), options.fingerprint ?? true);
}

export interface BindingRequest {
  readonly transactionId: Uint8Array;
  /** The response should have one as well. */
  readonly fingerprint: boolean;
  /** Comprehension-required attributes not known here: answer with `encodeUnknownAttributes`. */
  readonly unknown: readonly number[];
  /** The answer should come from the other port (RFC 5780), for which the server needs one: then it is not in `unknown`. */
  readonly changePort: boolean;
}

/** Undefined for anything but a well-formed binding request. @param otherPort there is one to answer from */
export function parseBindingRequest(message: Uint8Array, otherPort = false): BindingRequest | undefined {
  const parts = take(message);
  if (parts?.type !== MessageType.request) return undefined;
  const { transactionId, attributes, fingerprint } = parts;
  const change = attributes.get(StunAttribute.changeRequest);
  const flags = change?.length === 4 ? (change[3] as number) : 0;
  const changePort = otherPort && (flags & changePortFlag) !== 0 && (flags & changeAddressFlag) === 0;
  const unknown = [...attributes.keys()].filter(
    (kind) => kind < 0x8000 && !understood.has(kind) && !(changePort && kind === StunAttribute.changeRequest),
  );
  return { transactionId, fingerprint, unknown, changePort };
}

/** True for a request whose answer should come from the other port. */
export function asksOtherPort(message: Uint8Array): boolean {
  return parseBindingRequest(message, true)?.changePort === true;
}

/** The success response. `source` is where the request came from. Throws TypeError when its host is not an IP literal. */
export function encodeBindingResponse(
  transactionId: Uint8Array,
  source: Endpoint,
  options: { fingerprint?: boolean; software?: string } = {},
): Uint8Array {
  const address = addressBytes(source.host);
  if (!address) throw new TypeError(`not an IP address: ${source.host}`);
  const is6 = source.host.includes(':') && addressText(address).includes(':');
  const mask = maskOf(transactionId);
  const plain = is6 ? address : address.subarray(12);
  const writer = new ByteWriter(64);
  if (options.software !== undefined) writeAttribute(writer, StunAttribute.software, utf8(options.software));
  const value = new ByteWriter(20)
    .u8(0)
    .u8(is6 ? family6 : family4)
    .u16(source.port ^ (magicCookie >>> 16))
    .bytes(plain.map((byte, i) => byte ^ (mask[i] as number)))
    .finish();
  writeAttribute(writer, StunAttribute.xorMappedAddress, value);
  return finish(MessageType.success, transactionId, writer.finish(), options.fingerprint ?? false);
}

/**
 * The 420 error response, naming what was not understood. Each name took at least 4 bytes in the request and takes 2
 * here, so the response is at most 12 bytes longer.
 */
export function encodeUnknownAttributes(
  transactionId: Uint8Array,
  unknown: readonly number[],
  options: { fingerprint?: boolean } = {},
): Uint8Array {
  const writer = new ByteWriter(64);
  const error = Uint8Array.of(0, 0, Math.floor(unknownAttributeCode / 100), unknownAttributeCode % 100);
  writeAttribute(writer, StunAttribute.errorCode, error);
  const names = new ByteWriter(2 * unknown.length);
  for (const kind of unknown) names.u16(kind);
  writeAttribute(writer, StunAttribute.unknownAttributes, names.finish());
  return finish(MessageType.error, transactionId, writer.finish(), options.fingerprint ?? false);
}

/**
 * What a server sends back to `source`: the one call a responder needs. Undefined: nothing.
 *
 * @param otherPort the server has one, and sends the answer from there if it is asked to (`asksOtherPort`)
 */
export function answerBinding(
  message: Uint8Array,
  source: Endpoint,
  otherPort = false,
): Uint8Array | undefined {
  const request = parseBindingRequest(message, otherPort);
  if (!request) return undefined;
  const { transactionId, unknown, fingerprint } = request;
  return unknown.length > 0
    ? encodeUnknownAttributes(transactionId, unknown, { fingerprint })
    : encodeBindingResponse(transactionId, source, { fingerprint });
}

export type BindingResponse =
  | { readonly transactionId: Uint8Array; readonly mapped: Endpoint }
  | {
      readonly transactionId: Uint8Array;
      readonly error: { readonly code: number; readonly reason: string };
    };

/** What ERROR-CODE says (section 14.8); undefined where there is none. */
export function errorOf(
  attributes: ReadonlyMap<number, Uint8Array>,
): { readonly code: number; readonly reason: string } | undefined {
  const value = attributes.get(StunAttribute.errorCode);
  if (!value || value.length < 4) return undefined;
  const code = ((value[2] as number) & 7) * 100 + (value[3] as number);
  return { code, reason: new TextDecoder().decode(value.subarray(4)) };
}

function readAddress(value: Uint8Array, mask: Uint8Array): Endpoint | undefined {
  const family = value[1];
  const length = family === family4 ? 4 : family === family6 ? 16 : 0;
  if (length === 0 || value.length !== 4 + length) return undefined;
  const unmask = (at: number, i: number): number => (value[at] as number) ^ (mask[i] as number);
  const address = new Uint8Array(16);
  if (family === family4) address.fill(0xff, 10, 12);
  for (let i = 0; i < length; i++) address[16 - length + i] = unmask(4 + i, i);
  return { host: addressText(address), port: (unmask(2, 0) << 8) | unmask(3, 1) };
}

/**
 * A binding response. Undefined when malformed, when it lacks an address, or when it has an attribute that must be and
 * is not understood (section 6.3.3). The caller matches the transaction id.
 */
export function parseBindingResponse(message: Uint8Array): BindingResponse | undefined {
  const parts = take(message);
  if (!parts) return undefined;
  const { type, transactionId, attributes } = parts;
  for (const kind of attributes.keys()) {
    if (kind < 0x8000 && !understood.has(kind) && !legacyInResponses.has(kind)) return undefined;
  }
  if (type === MessageType.error) {
    const error = errorOf(attributes);
    return error && { transactionId, error };
  }
  if (type !== MessageType.success) return undefined;
  const masked = attributes.get(StunAttribute.xorMappedAddress);
  const bare = attributes.get(StunAttribute.mappedAddress);
  const mapped = masked
    ? readAddress(masked, maskOf(transactionId))
    : bare && readAddress(bare, new Uint8Array(16));
  return mapped && { transactionId, mapped };
}

/** A transaction id as a map key. */
export function transactionKey(transactionId: Uint8Array): string {
  return toHex(transactionId);
}

/**
 * Handshake datagrams and the payloads inside them. Little endian, as in WireGuard (paper section 5.4).
 *
 *   init      0x51 | suite 1 | rsv 2 | sender index 4                    | noise message | mac1 16 | mac2 16
 *   response  0x52 | suite 1 | rsv 2 | sender index 4 | receiver index 4 | noise message | mac1 16 | mac2 16
 *   cookie    0x53 | 0       | rsv 2 | receiver index 4 | nonce 24 | encrypted cookie 16 | tag 16
 *
 *   noise message of IK    init: e 32 | s 32 + 16 | payload + 16       response: e 32 | payload + 16
 *   payload of init        stamp 12 (TAI64N) | boot 4 BE | certificate (length 2 BE, bytes)
 *   payload of response    boot 4 BE | certificate (length 2 BE, bytes)
 *     Bytes after the certificate are for later versions and are ignored. An init ends in zeros where the answer would be
 *     longer than it: nobody sends more to an address than came from there (peer/handshake-door.ts).
 *
 * mac1 covers all bytes before it and is keyed with the receiver's static public key: who does not know it gets no
 * answer. mac2 covers all bytes before it and is keyed with a cookie: see noise/cookie.ts. The reserved bytes are sent
 * as zero and ignored. Knows no keys: what is inside the Noise message is for noise/ik.ts.
 */
import { ByteReader, ByteWriter } from '../lib/bytes.js';
import { PacketType, Suite, tagLength } from './packet.js';

/** Longest handshake datagram, bytes: with a relay header, or inside a link session, it still fits a 1500-byte path. */
export const handshakeLimit = 1400;
export const macLength = 16;
/** Bytes of mac1 and mac2. */
export const macsLength = 2 * macLength;

export const initHeaderLength = 8;
export const responseHeaderLength = 12;
/** e, encrypted s, tag of an empty payload. */
export const initNoiseMinimum = 32 + 32 + tagLength + tagLength;
/** e, tag of an empty payload. */
export const responseNoiseMinimum = 32 + tagLength;

/** Bytes of an init with a certificate of so many bytes, and of a response. */
export const initLength = (certificate: number): number =>
  initHeaderLength + initNoiseMinimum + 12 + 4 + 2 + certificate + macsLength;
export const responseLength = (certificate: number): number =>
  responseHeaderLength + responseNoiseMinimum + 4 + 2 + certificate + macsLength;

export const cookieNonceLength = 24;
export const cookieLength = 16;
export const cookieReplyLength = 8 + cookieNonceLength + cookieLength + tagLength;

export interface InitPacket {
  readonly suite: Suite;
  /** Index that the responder must put into packets to the initiator. */
  readonly senderIndex: number;
  /** View into the packet. */
  readonly noise: Uint8Array;
}

export interface ResponsePacket extends InitPacket {
  /** The sender index of the init that is answered. */
  readonly receiverIndex: number;
}

export interface CookieReplyPacket {
  readonly receiverIndex: number;
  /** Views into the packet. */
  readonly nonce: Uint8Array;
  readonly sealedCookie: Uint8Array;
}

function viewOf(packet: Uint8Array): DataView {
  return new DataView(packet.buffer, packet.byteOffset, packet.length);
}

function suiteOf(value: number | undefined): Suite | undefined {
  return value === Suite.aes256gcm || value === Suite.chacha20poly1305 ? value : undefined;
}

function framed(type: number, suite: Suite, headerLength: number, noise: Uint8Array): Uint8Array {
  const length = headerLength + noise.length + macsLength;
  if (length > handshakeLimit) throw new RangeError(`handshake of ${length} bytes exceeds ${handshakeLimit}`);
  const out = new Uint8Array(length);
  out[0] = type;
  out[1] = suite;
  out.set(noise, headerLength);
  return out;
}

/** The packet with both macs zero. Throws RangeError over 1400 bytes: our certificate is too long. */
export function encodeInit(init: InitPacket): Uint8Array {
  const out = framed(PacketType.handshakeInit, init.suite, initHeaderLength, init.noise);
  viewOf(out).setUint32(4, init.senderIndex, true);
  return out;
}

/** Undefined when it is no init: wrong type, unknown suite, too short or too long. The macs are not checked. */
export function parseInit(packet: Uint8Array): InitPacket | undefined {
  const suite = suiteOf(packet[1]);
  const end = packet.length - macsLength;
  if (packet[0] !== PacketType.handshakeInit || !suite) return undefined;
  if (end < initHeaderLength + initNoiseMinimum || packet.length > handshakeLimit) return undefined;
  return {
    suite,
    senderIndex: viewOf(packet).getUint32(4, true),
    noise: packet.subarray(initHeaderLength, end),
  };
}

/** The packet with both macs zero. Throws RangeError over 1400 bytes. */
export function encodeResponse(response: ResponsePacket): Uint8Array {
  const out = framed(PacketType.handshakeResponse, response.suite, responseHeaderLength, response.noise);
  viewOf(out).setUint32(4, response.senderIndex, true);
  viewOf(out).setUint32(8, response.receiverIndex, true);
  return out;
}

/** Undefined when it is no response. The macs are not checked. */
export function parseResponse(packet: Uint8Array): ResponsePacket | undefined {
  const suite = suiteOf(packet[1]);
  const end = packet.length - macsLength;
  if (packet[0] !== PacketType.handshakeResponse || !suite) return undefined;
  if (end < responseHeaderLength + responseNoiseMinimum || packet.length > handshakeLimit) return undefined;
  const view = viewOf(packet);
  return {
    suite,
    senderIndex: view.getUint32(4, true),
    receiverIndex: view.getUint32(8, true),
    noise: packet.subarray(responseHeaderLength, end),
  };
}

/** `nonce` is 24 bytes, `sealedCookie` 32. */
export function encodeCookieReply(reply: CookieReplyPacket): Uint8Array {
  if (reply.nonce.length !== cookieNonceLength || reply.sealedCookie.length !== cookieLength + tagLength) {
    throw new TypeError('nonce or sealed cookie has a wrong length');
  }
  const out = new Uint8Array(cookieReplyLength);
  out[0] = PacketType.cookieReply;
  viewOf(out).setUint32(4, reply.receiverIndex, true);
  out.set(reply.nonce, 8);
  out.set(reply.sealedCookie, 8 + cookieNonceLength);
  return out;
}

export function parseCookieReply(packet: Uint8Array): CookieReplyPacket | undefined {
  if (packet[0] !== PacketType.cookieReply || packet.length !== cookieReplyLength) return undefined;
  return {
    receiverIndex: viewOf(packet).getUint32(4, true),
    nonce: packet.subarray(8, 8 + cookieNonceLength),
    sealedCookie: packet.subarray(8 + cookieNonceLength),
  };
}

/** What the initiator says, sealed. The length of `stamp` is 12 (noise/tai64n.ts). */
export interface InitPayload {
  readonly stamp: Uint8Array;
  /** Random number of this process, so that a restart can be told from a rekey. */
  readonly boot: number;
  /** Opaque here; checked by identity/. */
  readonly certificate: Uint8Array;
}

/** What the responder says, sealed. */
export interface ResponsePayload {
  readonly boot: number;
  readonly certificate: Uint8Array;
}

/**
 * @param answer bytes of the certificate that the responder will send: the init gets as long as the response at least
 */
export function encodeInitPayload(payload: InitPayload, answer = 0): Uint8Array {
  const { stamp, boot, certificate } = payload;
  if (stamp.length !== 12) throw new TypeError('a stamp is 12 bytes');
  const room = Math.max(0, Math.min(responseLength(answer), handshakeLimit) - initLength(certificate.length));
  return new ByteWriter().bytes(stamp).u32(boot).block(certificate).bytes(new Uint8Array(room)).finish();
}

/** Copies. Undefined when truncated. */
export function parseInitPayload(bytes: Uint8Array): InitPayload | undefined {
  const reader = new ByteReader(bytes);
  const payload = { stamp: reader.bytes(12), boot: reader.u32(), certificate: reader.block() };
  return reader.failed ? undefined : payload;
}

export function encodeResponsePayload(payload: ResponsePayload): Uint8Array {
  return new ByteWriter().u32(payload.boot).block(payload.certificate).finish();
}

/** Copies. Undefined when truncated. */
export function parseResponsePayload(bytes: Uint8Array): ResponsePayload | undefined {
  const reader = new ByteReader(bytes);
  const payload = { boot: reader.u32(), certificate: reader.block() };
  return reader.failed ? undefined : payload;
}

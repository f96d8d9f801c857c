/**
 * A relay invite: what lets networks in at a relay that does not serve any. The relay makes it and the relay reads it, and
 * nobody else has to understand it; it travels behind the key in the relay's URL, and in the hello of `evio init`.
 *
 *   version 1 | id 8 | not after 8 (ms since 1970) | uses 4 | signature 64 by the relay's key over label ‖ all before
 *
 * It is a secret: whoever shows it first has a network served, as often as `uses` says. It is counted by network.
 */
import { sign, signatureLength, verify, type Keys } from '../core/identity/keys.js';
import { ByteReader, ByteWriter, concatBytes, toHex, utf8 } from '../core/lib/bytes.js';

const version = 1;
const label = utf8('evio relay invite 1');
const idLength = 8;

export interface Ticket {
  /** 16 hexadecimal characters. */
  readonly id: string;
  /** Date, ms. */
  readonly notAfter: number;
  /** Networks that it admits. */
  readonly uses: number;
}

/** @param id 8 random bytes */
export function signTicket(id: Uint8Array, notAfter: number, uses: number, relay: Keys): Uint8Array {
  const body = new ByteWriter().u8(version).bytes(id).u64(notAfter).u32(uses).finish();
  return concatBytes(body, sign(relay, concatBytes(label, body)));
}

/** What a ticket says, whoever signed it; undefined when it is none. */
export function readTicket(signed: Uint8Array): Ticket | undefined {
  const reader = new ByteReader(bodyOf(signed));
  if (reader.u8() !== version) return undefined;
  const ticket = { id: toHex(reader.bytes(idLength)), notAfter: reader.u64(), uses: reader.u32() };
  return reader.done ? ticket : undefined;
}

function bodyOf(signed: Uint8Array): Uint8Array {
  return signed.subarray(0, Math.max(0, signed.length - signatureLength));
}

/** A genuine ticket of this relay, be it expired or used up; else undefined. */
export function openTicket(signed: Uint8Array, relay: Keys): Ticket | undefined {
  const ticket = readTicket(signed);
  const body = bodyOf(signed);
  const genuine = ticket && verify(relay.publicKey, concatBytes(label, body), signed.subarray(body.length));
  return genuine ? ticket : undefined;
}

export const ticketIdLength = idLength;

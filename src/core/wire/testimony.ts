/**
 * What members tell each other about a membership, sealed inside their session (kind 0x10 of wire/packet.ts).
 *
 *   receipt    0x30 | receipt (length 2, bytes)      from a witness to a member that came without one
 *   farewell   0x31 | farewell (length 2, bytes)     somebody left the network, and says so itself; passed on once
 *   renew      0x32 | certificate (length 2, bytes)  to an admin: a member asks for its membership to go on; the certificate
 *                                                    that it wishes to have, signed twice by itself
 *   renewed    0x33 | credential (length 2, bytes)   the answer; there is none to who may not
 *   rekey      0x34 | wish (length 2, bytes)         to an admin: a member asks for another key. The signature (64) by which
 *                                                    its own names it, and the certificate that it is to have
 *   rekeyed    0x35 | credential (length 2, bytes)   the answer; there is none to who may not
 *
 * Integers are big endian. Bytes behind are ignored.
 */
import { ByteReader, ByteWriter } from '../lib/bytes.js';

const Type = {
  receipt: 0x30,
  farewell: 0x31,
  renew: 0x32,
  renewed: 0x33,
  rekey: 0x34,
  rekeyed: 0x35,
} as const;
const types = Object.keys(Type) as (keyof typeof Type)[];
/** Longest document, bytes: that of a credential. */
const documentLimit = 900;

export interface TestimonyMessage {
  readonly type: keyof typeof Type;
  readonly document: Uint8Array;
}

export function encodeTestimony({ type, document }: TestimonyMessage): Uint8Array {
  return new ByteWriter(256).u8(Type[type]).block(document).finish();
}

/** The message, or undefined when it is malformed or none of these. Never throws. Copies. */
export function parseTestimony(bytes: Uint8Array): TestimonyMessage | undefined {
  const reader = new ByteReader(bytes);
  const number = reader.u8();
  const type = types.find((name) => Type[name] === number);
  const document = reader.block();
  return type && !reader.failed && document.length <= documentLimit ? { type, document } : undefined;
}

/**
 * TURN (RFC 8656), as much of it as tells whether a server gives this machine an address: Allocate, and Refresh to give it back.
 * Messages are those of STUN (stun.ts).
 *
 *   ask     0x0003 | REQUESTED-TRANSPORT: UDP 17 | 0 3          Allocate; the server names its realm and a nonce, and refuses (401)
 *           0x0003 | REQUESTED-TRANSPORT | USERNAME | NONCE | REALM | MESSAGE-INTEGRITY: HMAC-SHA1 20
 *           0x0004 | LIFETIME: 0 4 | USERNAME | NONCE | REALM | MESSAGE-INTEGRITY           Refresh
 *   answer  0x0103, or 0x0113 with ERROR-CODE, REALM and NONCE
 *
 * The key is MD5 of `USER:REALM:PASSWORD`, and the length in the header counts MESSAGE-INTEGRITY already (RFC 8489 sections 9.2.2, 14.5).
 */
import { createHash, createHmac } from 'node:crypto';
import { ByteWriter, copyBytes, utf8 } from '../lib/bytes.js';
import { errorOf, finish, StunAttribute, take, writeAttribute } from './stun.js';

export const TurnMessage = { allocate: 0x0003, refresh: 0x0004 } as const;
const allocated = 0x0103;
const refused = 0x0113;
const lifetime = 0x000d;
const requestedTransport = 0x0019;
const udp = 17;
/** Of MESSAGE-INTEGRITY, with its own header. */
const integrityLength = 24;
/** A server that asks for more is none (RFC 8489 sections 14.9, 14.10). */
const longestText = 763;

/** Who asks, and what the server said it is to be said for. */
export interface TurnIdentity {
  readonly user: string;
  readonly password: string;
  readonly realm: Uint8Array;
  readonly nonce: Uint8Array;
}

/** Asks for an address. Throws what OpenSSL does where it has no MD5. */
export function encodeAllocate(transactionId: Uint8Array, identity?: TurnIdentity): Uint8Array {
  const attributes = new ByteWriter(64);
  writeAttribute(attributes, requestedTransport, Uint8Array.of(udp, 0, 0, 0));
  return encodeSigned(TurnMessage.allocate, transactionId, attributes, identity);
}

/** Gives it back. Throws what OpenSSL does where it has no MD5. */
export function encodeRelease(transactionId: Uint8Array, identity?: TurnIdentity): Uint8Array {
  const attributes = new ByteWriter(64);
  writeAttribute(attributes, lifetime, new Uint8Array(4));
  return encodeSigned(TurnMessage.refresh, transactionId, attributes, identity);
}

/** A message with these attributes, and the identity behind them. Throws what OpenSSL does where it has no MD5. */
export function encodeSigned(
  type: number,
  transactionId: Uint8Array,
  attributes: ByteWriter,
  identity?: TurnIdentity,
): Uint8Array {
  if (!identity) return finish(type, transactionId, attributes.finish(), false);
  const { user, password, realm, nonce } = identity;
  writeAttribute(attributes, StunAttribute.username, utf8(user));
  writeAttribute(attributes, StunAttribute.nonce, nonce);
  writeAttribute(attributes, StunAttribute.realm, realm);
  const before = finish(type, transactionId, attributes.finish(), false);
  const view = new DataView(before.buffer, before.byteOffset);
  view.setUint16(2, view.getUint16(2) + integrityLength);
  const key = createHash('md5').update(`${user}:`).update(realm).update(`:${password}`).digest();
  writeAttribute(attributes, StunAttribute.messageIntegrity, createHmac('sha1', key).update(before).digest());
  return finish(type, transactionId, attributes.finish(), false);
}

export type AllocateAnswer =
  | { readonly transactionId: Uint8Array; readonly code: 0 }
  /** With the code of the refusal; `realm` and `nonce` are empty where the server named none. */
  | {
      readonly transactionId: Uint8Array;
      readonly code: number;
      readonly realm: Uint8Array;
      readonly nonce: Uint8Array;
    };

/** What a server says to Allocate; undefined for anything else. The caller matches the transaction id. */
export function parseAllocateAnswer(message: Uint8Array): AllocateAnswer | undefined {
  const parts = take(message);
  if (!parts) return undefined;
  const { type, transactionId, attributes } = parts;
  if (type === allocated) return { transactionId, code: 0 };
  const error = type === refused ? errorOf(attributes) : undefined;
  if (!error || error.code < 300) return undefined;
  const text = (kind: number): Uint8Array =>
    copyBytes((attributes.get(kind) ?? new Uint8Array(0)).subarray(0, longestText));
  return {
    transactionId,
    code: error.code,
    realm: text(StunAttribute.realm),
    nonce: text(StunAttribute.nonce),
  };
}

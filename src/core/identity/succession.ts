/**
 * What a member's key says when another key of the same machine is to take its place. It stands in the renewal by which
 * the new key is a member (invite.ts), and in the statement of the ledger that makes it count (ledger/statement.ts).
 *
 *   succession   old node key 32 | signature 64 by it over "evio succession 1" ‖ network's first root key 32 ‖ new node key 32
 *
 * That the owner of the new key agrees is said by its certificate, which it signs itself.
 */
import { concatBytes, utf8, type ByteReader, type ByteWriter } from '../lib/bytes.js';
import { sign, signatureLength, verify, type Keys } from './keys.js';

const label = utf8('evio succession 1');
/** Bytes of a succession. */
export const successionLength = 32 + signatureLength;

export interface Succession {
  /** The key that is followed. */
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

/** @param rootKey the network's first root key. `next`: the key that takes the place of `old` */
export function signSuccession(rootKey: Uint8Array, old: Keys, next: Uint8Array): Succession {
  return { key: old.publicKey, signature: sign(old, concatBytes(label, rootKey, next)) };
}

/** True when the key that is followed named `next` itself. */
export function isGenuineSuccession(
  rootKey: Uint8Array,
  { key, signature }: Succession,
  next: Uint8Array,
): boolean {
  return verify(key, concatBytes(label, rootKey, next), signature);
}

export function writeSuccession(writer: ByteWriter, { key, signature }: Succession): ByteWriter {
  return writer.bytes(key).bytes(signature);
}

export function readSuccession(reader: ByteReader): Succession {
  return { key: reader.bytes(32), signature: reader.bytes(signatureLength) };
}

/** How documents are signed: a signature over a label and everything before it, at the end. */
import { concatBytes } from '../lib/bytes.js';
import { sign, signatureLength, verify, type Keys } from './keys.js';

/** The document: `body`, and the signature of it under `label`, which no other kind of document has. */
export function seal(label: Uint8Array, body: Uint8Array, keys: Keys): Uint8Array {
  return concatBytes(body, sign(keys, concatBytes(label, body)));
}

/** True when the document ends in a signature of `key` under `label`. */
export function genuine(label: Uint8Array, signed: Uint8Array, key: Uint8Array): boolean {
  const end = signed.length - signatureLength;
  return end > 0 && verify(key, concatBytes(label, signed.subarray(0, end)), signed.subarray(end));
}

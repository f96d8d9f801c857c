/**
 * The text of a policy as it travels and is signed (the document of a ledger's policy statement):
 *
 *   version 1 | text in UTF-8, deflated (RFC 1951)
 *
 * Rules repeat themselves, and what is signed is kept for good.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { concatBytes, utf8 } from '../lib/bytes.js';
import { policyLimit } from './policy.js';

const version = 1;

export function encodePolicy(text: string): Uint8Array {
  return concatBytes(Uint8Array.of(version), deflateRawSync(utf8(text), { level: 9 }));
}

/** The text; undefined when it is none, or longer than a policy may be. */
export function decodePolicy(document: Uint8Array): string | undefined {
  if (document[0] !== version) return undefined;
  try {
    const bytes = inflateRawSync(document.subarray(1), { maxOutputLength: policyLimit });
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

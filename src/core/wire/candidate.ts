/**
 * Addresses at which a member may be reached, as offers (control.ts) and cards (ring.ts) carry them.
 *
 *   candidates   count 1 | ( kind 1 | endpoint 18 )*
 */
import type { ByteReader, ByteWriter } from '../lib/bytes.js';
import { readEndpoint, writeEndpoint, type Endpoint } from '../lib/endpoint.js';

/** Where a candidate comes from; the number is its code on the wire. */
export const candidateKinds = ['host', 'reflexive', 'mapped', 'static'] as const;
export type CandidateKind = (typeof candidateKinds)[number];

export interface Candidate {
  readonly kind: CandidateKind;
  readonly endpoint: Endpoint;
}

/** Candidates in one list: more is a mistake or an attempt to make us scan somebody. */
export const maxCandidates = 24;
/** Bytes of one. */
export const candidateLength = 19;

/** Writes the first of them, at most `limit` and `maxCandidates`. */
export function writeCandidates(
  writer: ByteWriter,
  candidates: readonly Candidate[],
  limit = maxCandidates,
): void {
  const some = candidates.slice(0, Math.max(0, Math.min(maxCandidates, limit)));
  writer.u8(some.length);
  for (const { kind, endpoint } of some) {
    writer.u8(candidateKinds.indexOf(kind));
    writeEndpoint(writer, endpoint);
  }
}

/** The list, or undefined when it is malformed or too long. */
export function readCandidates(reader: ByteReader): Candidate[] | undefined {
  const count = reader.u8();
  if (reader.failed || count > maxCandidates) return undefined;
  const candidates: Candidate[] = [];
  for (let i = 0; i < count; i++) {
    const kind = candidateKinds[reader.u8()];
    const endpoint = readEndpoint(reader);
    if (kind === undefined || reader.failed) return undefined;
    candidates.push({ kind, endpoint });
  }
  return candidates;
}

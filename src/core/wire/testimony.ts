/**
 * What members tell each other about a membership, sealed inside their session (kind 0x10 of wire/packet.ts).
 *
 *   receipt   0x30 | receipt (length 2, bytes)      from a witness to a member that came without one
 *
 * Integers are big endian. Bytes behind are ignored.
 */
import { ByteReader, ByteWriter } from '../lib/bytes.js';

const Type = { receipt: 0x30 } as const;
/** Longest receipt, bytes. */
const receiptLimit = 512;

export interface TestimonyMessage {
  readonly type: 'receipt';
  readonly receipt: Uint8Array;
}

export function encodeTestimony({ receipt }: TestimonyMessage): Uint8Array {
  return new ByteWriter(256).u8(Type.receipt).block(receipt).finish();
}

/** The message, or undefined when it is malformed or none of these. Never throws. Copies. */
export function parseTestimony(bytes: Uint8Array): TestimonyMessage | undefined {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== Type.receipt) return undefined;
  const receipt = reader.block();
  return reader.failed || receipt.length > receiptLimit ? undefined : { type: 'receipt', receipt };
}

/**
 * What a member says when it ends its own membership: its address and name are free at once, for whoever reads it, and its
 * credential counts no more. Who comes back comes with another key.
 *
 *   farewell   version 1 | root key 32 | node key 32 | time 8 | signature 64 by the node key
 */
import { ByteReader, ByteWriter, utf8 } from '../lib/bytes.js';
import { signatureLength, type Keys } from './keys.js';
import { networkIdOf, nodeIdOf, nodeIdText } from './node-id.js';
import { genuine, seal } from './signed.js';

const version = 1;
const label = utf8('evio farewell 1');
/** Bytes of a farewell. */
export const farewellLength = 1 + 32 + 32 + 8 + signatureLength;

/** @param rootKey of the network that is left */
export function signFarewell(rootKey: Uint8Array, node: Keys, dateMs: number): Uint8Array {
  const body = new ByteWriter().u8(version).bytes(rootKey).bytes(node.publicKey).u64(dateMs).finish();
  return seal(label, body, node);
}

/** Node id of the member that left the network of this id; undefined when it did not say so itself. */
export function verifyFarewell(signed: Uint8Array, networkId: string): string | undefined {
  if (signed.length !== farewellLength) return undefined;
  const reader = new ByteReader(signed);
  const right = reader.u8() === version && networkIdOf(reader.bytes(32)) === networkId;
  const nodeKey = reader.bytes(32);
  return right && genuine(label, signed, nodeKey) ? nodeIdText(nodeIdOf(nodeKey)) : undefined;
}

/**
 * What a member says of itself to the others of its LAN, by multicast. Whoever does not know the network's root key sees
 * random bytes of one length: no network, no id, and no two beacons that can be told to be of one sender.
 *
 *   beacon    nonce 24 | sealed contents                            `beaconLength` bytes, always
 *   contents  version 1 | challenge 8 | count 1 | echo 8 × count | card (length 2, bytes; ring.ts) | zeros
 *
 * Sealed by XChaCha20-Poly1305, whose key is a hash of the network's root public key: members know that, its relays, and
 * whoever holds a token. An echo is the challenge of another member that was heard; who finds its own knows that the
 * beacon is no old one.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { ByteReader, ByteWriter, concatBytes, utf8 } from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import { cardLimit } from './ring.js';

/** With the headers of IPv6 and UDP as long as what every link carries. */
export const beaconLength = 1_232;
const nonceLength = 24;
const contentsLength = beaconLength - nonceLength - 16;
const version = 1;
export const challengeLength = 8;

export interface Beacon {
  readonly challenge: Uint8Array;
  readonly echoes: readonly Uint8Array[];
  /** As `encodeCard` makes it, at most `cardLimit` bytes. */
  readonly card: Uint8Array;
}

/** The key of a network's beacons, 32 bytes. */
export function beaconKey(rootKey: Uint8Array): Uint8Array {
  return blake2s(concatBytes(utf8('evio beacon 1'), rootKey));
}

/** Echoes for which a beacon with such a card has room. */
export function echoRoom(card: Uint8Array): number {
  const room = contentsLength - 2 - challengeLength - 2 - Math.min(card.length, cardLimit);
  return Math.min(255, Math.floor(room / challengeLength));
}

/** Echoes without room are left out. Throws RangeError when the card is too long. */
export function sealBeacon({ challenge, echoes, card }: Beacon, key: Uint8Array, random: Random): Uint8Array {
  if (card.length > cardLimit) throw new RangeError(`a card of ${card.length} bytes`);
  const some = echoes.slice(0, echoRoom(card));
  const writer = new ByteWriter(contentsLength).u8(version).bytes(challenge).u8(some.length);
  for (const echo of some) writer.bytes(echo);
  const contents = new Uint8Array(contentsLength);
  contents.set(writer.block(card).finish());
  const nonce = random.fill(new Uint8Array(nonceLength));
  return concatBytes(nonce, xchacha20poly1305(key, nonce).encrypt(contents));
}

/** The beacon, or undefined when it is of another network, damaged or malformed. */
export function parseBeacon(bytes: Uint8Array, key: Uint8Array): Beacon | undefined {
  if (bytes.length !== beaconLength) return undefined;
  let contents: Uint8Array;
  try {
    contents = xchacha20poly1305(key, bytes.subarray(0, nonceLength)).decrypt(bytes.subarray(nonceLength));
  } catch {
    return undefined; // noble throws on a wrong tag
  }
  const reader = new ByteReader(contents);
  if (reader.u8() !== version) return undefined;
  const challenge = reader.bytes(challengeLength);
  const echoes: Uint8Array[] = [];
  for (let left = reader.u8(); left > 0 && !reader.failed; left--) echoes.push(reader.bytes(challengeLength));
  const card = reader.block();
  return reader.failed || card.length > cardLimit ? undefined : { challenge, echoes, card };
}

/** Node ids, network ids and MAC addresses: all follow from public keys, so nobody chooses them. */
import { blake2s } from '@noble/hashes/blake2.js';
import { concatBytes, toHex, utf8 } from '../lib/bytes.js';
import { hostCount, type Cidr } from '../lib/ipv4.js';
import { nodeIdLength } from '../wire/packet.js';

export { idStartsOf, macOf } from '../wire/node-mac.js';

function labelled(label: string, publicKey: Uint8Array, length: number): Uint8Array {
  return blake2s(concatBytes(utf8(label), publicKey), { dkLen: 32 }).slice(0, length);
}

/** Position on the ring: the first 16 bytes of BLAKE2s-256(label ‖ Ed25519 public key). */
export function nodeIdOf(publicKey: Uint8Array): Uint8Array {
  return labelled('evio node id', publicKey, nodeIdLength);
}

/** Hexadecimal, 32 characters, as shown to people and used as map key. */
export function nodeIdText(id: Uint8Array): string {
  return toHex(id);
}

/** Name of a network: 8 bytes from its root key. */
export function networkIdBytes(rootKey: Uint8Array): Uint8Array {
  return labelled('evio network id', rootKey, 8);
}

/** The same as 16 hexadecimal characters. */
export function networkIdOf(rootKey: Uint8Array): string {
  return toHex(networkIdBytes(rootKey));
}

/** Name of an invite: 12 hexadecimal characters from its public key. */
export function inviteIdOf(inviteKey: Uint8Array): string {
  return toHex(labelled('evio invite id', inviteKey, 6));
}

export function macText(mac: Uint8Array): string {
  return Array.from(mac, (b) => b.toString(16).padStart(2, '0')).join(':');
}

/** The address that a node has by itself in a range: from its id; `attempt` gives others after a clash. */
export function derivedIp(id: Uint8Array, range: Cidr, attempt = 0): number {
  const digest = blake2s(concatBytes(utf8('evio address'), id, Uint8Array.of(attempt & 0xff)), { dkLen: 32 });
  const word = new DataView(digest.buffer, digest.byteOffset).getUint32(0);
  return range.base + 1 + (word % Math.max(1, hostCount(range)));
}

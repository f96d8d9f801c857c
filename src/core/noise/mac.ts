/**
 * mac1 and mac2, the last 32 bytes of a handshake datagram (WireGuard paper, section 5.4.4, with labels of ours).
 * mac1 proves that the sender knows the receiver's static public key; mac2 that it can receive at its source.
 */
import { blake2s } from '@noble/hashes/blake2.js';
import { equalSecret, utf8 } from '../lib/bytes.js';
import { macLength, macsLength } from '../wire/handshake.js';
import { hash } from './suite.js';

const mac1Label = utf8('evio mac1----');

/** The mac1 key of whoever holds this static public key: 32 bytes, not secret. Worth keeping. */
export function mac1KeyOf(receiverPublic: Uint8Array): Uint8Array {
  return hash(mac1Label, receiverPublic);
}

function mac(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return blake2s(bytes, { key, dkLen: macLength });
}

/** View of mac1 in a handshake datagram. */
export function mac1Of(packet: Uint8Array): Uint8Array {
  return packet.subarray(packet.length - macsLength, packet.length - macLength);
}

/** Writes mac1 in place. The packet is at least 32 bytes. */
export function setMac1(packet: Uint8Array, mac1Key: Uint8Array): void {
  const at = packet.length - macsLength;
  packet.set(mac(mac1Key, packet.subarray(0, at)), at);
}

/** False, without throwing, when the packet is too short. */
export function checkMac1(packet: Uint8Array, mac1Key: Uint8Array): boolean {
  const at = packet.length - macsLength;
  return at >= 0 && equalSecret(packet.subarray(at, at + macLength), mac(mac1Key, packet.subarray(0, at)));
}

/** Writes mac2 in place, after mac1. `cookie` is 16 bytes. */
export function setMac2(packet: Uint8Array, cookie: Uint8Array): void {
  const at = packet.length - macLength;
  packet.set(mac(cookie, packet.subarray(0, at)), at);
}

export function checkMac2(packet: Uint8Array, cookie: Uint8Array): boolean {
  const at = packet.length - macLength;
  return at >= macLength && equalSecret(packet.subarray(at), mac(cookie, packet.subarray(0, at)));
}

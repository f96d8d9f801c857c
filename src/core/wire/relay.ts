/**
 * Packets between a node and a relay by UDP, and the data messages of the WebSocket carrier.
 *
 *   send     node -> relay   0x58 | flags 1 | rsv 2 | association 4 LE | destination node id 16 | inner packet
 *   deliver  relay -> node   0x59 | flags 1 | rsv 2 | 0            4    | source node id 16      | inner packet
 *            Same length, so a relay rewrites 24 bytes in place and sends the whole batch on.
 *   bind     node -> relay   0x5a | ver 1 | rsv 2 | association 4 LE | counter 8 LE | mac 16 | zero padding to 50
 *   bound    relay -> node   0x5b | ver 1 | rsv 2 | association 4 LE | counter 8 LE | address 16 | port 2 BE | mac 16   (50 bytes)
 *   unbound  relay -> node   0x5c | ver 1 | rsv 2 | association 4 LE   The association is not bound to this source address:
 *            bind again. Rate-limited, and shorter than what it answers. A hint only: it is not authenticated.
 *
 * The association (index and 32-byte key) is given over the authenticated WebSocket. mac = first 16 bytes of
 * BLAKE2s keyed with the association key over all bytes before the mac. The counter rises with every bind, so an old
 * bind cannot be replayed from elsewhere. Data is accepted from the bound source address only, as RFC 8656 does with
 * ChannelData: what is inside is sealed end to end, and a relay forwards by node id, never to an address.
 *
 *   WebSocket binary message, after the Noise handshake (rendezvous/protocol in docs/protocol.md)
 *   0x00 | Noise transport message (JSON of wire/signal.ts inside)
 *   0x01 | node id 16 (destination going up, source coming down) | ( length 2 LE | inner packet )+
 */
import { blake2s } from '@noble/hashes/blake2.js';
import { equalSecret } from '../lib/bytes.js';
import { addressBytes, addressText, type Endpoint } from '../lib/endpoint.js';
import { PacketType } from './packet.js';

const version = 1;
/** Bytes of a bind and of a bound packet: equal, so the answer never amplifies. */
export const bindLength = 50;
const bindMacAt = 16;
const boundMacAt = 34;

export const CarrierMessage = { sealed: 0x00, data: 0x01 } as const;

/** Largest number of packet bytes in one WebSocket data message. */
export const carrierBatchLimit = 64 * 1024;

function mac(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return blake2s(bytes, { key, dkLen: 16 });
}

function header(type: number, length: number, association: number, counter: number): Uint8Array {
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  out[0] = type;
  out[1] = version;
  view.setUint32(4, association, true);
  if (length >= 16) view.setBigUint64(8, BigInt(counter), true);
  return out;
}

export function encodeBind(association: number, counter: number, key: Uint8Array): Uint8Array {
  const out = header(PacketType.relayBind, bindLength, association, counter);
  out.set(mac(key, out.subarray(0, bindMacAt)), bindMacAt);
  return out;
}

/** Association and counter of a bind or bound packet, before any key is looked up. */
export function peekAssociation(packet: Uint8Array): { association: number; counter: number } | undefined {
  if (packet.length !== bindLength || packet[1] !== version) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const counter = view.getBigUint64(8, true);
  if (counter > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { association: view.getUint32(4, true), counter: Number(counter) };
}

export function verifyBind(packet: Uint8Array, key: Uint8Array): boolean {
  return (
    packet.length === bindLength &&
    packet[0] === PacketType.relayBind &&
    equalSecret(packet.subarray(bindMacAt, bindMacAt + 16), mac(key, packet.subarray(0, bindMacAt)))
  );
}

/** `observed` is the source address of the bind: what STUN calls the reflexive address. */
export function encodeBound(
  association: number,
  counter: number,
  observed: Endpoint,
  key: Uint8Array,
): Uint8Array {
  const out = header(PacketType.relayBound, bindLength, association, counter);
  const address = addressBytes(observed.host);
  if (!address) throw new TypeError(`not an IP address: ${observed.host}`);
  out.set(address, 16);
  new DataView(out.buffer).setUint16(32, observed.port);
  out.set(mac(key, out.subarray(0, boundMacAt)), boundMacAt);
  return out;
}

/** The observed address of a genuine bound packet, else undefined. */
export function openBound(packet: Uint8Array, key: Uint8Array): Endpoint | undefined {
  if (packet.length !== bindLength || packet[0] !== PacketType.relayBound) return undefined;
  if (!equalSecret(packet.subarray(boundMacAt, boundMacAt + 16), mac(key, packet.subarray(0, boundMacAt))))
    return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  return { host: addressText(packet.subarray(16, 32)), port: view.getUint16(32) };
}

export function encodeUnbound(association: number): Uint8Array {
  return header(PacketType.relayUnbound, 8, association, 0);
}

export function parseUnbound(packet: Uint8Array): number | undefined {
  if (packet.length !== 8 || packet[0] !== PacketType.relayUnbound || packet[1] !== version) return undefined;
  return new DataView(packet.buffer, packet.byteOffset, 8).getUint32(4, true);
}

/** What a WebSocket data message has before its batch: 0x01, node id. */
export const carrierHeaderLength = 17;

/**
 * Room for a batch of `length` bytes, not zeroed, with as much in front of it as `encodeCarrierData` wants: then that
 * copies nothing.
 */
export function carrierRoom(length: number): Uint8Array {
  return Buffer.allocUnsafeSlow(carrierHeaderLength + length).subarray(carrierHeaderLength);
}

/** The WebSocket data message for a batch. Where the batch has its room in front, and its memory for itself, around it. */
export function encodeCarrierData(nodeId: Uint8Array, batch: Uint8Array): Uint8Array {
  const length = carrierHeaderLength + batch.length;
  const roomy = batch.byteOffset === carrierHeaderLength && batch.buffer.byteLength === length;
  const out = roomy ? new Uint8Array(batch.buffer) : new Uint8Array(length);
  out[0] = CarrierMessage.data;
  out.set(nodeId, 1);
  if (!roomy) out.set(batch, carrierHeaderLength);
  return out;
}

/** Puts another node id into a data message, where it is. */
export function readdressCarrierData(message: Uint8Array, nodeId: Uint8Array): void {
  message.set(nodeId, 1);
}

/** True when the batch is whole: every length fits and the last one ends at the end. */
export function batchIsWhole(batch: Uint8Array): boolean {
  let at = 0;
  while (at + 2 <= batch.length) at += 2 + ((batch[at] as number) | ((batch[at + 1] as number) << 8));
  return at === batch.length;
}

/** One packet as a batch. */
export function batchOf(packet: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 + packet.length);
  out[0] = packet.length & 0xff;
  out[1] = packet.length >> 8;
  out.set(packet, 2);
  return out;
}

/** Packets of a whole batch, 0 when it is empty or not whole. */
export function countPackets(batch: Uint8Array): number {
  if (!batchIsWhole(batch)) return 0;
  let count = 0;
  for (let at = 0; at < batch.length; count++) {
    at += 2 + ((batch[at] as number) | ((batch[at + 1] as number) << 8));
  }
  return count;
}

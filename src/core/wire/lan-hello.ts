/**
 * What a bridging member says on its LAN each second, so that members that bridge one LAN find each other and but one of them
 * passes frames on. Sent as an Ethernet frame of an EtherType for local experiments (IEEE 802, 0x88B5) to a group of its own.
 *
 *   frame    03-65-76-69-6f-01 6 | MAC of the member 6 | 0x88B5 2 | payload
 *   payload  network 4 | version 1 | flags 1 | date 8 | credential 2+n | signature 64 over all before, from the network on
 *            flags: bit 0, the sender passes frames
 *
 * The network is the beginning of its id: bridges of the network keep its hellos from the network, and take those of others
 * for frames like any. The date, ms since 1970, only grows: a recording of one that was heard is none.
 */
import { ByteReader, ByteWriter } from '../lib/bytes.js';
import { ethernetHeaderLength } from './ethernet.js';

export const lanHelloType = 0x88b5;
const group = Uint8Array.of(0x03, 0x65, 0x76, 0x69, 0x6f, 0x01);
const version = 1;
const signatureLength = 64;
/** A credential has 900 bytes at most. */
export const lanHelloLimit = ethernetHeaderLength + 4 + 2 + 8 + 2 + 900 + signatureLength;

export interface LanHello {
  /** The sender passes frames. */
  readonly open: boolean;
  readonly date: number;
  readonly credential: Uint8Array;
  /** What is signed, and by what. */
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/** The word by which hellos of a network are known. @param networkId 16 hexadecimal characters */
export function lanWordOf(networkId: string): number {
  return parseInt(networkId.slice(0, 8), 16);
}

/** The payload without its signature. */
export function encodeLanHello(
  word: number,
  open: boolean,
  date: number,
  credential: Uint8Array,
): Uint8Array {
  return new ByteWriter(1_024)
    .u32(word)
    .u8(version)
    .u8(open ? 1 : 0)
    .u64(date)
    .block(credential)
    .finish();
}

/** The frame of a payload, signature included. @param mac of the sender, 6 bytes */
export function lanHelloFrame(mac: Uint8Array, payload: Uint8Array): Uint8Array {
  return new ByteWriter(1_024).bytes(group).bytes(mac).u16(lanHelloType).bytes(payload).finish();
}

/** The hello in a frame, or undefined when it is none of this network, or malformed. Views of the frame. */
export function parseLanHello(frame: Uint8Array, word: number): LanHello | undefined {
  if (frame.length > lanHelloLimit) return undefined;
  const payload = frame.subarray(ethernetHeaderLength);
  const end = payload.length - signatureLength;
  if (end <= 0) return undefined;
  const reader = new ByteReader(payload.subarray(0, end));
  if (reader.u32() !== word || reader.u8() !== version) return undefined;
  const flags = reader.u8();
  const date = reader.u64();
  const credential = reader.block();
  if (!reader.done || flags > 1) return undefined;
  return {
    open: flags === 1,
    date,
    credential,
    body: payload.subarray(0, end),
    signature: payload.subarray(end),
  };
}

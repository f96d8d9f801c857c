/**
 * How two members meet whose NATs let no told port be (carriers/birthday/), sealed inside their session (kind 0x10 of packet.ts).
 *
 *   holes  0x3c | round 4 | both 1 | towards 18 | mark 16
 *          the sender opened many ports of its NAT towards this endpoint of the receiver: send to random ports of mine, from that
 *          one. With `both` (1, else 0) the receiver has no port that could be told either: the endpoint's port is 0, and each side
 *          sends from many sockets to random ports of the other; answered by the same round. `mark`: what is sent to me carries it
 *   end    0x3d | round 4
 *
 * Between the sockets, as UDP datagrams; what is sealed by the session passes between them otherwise:
 *
 *   knock  0x5e | mark 16        the receiver's; opens the sender's NAT
 *   answer 0x5f | mark 16        to where a knock came from
 *
 * Older members drop all of it. Integers are big endian.
 */
import { ByteReader, ByteWriter, equalSecret } from '../lib/bytes.js';
import { readEndpoint, writeEndpoint, type Endpoint } from '../lib/endpoint.js';

const Type = { holes: 0x3c, end: 0x3d } as const;
const Knock = { knock: 0x5e, answer: 0x5f } as const;

export const markLength = 16;

export type BirthdayMessage =
  | {
      readonly type: 'holes';
      readonly round: number;
      readonly both: boolean;
      readonly towards: Endpoint;
      readonly mark: Uint8Array;
    }
  | { readonly type: 'end'; readonly round: number };

export function encodeBirthday(message: BirthdayMessage): Uint8Array {
  const writer = new ByteWriter(48).u8(Type[message.type]).u32(message.round);
  if (message.type === 'holes') {
    writer.u8(Number(message.both));
    writeEndpoint(writer, message.towards);
    writer.bytes(message.mark);
  }
  return writer.finish();
}

/** The message, or undefined when it is none of these, malformed, or longer than it says. Never throws. */
export function parseBirthday(bytes: Uint8Array): BirthdayMessage | undefined {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  const round = reader.u32();
  if (type === Type.end) return reader.done ? { type: 'end', round } : undefined;
  const both = reader.u8();
  const towards = readEndpoint(reader);
  const mark = reader.bytes(markLength);
  if (type !== Type.holes || !reader.done || both > 1) return undefined;
  return { type: 'holes', round, both: both === 1, towards, mark };
}

/** @param mark the receiver's */
export function encodeKnock(type: keyof typeof Knock, mark: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + markLength);
  out[0] = Knock[type];
  out.set(mark, 1);
  return out;
}

/** What a datagram with our own mark is; undefined: it does not carry it. */
export function knockOf(packet: Uint8Array, mark: Uint8Array): keyof typeof Knock | undefined {
  if (packet.length !== 1 + markLength || !equalSecret(packet.subarray(1), mark)) return undefined;
  return packet[0] === Knock.knock ? 'knock' : packet[0] === Knock.answer ? 'answer' : undefined;
}

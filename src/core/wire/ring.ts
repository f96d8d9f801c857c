/**
 * Messages between two linked members about the ring, sealed in their session as control messages (kind 0x10).
 *
 *   table      0x10 | version 4 | claims 1 | flags 1 | successors (count 1, ids) | predecessors (…) | others (…) | indirect (…)
 *              whom the sender is linked with: neighbours on the ring, nearest first, and everybody else; apart from
 *              them those whom it reaches through other members only, so that no packet for them goes by it
 *   beat       0x11 | seen 4 | claims 1 | flags 1            seen: version of your last table that came; flags bit 0: answer
 *   refuse     0x12                                          the sender holds as many long links as it wants
 *   seek       0x13 | nonce 8 | target 16 | hops 1 | card (length 2, bytes)
 *              passed on towards the target; the member that knows nobody nearer answers
 *   sought     0x14 | nonce 8 | id 16 | card (length 2, bytes)         goes back the way that the seek came
 *   meet       0x15 | id 16                                  introduce me to this link of yours
 *   introduce  0x16 | card (length 2, bytes)                 the owner of the card wants to, or should, hear from you
 *   whose      0x17 | id 16                                  who is this, whose flood you passed on?
 *   vouch      0x18 | id 16 | credential (length 2, bytes)   the answer
 *
 *   card       credential (length 2, bytes) | candidates (candidate.ts)
 *
 * Integers are big endian. Ids are 16 bytes here and 32 hexadecimal characters in the program.
 */
import { ByteReader, ByteWriter, fromHex, toHex } from '../lib/bytes.js';
import { candidateLength, readCandidates, writeCandidates, type Candidate } from './candidate.js';
import { nodeIdLength } from './packet.js';

export const RingType = {
  table: 0x10,
  beat: 0x11,
  refuse: 0x12,
  seek: 0x13,
  sought: 0x14,
  meet: 0x15,
  introduce: 0x16,
  whose: 0x17,
  vouch: 0x18,
} as const;

/** What the sender of a message needs the link for. None: it may be closed. */
export const Claim = { ring: 1, long: 2, demand: 4, fixed: 8, anchor: 16 } as const;
const flagLeaf = 1;
const flagSettled = 2;
const flagAnswer = 1;

/** Ids in a table, all its lists together, so that it fits into one packet. */
export const maxListed = 72;
/** Longest card, bytes. */
export const cardLimit = 1_100;

export interface TableMessage {
  readonly type: 'table';
  /** Rises with every change. */
  readonly version: number;
  readonly claims: number;
  /** The sender forwards for nobody. */
  readonly leaf: boolean;
  /** The sender has found its place: it may cover an arc of a broadcast and forward for others. */
  readonly settled: boolean;
  /** Nearest first. */
  readonly successors: readonly string[];
  readonly predecessors: readonly string[];
  readonly others: readonly string[];
  /** Linked, but through other members: not in the other lists. */
  readonly indirect: readonly string[];
}

export type RingMessage =
  | TableMessage
  | {
      readonly type: 'beat';
      /** Version of the receiver's last table that came; 0 for none. */
      readonly seen: number;
      readonly claims: number;
      /** Answer at once. */
      readonly answer: boolean;
    }
  | { readonly type: 'refuse' }
  | {
      readonly type: 'seek';
      readonly nonce: number;
      readonly target: string;
      readonly hops: number;
      readonly card: Uint8Array;
    }
  | { readonly type: 'sought'; readonly nonce: number; readonly id: string; readonly card: Uint8Array }
  | { readonly type: 'meet'; readonly id: string }
  | { readonly type: 'introduce'; readonly card: Uint8Array }
  | { readonly type: 'whose'; readonly id: string }
  | { readonly type: 'vouch'; readonly id: string; readonly credential: Uint8Array };

/** How a member is met: who it is, provably, and where it may be reached. */
export interface Card {
  readonly credential: Uint8Array;
  readonly candidates: readonly Candidate[];
}

function writeId(writer: ByteWriter, id: string): void {
  const bytes = fromHex(id);
  if (bytes?.length !== nodeIdLength) throw new TypeError(`not a node id: ${id}`);
  writer.bytes(bytes);
}

function writeLists(writer: ByteWriter, lists: readonly (readonly string[])[]): void {
  let room = maxListed;
  for (const ids of lists) {
    const some = ids.slice(0, room);
    room -= some.length;
    writer.u8(some.length);
    for (const id of some) writeId(writer, id);
  }
}

/**
 * Of a table's ids the last that exceed `maxListed` are left out.
 *
 * @throws TypeError when an id is not 32 hexadecimal characters: ours always are.
 */
export function encodeRing(message: RingMessage): Uint8Array {
  const writer = new ByteWriter(64).u8(RingType[message.type]);
  switch (message.type) {
    case 'table':
      writer
        .u32(message.version)
        .u8(message.claims)
        .u8((message.leaf ? flagLeaf : 0) | (message.settled ? flagSettled : 0));
      writeLists(writer, [message.successors, message.predecessors, message.others, message.indirect]);
      break;
    case 'beat':
      writer
        .u32(message.seen)
        .u8(message.claims)
        .u8(message.answer ? flagAnswer : 0);
      break;
    case 'refuse':
      break;
    case 'seek':
      writer.u64(message.nonce);
      writeId(writer, message.target);
      writer.u8(message.hops).block(message.card);
      break;
    case 'sought':
      writer.u64(message.nonce);
      writeId(writer, message.id);
      writer.block(message.card);
      break;
    case 'meet':
      writeId(writer, message.id);
      break;
    case 'introduce':
      writer.block(message.card);
      break;
    case 'whose':
      writeId(writer, message.id);
      break;
    case 'vouch':
      writeId(writer, message.id);
      writer.block(message.credential);
      break;
    default:
      message satisfies never;
  }
  return writer.finish();
}

/** The lists of a table; undefined when they are longer than allowed. */
function readLists(reader: ByteReader): [string[], string[], string[], string[]] | undefined {
  const lists: [string[], string[], string[], string[]] = [[], [], [], []];
  let room = maxListed;
  for (const ids of lists) {
    const count = reader.u8();
    if (count > room) return undefined;
    room -= count;
    for (let i = 0; i < count && !reader.failed; i++) ids.push(toHex(reader.bytes(nodeIdLength)));
  }
  return lists;
}

/** The message, or undefined when it is malformed or none of these. Never throws. Copies. */
export function parseRing(bytes: Uint8Array): RingMessage | undefined {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader);
  return reader.failed ? undefined : message;
}

function readMessage(reader: ByteReader): RingMessage | undefined {
  const readId = (): string => toHex(reader.bytes(nodeIdLength));
  switch (reader.u8()) {
    case RingType.table: {
      const version = reader.u32();
      const claims = reader.u8();
      const flags = reader.u8();
      const leaf = (flags & flagLeaf) !== 0;
      const settled = (flags & flagSettled) !== 0;
      const lists = readLists(reader);
      if (!lists) return undefined;
      const [successors, predecessors, others, indirect] = lists;
      return { type: 'table', version, claims, leaf, settled, successors, predecessors, others, indirect };
    }
    case RingType.beat:
      return {
        type: 'beat',
        seen: reader.u32(),
        claims: reader.u8(),
        answer: (reader.u8() & flagAnswer) !== 0,
      };
    case RingType.refuse:
      return { type: 'refuse' };
    case RingType.seek: {
      const nonce = reader.u64();
      const target = readId();
      const hops = reader.u8();
      const card = reader.block();
      return card.length > cardLimit ? undefined : { type: 'seek', nonce, target, hops, card };
    }
    case RingType.sought: {
      const nonce = reader.u64();
      const id = readId();
      const card = reader.block();
      return card.length > cardLimit ? undefined : { type: 'sought', nonce, id, card };
    }
    case RingType.meet:
      return { type: 'meet', id: readId() };
    case RingType.introduce: {
      const card = reader.block();
      return card.length > cardLimit ? undefined : { type: 'introduce', card };
    }
    case RingType.whose:
      return { type: 'whose', id: readId() };
    case RingType.vouch: {
      const id = readId();
      const credential = reader.block();
      return credential.length > cardLimit ? undefined : { type: 'vouch', id, credential };
    }
    default:
      return undefined;
  }
}

/** Candidates that do not fit into `cardLimit` are left out. */
export function encodeCard(card: Card): Uint8Array {
  const room = Math.floor((cardLimit - 3 - card.credential.length) / candidateLength);
  const writer = new ByteWriter(512).block(card.credential);
  writeCandidates(writer, card.candidates, room);
  return writer.finish();
}

/** The card, or undefined when it is malformed. The credential is not verified here. */
export function parseCard(bytes: Uint8Array): Card | undefined {
  const reader = new ByteReader(bytes);
  const credential = reader.block();
  const candidates = readCandidates(reader);
  return candidates && { credential, candidates };
}

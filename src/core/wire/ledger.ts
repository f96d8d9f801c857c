/**
 * How two members bring each other's ledgers to the same state, sealed in their session as control messages (kind 0x10).
 *
 *   have   0x20 | flags 1 | after 32 | begun (hash 32, bytes 4; where flags bit 1) | authors 1
 *               | ( author 32 | ends 1 | ( sequence 4 | hash 32 )* )*
 *               where the logs of these authors end at the sender, in the order of their keys: of all authors after the
 *               key `after` up to the last one named, or up to the end where flags bit 0. An author that is not named is
 *               not known. The receiver sends what is missing; of the statement `begun` so many bytes are there already.
 *   part   0x21 | hash 32 | length 4 | offset 4 | bytes, to the end       a statement, or a piece of one
 *
 * A statement of the whole length is ledger/statement.ts. Integers are big endian.
 */
import { ByteReader, ByteWriter, fromHex, toHex } from '../lib/bytes.js';

export const LedgerType = { have: 0x20, part: 0x21 } as const;

const keyLength = 32;
const hashLength = 32;
const flagEnd = 1;
const flagBegun = 2;
/** Authors in one message: it fits into one packet. */
export const maxAuthorsListed = 10;
/** Branches of one author's log. */
export const maxEnds = 2;
/** Bytes of a statement in one message. */
export const partLength = 1_024;

/** Where one author's logs end; keys and hashes in hexadecimal. */
export interface AuthorEnds {
  readonly author: string;
  readonly ends: { readonly sequence: number; readonly hash: string }[];
}

export interface HaveMessage {
  readonly type: 'have';
  /** Authors up to this key are not spoken of: 64 hexadecimal characters. */
  readonly after: string;
  /** Nor are those after the last one named, unless this is true. */
  readonly toEnd: boolean;
  readonly authors: readonly AuthorEnds[];
  /** A statement of which the sender has the first `bytes`. */
  readonly begun?: { readonly hash: string; readonly bytes: number } | undefined;
}

export interface PartMessage {
  readonly type: 'part';
  readonly hash: string;
  /** Of the whole statement, bytes. */
  readonly length: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export type LedgerMessage = HaveMessage | PartMessage;

/** The key before all others. */
export const beforeAll = ''.padEnd(2 * keyLength, '0');

function bytesOf(text: string, length: number): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length !== length) throw new TypeError(`not ${length} bytes: ${text}`);
  return bytes;
}

/** @throws TypeError when a key or hash is not 64 hexadecimal characters: ours always are. */
export function encodeLedger(message: LedgerMessage): Uint8Array {
  const writer = new ByteWriter(64).u8(LedgerType[message.type]);
  if (message.type === 'part') {
    return writer
      .bytes(bytesOf(message.hash, hashLength))
      .u32(message.length)
      .u32(message.offset)
      .bytes(message.bytes)
      .finish();
  }
  const { after, toEnd, authors, begun } = message;
  writer.u8((toEnd ? flagEnd : 0) | (begun ? flagBegun : 0)).bytes(bytesOf(after, keyLength));
  if (begun) writer.bytes(bytesOf(begun.hash, hashLength)).u32(begun.bytes);
  writer.u8(authors.length);
  for (const { author, ends } of authors) {
    writer.bytes(bytesOf(author, keyLength)).u8(ends.length);
    for (const { sequence, hash } of ends) writer.u32(sequence).bytes(bytesOf(hash, hashLength));
  }
  return writer.finish();
}

/** The message, or undefined when it is malformed or none of these. Never throws. Copies. */
export function parseLedger(bytes: Uint8Array): LedgerMessage | undefined {
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case LedgerType.have:
      return readHave(reader);
    case LedgerType.part: {
      const hash = toHex(reader.bytes(hashLength));
      const head = { length: reader.u32(), offset: reader.u32() };
      const part = reader.rest();
      const sane = !reader.failed && part.length > 0 && head.offset + part.length <= head.length;
      return sane ? { type: 'part', hash, ...head, bytes: part } : undefined;
    }
    default:
      return undefined;
  }
}

function readHave(reader: ByteReader): HaveMessage | undefined {
  const flags = reader.u8();
  const after = toHex(reader.bytes(keyLength));
  const begun =
    (flags & flagBegun) === 0 ? undefined : { hash: toHex(reader.bytes(hashLength)), bytes: reader.u32() };
  const count = reader.u8();
  if (count > maxAuthorsListed) return undefined;
  const authors: AuthorEnds[] = [];
  let last = after;
  for (let i = 0; i < count; i++) {
    const author = toHex(reader.bytes(keyLength));
    const ends: { sequence: number; hash: string }[] = [];
    const many = reader.u8();
    if (many > maxEnds || author <= last) return undefined;
    for (let j = 0; j < many; j++)
      ends.push({ sequence: reader.u32(), hash: toHex(reader.bytes(hashLength)) });
    authors.push({ author, ends });
    last = author;
  }
  if (!reader.done) return undefined;
  return { type: 'have', after, toEnd: (flags & flagEnd) !== 0, authors, ...(begun && { begun }) };
}

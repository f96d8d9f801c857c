/**
 * A statement of the ledger: what a network's root key or one of its admins says, signed, and chained to what the same
 * author said before it.
 *
 *   statement     version 1 | author key 32 | sequence 4 | previous 32 | time 8 | kind 1 | body (length 4, bytes)
 *                 | signature 64 by the author over label ‖ network key 32 ‖ all before
 *
 *   1 admin-add     node key 32
 *   2 admin-remove  node key 32 | sequence 4 | head 32 | kept       the removed one's statements count up to there
 *   3 bar-member    node key 32 | name (1+n) | reason (1+n)
 *   4 bar-invite    invite key 32 | kept
 *   5 facts         serial 4 | name (1+n) | mtu 2 | relays 1 ( address (1+n) | key 32 )*
 *   6 policy        serial 4 | document, to the end
 *   7 admit         node id 16
 *   8 root-replace  root key 32 | kept
 *   9 admission     approvals 1 | kept                  so many admins let in who joins from now on; 0: none must
 *  10 succeed       new node key 32 | succession 96          the key takes the place of another (identity/succession.ts)
 *
 *   kept            count 4 ( id of a key 16 )* members that stay although what they came by counts no more; of root-replace
 *                                               also invites that go on admitting
 *
 * The first statement of an author has sequence 1 and 32 zeros before it. Its hash is BLAKE2s-256 over what is signed, so
 * that two signatures of the same words are the same statement. The network key is its first root key, which names the
 * network for good. Integers are big endian, times milliseconds since 1970.
 */
import { blake2s } from '@noble/hashes/blake2.js';
import { sign, signatureLength, verify, type Keys } from '../identity/keys.js';
import { maxMtu, maxRelays, minMtu, type RelayFact } from '../identity/network.js';
import { nodeIdOf, nodeIdText } from '../identity/node-id.js';
import {
  isGenuineSuccession,
  readSuccession,
  writeSuccession,
  type Succession,
} from '../identity/succession.js';
import { ByteReader, ByteWriter, concatBytes, fromHex, toHex, utf8 } from '../lib/bytes.js';
import { nodeIdLength } from '../wire/packet.js';

const version = 1;
const label = utf8('evio statement 1');
export const hashLength = 32;
/** Everything but the body. */
export const statementOverhead = 1 + 32 + 4 + hashLength + 8 + 1 + 4 + signatureLength;
/** Longest policy document, bytes. */
export const maxPolicyLength = 65_536;
/** Members that one statement may keep. */
export const maxKept = 4_096;
/** Longest body, bytes: that of the most members kept. */
export const maxBodyLength = 68 + 4 + maxKept * nodeIdLength;
export const maxStatementLength = statementOverhead + maxBodyLength;
/** Characters of a reason. */
export const maxReasonLength = 128;

const Kind = {
  'admin-add': 1,
  'admin-remove': 2,
  'bar-member': 3,
  'bar-invite': 4,
  facts: 5,
  policy: 6,
  admit: 7,
  'root-replace': 8,
  admission: 9,
  succeed: 10,
} as const;

/** The facts of a network that may change; those of the token that are not here are fixed for good. */
export interface ChangedFacts {
  /** The later serial counts. */
  readonly serial: number;
  readonly name: string;
  readonly mtu: number;
  readonly relays: readonly RelayFact[];
}

/** What a statement says. Ids are text, 32 hexadecimal characters. */
export type Said =
  | { readonly kind: 'admin-add'; readonly key: Uint8Array }
  | {
      readonly kind: 'admin-remove';
      readonly key: Uint8Array;
      /** Sequence and hash of its last statement that counts; 0 and zeros for none. */
      readonly sequence: number;
      readonly head: Uint8Array;
      readonly kept: readonly string[];
    }
  | { readonly kind: 'bar-member'; readonly key: Uint8Array; readonly name: string; readonly reason: string }
  | { readonly kind: 'bar-invite'; readonly key: Uint8Array; readonly kept: readonly string[] }
  | ({ readonly kind: 'facts' } & ChangedFacts)
  | { readonly kind: 'policy'; readonly serial: number; readonly document: Uint8Array }
  | { readonly kind: 'admit'; readonly id: string }
  | { readonly kind: 'root-replace'; readonly key: Uint8Array; readonly kept: readonly string[] }
  | { readonly kind: 'admission'; readonly approvals: number; readonly kept: readonly string[] }
  /** `key` is that which takes the place of `follows.key`. */
  | { readonly kind: 'succeed'; readonly key: Uint8Array; readonly follows: Succession }
  /** Of a later version, or malformed: it keeps its place in the chain, and means nothing here. */
  | { readonly kind: 'unknown' };

export interface Statement {
  readonly author: Uint8Array;
  /** The author's key in hexadecimal, as map key. */
  readonly authorText: string;
  /** From 1. */
  readonly sequence: number;
  /** Hash of the author's statement before, in hexadecimal. */
  readonly previous: string;
  /** When the author says that it was, ms since 1970. */
  readonly time: number;
  readonly said: Said;
  /** Hexadecimal. */
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** What the first statement of an author names as the one before. */
export const noHash = ''.padEnd(2 * hashLength, '0');

/** Where a log stands: its last sequence and that statement's hash; 0 and `noHash` for an empty one. */
export interface Head {
  readonly sequence: number;
  readonly hash: string;
}

export const emptyHead: Head = { sequence: 0, hash: noHash };

function hashOf(networkKey: Uint8Array, body: Uint8Array): string {
  return toHex(blake2s(concatBytes(label, networkKey, body), { dkLen: hashLength }));
}

/**
 * Signs what comes after `head` in the author's own log.
 *
 * @throws RangeError when a text, list or document is longer than allowed: check before.
 */
export function signStatement(
  said: Exclude<Said, { kind: 'unknown' }>,
  head: Head,
  author: Keys,
  networkKey: Uint8Array,
  dateMs: number,
): Uint8Array {
  const body = encodeSaid(said);
  if (body.length > maxBodyLength) throw new RangeError(`a statement of ${body.length} bytes`);
  const signed = new ByteWriter(statementOverhead + body.length)
    .u8(version)
    .bytes(author.publicKey)
    .u32(head.sequence + 1)
    .bytes(fromHex(head.hash) as Uint8Array)
    .u64(dateMs)
    .u8(Kind[said.kind])
    .u32(body.length)
    .bytes(body)
    .finish();
  return concatBytes(signed, sign(author, concatBytes(label, networkKey, signed)));
}

/** Reads a statement; undefined when it is malformed. Its signature is `isGenuine`'s question. Copies. Never throws. */
export function parseStatement(bytes: Uint8Array, networkKey: Uint8Array): Statement | undefined {
  if (bytes.length > maxStatementLength || bytes.length < statementOverhead) return undefined;
  const signed = bytes.subarray(0, bytes.length - signatureLength);
  const reader = new ByteReader(signed);
  if (reader.u8() !== version) return undefined;
  const author = reader.bytes(32);
  const sequence = reader.u32();
  const previous = toHex(reader.bytes(hashLength));
  const time = reader.u64();
  const kind = reader.u8();
  const length = reader.u32();
  if (reader.failed || length !== signed.length - reader.offset || sequence === 0) return undefined;
  return {
    author,
    authorText: toHex(author),
    sequence,
    previous,
    time,
    said: readSaid(kind, reader.bytes(length)),
    hash: hashOf(networkKey, signed),
    bytes: new Uint8Array(bytes),
  };
}

/** Key of the author that a statement names; nothing of it is verified. */
export function authorOf(bytes: Uint8Array): Uint8Array {
  return bytes.slice(1, 33);
}

/** True when its author signed it for this network, and the key that it says is followed did, too. */
export function isGenuine({ author, bytes, said }: Statement, networkKey: Uint8Array): boolean {
  if (said.kind === 'succeed' && !isGenuineSuccession(networkKey, said.follows, said.key)) return false;
  const end = bytes.length - signatureLength;
  return verify(author, concatBytes(label, networkKey, bytes.subarray(0, end)), bytes.subarray(end));
}

/** Node id, as text, of a node key. */
export function idOfKey(nodeKey: Uint8Array): string {
  return nodeIdText(nodeIdOf(nodeKey));
}

function writeKept(writer: ByteWriter, kept: readonly string[]): ByteWriter {
  if (kept.length > maxKept) throw new RangeError(`${kept.length} members are more than ${maxKept}`);
  writer.u32(kept.length);
  for (const id of kept) {
    const bytes = fromHex(id);
    if (bytes?.length !== nodeIdLength) throw new RangeError(`no node id: ${id}`);
    writer.bytes(bytes);
  }
  return writer;
}

function readKept(reader: ByteReader): string[] {
  const count = reader.u32();
  const out: string[] = [];
  for (let i = 0; i < Math.min(count, maxKept + 1) && !reader.failed; i++) {
    out.push(toHex(reader.bytes(nodeIdLength)));
  }
  return out;
}

function encodeSaid(said: Exclude<Said, { kind: 'unknown' }>): Uint8Array {
  const writer = new ByteWriter(256);
  switch (said.kind) {
    case 'admin-add':
      writer.bytes(said.key);
      break;
    case 'admin-remove':
      writeKept(writer.bytes(said.key).u32(said.sequence).bytes(said.head), said.kept);
      break;
    case 'bar-member':
      writer.bytes(said.key).text(said.name).text(said.reason);
      break;
    case 'bar-invite':
    case 'root-replace':
      writeKept(writer.bytes(said.key), said.kept);
      break;
    case 'facts':
      writer.u32(said.serial).text(said.name).u16(said.mtu).u8(said.relays.length);
      for (const relay of said.relays) writer.text(relay.address).bytes(relay.key);
      break;
    case 'policy':
      if (said.document.length > maxPolicyLength) throw new RangeError('the policy is too long');
      writer.u32(said.serial).bytes(said.document);
      break;
    case 'admit':
      writer.bytes(fromHex(said.id) as Uint8Array);
      break;
    case 'admission':
      writeKept(writer.u8(said.approvals), said.kept);
      break;
    case 'succeed':
      writeSuccession(writer.bytes(said.key), said.follows);
      break;
    default:
      said satisfies never;
  }
  return writer.finish();
}

function readSaid(kind: number, body: Uint8Array): Said {
  const reader = new ByteReader(body);
  const said = readKind(kind, reader);
  return said && reader.done ? said : { kind: 'unknown' };
}

function readKind(kind: number, reader: ByteReader): Said | undefined {
  switch (kind) {
    case Kind['admin-add']:
      return { kind: 'admin-add', key: reader.bytes(32) };
    case Kind['admin-remove']: {
      const key = reader.bytes(32);
      return {
        kind: 'admin-remove',
        key,
        sequence: reader.u32(),
        head: reader.bytes(hashLength),
        kept: readKept(reader),
      };
    }
    case Kind['bar-member']:
      return { kind: 'bar-member', key: reader.bytes(32), name: reader.text(), reason: reader.text() };
    case Kind['bar-invite']:
      return { kind: 'bar-invite', key: reader.bytes(32), kept: readKept(reader) };
    case Kind.facts: {
      const head = { serial: reader.u32(), name: reader.text(), mtu: reader.u16() };
      const count = reader.u8();
      const relays: RelayFact[] = [];
      for (let i = 0; i < Math.min(count, maxRelays + 1) && !reader.failed; i++) {
        relays.push({ address: reader.text(), key: reader.bytes(32) });
      }
      const sane = count <= maxRelays && head.mtu >= minMtu && head.mtu <= maxMtu;
      return sane ? { kind: 'facts', ...head, relays } : undefined;
    }
    case Kind.policy: {
      const serial = reader.u32();
      const document = reader.rest();
      return document.length > maxPolicyLength ? undefined : { kind: 'policy', serial, document };
    }
    case Kind.admit:
      return { kind: 'admit', id: toHex(reader.bytes(nodeIdLength)) };
    case Kind['root-replace']:
      return { kind: 'root-replace', key: reader.bytes(32), kept: readKept(reader) };
    case Kind.admission:
      return { kind: 'admission', approvals: reader.u8(), kept: readKept(reader) };
    case Kind.succeed:
      return { kind: 'succeed', key: reader.bytes(32), follows: readSuccession(reader) };
    default:
      return undefined;
  }
}

/**
 * DNS (RFC 1035) as a responder for one zone speaks it: queries are read, answers written, nothing else.
 *
 *   header    id 2 | flags 2 | questions 2 | answers 2 | authority 2 | additional 2
 *   flags     QR 1 | opcode 4 | AA 1 | TC 1 | RD 1 | RA 1 | 0 1 | AD 1 | CD 1 | rcode 4
 *   question  name | type 2 | class 2
 *   record    name | type 2 | class 2 | ttl 4 | length 2 | data
 *   name      ( length 1, below 64 | bytes )* | 0            or, at its end, a pointer 11 | offset 14
 *   OPT       0 | 41 | payload size 2 | extended rcode 1, version 1, flags 2 | length 2 | options       (RFC 6891)
 *
 * Big endian. A query has one question, without a pointer, and at most one further record: OPT. It is answered with the
 * bytes of its question, so a resolver that mixes upper and lower case finds them as it wrote them. Answers point to that
 * name (offset 12) where theirs is the same.
 */
import { ByteWriter } from '../lib/bytes.js';

export const DnsType = {
  a: 1,
  ns: 2,
  soa: 6,
  ptr: 12,
  txt: 16,
  aaaa: 28,
  srv: 33,
  opt: 41,
  any: 255,
} as const;
export const DnsCode = {
  ok: 0,
  malformed: 1,
  failed: 2,
  noName: 3,
  notImplemented: 4,
  refused: 5,
  /** Of EDNS: its upper bits stand in OPT. */
  badVersion: 16,
} as const;
const classInternet = 1;
const classAny = 255;
const headerLength = 12;
const longestLabel = 63;
/** Of a name, the lengths of its labels and the last zero counted. */
const longestName = 255;
/** Queries that are longer are nobody's. */
export const longestQuery = 512;
/** Without EDNS; and what we send at most with it, which needs no fragments. */
const plainLimit = 512;
const ednsLimit = 1_232;
/** Of a message by TCP, whose length stands before it in two bytes (RFC 7766). */
export const streamLimit = 0xffff;
const pointerToQuestion = 0xc000 | headerLength;

const Flag = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200, wanted: 0x0100, checking: 0x0010 };

export interface DnsQuery {
  readonly id: number;
  /** What the answer repeats: RD and CD. */
  readonly flags: number;
  /** In lower case, the root's dot left out: `web.home.evio`. */
  readonly name: string;
  readonly type: number;
  /** The question as it came, with type and class. */
  readonly question: Uint8Array;
  /** Longest answer that the asker takes; with EDNS the version that it speaks. */
  readonly limit: number;
  readonly edns: number | null;
}

/** A query that can be answered by nothing but a code. */
export interface DnsFault {
  readonly id: number;
  readonly flags: number;
  readonly code: number;
}

/**
 * Undefined for what is to be dropped without an answer: too short for a header, too long, or an answer itself. A query
 * that cannot be read to its end is a fault.
 */
export function readQuery(bytes: Uint8Array): DnsQuery | DnsFault | undefined {
  if (bytes.length < headerLength || bytes.length > longestQuery) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const id = view.getUint16(0);
  const all = view.getUint16(2);
  if ((all & Flag.response) !== 0) return undefined;
  const flags = all & (Flag.wanted | Flag.checking);
  const fault = (code: number): DnsFault => ({ id, flags, code });
  if (((all >> 11) & 15) !== 0) return fault(DnsCode.notImplemented);
  const further = view.getUint16(10);
  if (view.getUint16(4) !== 1 || view.getUint16(6) !== 0 || view.getUint16(8) !== 0 || further > 1)
    return fault(DnsCode.malformed);
  let at = headerLength;
  const labels: string[] = [];
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > longestLabel) return fault(DnsCode.malformed);
    at += 1 + length;
    if (length === 0) break;
    if (at > bytes.length || at - headerLength >= longestName) return fault(DnsCode.malformed);
    labels.push(labelText(bytes.subarray(at - length, at)));
  }
  if (at + 4 > bytes.length) return fault(DnsCode.malformed);
  const type = view.getUint16(at);
  const classOf = view.getUint16(at + 2);
  at += 4;
  const question = bytes.slice(headerLength, at);
  let edns: number | null = null;
  let limit = plainLimit;
  if (further === 1) {
    // Root, OPT, size, extended flags, length.
    if (at + 11 > bytes.length || bytes[at] !== 0 || view.getUint16(at + 1) !== DnsType.opt)
      return fault(DnsCode.malformed);
    limit = Math.min(ednsLimit, Math.max(plainLimit, view.getUint16(at + 3)));
    edns = view.getUint8(at + 6);
    at += 11 + view.getUint16(at + 9);
  }
  if (at !== bytes.length) return fault(DnsCode.malformed);
  if (classOf !== classInternet && classOf !== classAny) return fault(DnsCode.refused);
  return { id, flags, name: labels.join('.'), type, question, limit, edns };
}

/** In lower case. What is no letter, digit, hyphen or underscore becomes `?`, which no name of ours has. */
function labelText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    const plain =
      (lower >= 0x61 && lower <= 0x7a) ||
      (lower >= 0x30 && lower <= 0x39) ||
      lower === 0x2d ||
      lower === 0x5f;
    text += plain ? String.fromCharCode(lower) : '?';
  }
  return text;
}

/** Who speaks for a zone, and for how long a name that is not there may be believed not to be (RFC 2308). */
export interface DnsStart {
  readonly server: string;
  readonly mailbox: string;
  readonly serial: number;
  readonly minimum: number;
}

/** `name` left out: that of the question. Addresses are 4 or 16 bytes. */
export type DnsRecord = { readonly name?: string; readonly ttl: number } & (
  | { readonly type: typeof DnsType.a | typeof DnsType.aaaa; readonly address: Uint8Array }
  | { readonly type: typeof DnsType.ptr | typeof DnsType.ns; readonly target: string }
  | { readonly type: typeof DnsType.srv; readonly port: number; readonly server: string }
  | { readonly type: typeof DnsType.txt; readonly text: string }
  | { readonly type: typeof DnsType.soa; readonly start: DnsStart }
);

export interface DnsAnswer {
  readonly code: number;
  /** We speak for the zone of the name. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
}

/** The answer to what could not be read. */
export function writeFault({ id, flags, code }: DnsFault): Uint8Array {
  return new ByteWriter(headerLength)
    .u16(id)
    .u16(Flag.response | flags | code)
    .u32(0)
    .u32(0)
    .finish();
}

/** What does not fit is left out, and the answer says so (TC). */
export function writeAnswer(query: DnsQuery, answer: DnsAnswer): Uint8Array {
  const whole = writeAll(query, answer, 0);
  if (whole.length <= query.limit) return whole;
  return writeAll(query, { ...answer, answers: [], authority: [] }, Flag.truncated);
}

function writeAll(
  query: DnsQuery,
  { code, authoritative, answers, authority }: DnsAnswer,
  more: number,
): Uint8Array {
  const { id, flags, question, edns } = query;
  const out = new ByteWriter()
    .u16(id)
    .u16(Flag.response | flags | more | (authoritative ? Flag.authoritative : 0) | (code & 15))
    .u16(1)
    .u16(answers.length)
    .u16(authority.length)
    .u16(edns === null ? 0 : 1)
    .bytes(question);
  for (const record of [...answers, ...authority]) writeRecord(out, record);
  if (edns !== null)
    out
      .u8(0)
      .u16(DnsType.opt)
      .u16(ednsLimit)
      .u8(code >> 4)
      .u8(0)
      .u16(0)
      .u16(0);
  return out.finish();
}

function writeRecord(out: ByteWriter, record: DnsRecord): void {
  const { name, type, ttl } = record;
  if (name === undefined) out.u16(pointerToQuestion);
  else writeName(out, name);
  const data = new ByteWriter(64);
  if ('address' in record) data.bytes(record.address);
  else if ('target' in record) writeName(data, record.target);
  else if ('text' in record) data.text(record.text);
  else if ('port' in record) {
    // Priority and weight (RFC 2782): all alike.
    data.u16(0).u16(0).u16(record.port);
    writeName(data, record.server);
  } else {
    const { server, mailbox, serial, minimum } = record.start;
    writeName(data, server);
    writeName(data, mailbox);
    // Serial, refresh, retry, expire, minimum: nobody copies the zone.
    data.u32(serial).u32(3_600).u32(600).u32(86_400).u32(minimum);
  }
  out.u16(type).u16(classInternet).u32(ttl).block(data.finish());
}

function writeName(out: ByteWriter, name: string): void {
  for (const label of name === '' ? [] : name.split('.')) out.text(label);
  out.u8(0);
}

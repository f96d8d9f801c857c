/**
 * What members show of themselves to whoever may see it: messages between two members, sealed in their session as control
 * messages (kind 0x10), numbered apart from those of ring.ts, ledger.ts and the others.
 *
 *   look     0x40 | request 4                      whom have you sessions with, and how do packets go?
 *   seen     0x41 | request 4 | verdict 1 | of 2 | count 1 | ( id 16 | ways 1 | round trip 4 | bytes 8 )*
 *            verdict: 0 shown, 1 not to you; of: how many there are, of which those that fit are listed
 *            ways: path in bits 0 to 3, role in bits 4 to 7, by place in the lists below; round trip: 10 µs, all ones for
 *            unknown; bytes: both ways, since the session's peer is known there
 *   recall   0x42 | request 4 | id 16              what was decided about the way to this member?
 *   recalled 0x43 | request 4 | verdict 1 | count 1 | ( age 4 | event (length 1) | detail (length 1) )*
 *            verdict 2: no such member is known; newest last; age: seconds
 *
 * Integers are big endian. Ids are 16 bytes here and 32 hexadecimal characters in the program. The answers are what a
 * member says, and nothing proves them.
 */
import { ByteReader, ByteWriter, fromHex, toHex, utf8 } from '../lib/bytes.js';
import { nodeIdLength } from './packet.js';

export const ViewType = { look: 0x40, seen: 0x41, recall: 0x42, recalled: 0x43 } as const;

/** In the order of their numbers. */
export const viewPaths = ['none', 'direct', 'webrtc', 'relay', 'overlay'] as const;
export const viewRoles = ['none', 'successor', 'predecessor', 'long', 'on-demand', 'static'] as const;
export const verdicts = ['shown', 'refused', 'unknown'] as const;
export type Verdict = (typeof verdicts)[number];

/** Links in one answer, so that it fits into one packet. */
export const maxSeen = 38;
/** Bytes of the entries of one log, for the same reason, and how many. */
const recalledBytes = 1_080;
export const maxRecalled = 64;
/** Of a log's line, bytes. */
const longestEvent = 40;
const longestDetail = 160;
const unknownRoundTrip = 0xffff_ffff;
/** Round trips are sent in steps of so many ms. */
const stepMs = 0.01;

export interface SeenLink {
  readonly id: string;
  readonly path: (typeof viewPaths)[number];
  readonly role: (typeof viewRoles)[number];
  readonly rttMs: number | null;
  /** Both ways. */
  readonly bytes: number;
}

export interface RecalledLine {
  readonly ageS: number;
  readonly event: string;
  readonly detail: string;
}

export type ViewMessage =
  | { readonly type: 'look'; readonly request: number }
  | {
      readonly type: 'seen';
      readonly request: number;
      readonly verdict: Verdict;
      /** How many links the sender has; at least as many as are listed. */
      readonly of: number;
      readonly links: readonly SeenLink[];
    }
  | { readonly type: 'recall'; readonly request: number; readonly id: string }
  | {
      readonly type: 'recalled';
      readonly request: number;
      readonly verdict: Verdict;
      readonly lines: readonly RecalledLine[];
    };

function idBytes(id: string): Uint8Array {
  const bytes = fromHex(id);
  if (bytes?.length !== nodeIdLength) throw new TypeError(`not a node id: ${id}`);
  return bytes;
}

/** As much of the text as fits, whole characters. */
function cut(text: string, bytes: number): string {
  let out = text;
  while (utf8(out).length > bytes) out = [...out].slice(0, -1).join('');
  return out;
}

/** The newest lines that fit into one answer. */
export function fittingLines(lines: readonly RecalledLine[]): RecalledLine[] {
  const out: RecalledLine[] = [];
  let room = recalledBytes;
  for (const line of [...lines].reverse().slice(0, maxRecalled)) {
    const [event, detail] = [cut(line.event, longestEvent), cut(line.detail, longestDetail)];
    room -= 6 + utf8(event).length + utf8(detail).length;
    if (room < 0) break;
    out.unshift({ ageS: line.ageS, event, detail });
  }
  return out;
}

/** Links beyond `maxSeen` and lines that do not fit are left out. Throws TypeError when an id is none: ours never are. */
export function encodeView(message: ViewMessage): Uint8Array {
  const writer = new ByteWriter(64).u8(ViewType[message.type]).u32(message.request);
  switch (message.type) {
    case 'look':
      break;
    case 'recall':
      writer.bytes(idBytes(message.id));
      break;
    case 'seen': {
      const links = message.links.slice(0, maxSeen);
      writer.u8(verdicts.indexOf(message.verdict)).u16(Math.min(0xffff, message.of)).u8(links.length);
      for (const { id, path, role, rttMs, bytes } of links) {
        writer.bytes(idBytes(id)).u8(viewPaths.indexOf(path) | (viewRoles.indexOf(role) << 4));
        writer.u32(
          rttMs === null ? unknownRoundTrip : Math.min(unknownRoundTrip - 1, Math.round(rttMs / stepMs)),
        );
        writer.u64(bytes);
      }
      break;
    }
    case 'recalled': {
      const lines = fittingLines(message.lines);
      writer.u8(verdicts.indexOf(message.verdict)).u8(lines.length);
      for (const { ageS, event, detail } of lines) {
        writer
          .u32(Math.min(0xffff_ffff, Math.max(0, Math.round(ageS))))
          .text(event)
          .text(detail);
      }
      break;
    }
    default:
      message satisfies never;
  }
  return writer.finish();
}

/** The message, or undefined when it is malformed or none of these. Never throws. Copies. */
export function parseView(bytes: Uint8Array): ViewMessage | undefined {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader);
  return reader.done ? message : undefined;
}

function readMessage(reader: ByteReader): ViewMessage | undefined {
  const type = reader.u8();
  const request = reader.u32();
  switch (type) {
    case ViewType.look:
      return { type: 'look', request };
    case ViewType.recall:
      return { type: 'recall', request, id: toHex(reader.bytes(nodeIdLength)) };
    case ViewType.seen: {
      const verdict = verdicts[reader.u8()];
      const of = reader.u16();
      const count = reader.u8();
      if (!verdict || count > maxSeen || count > of) return undefined;
      const links: SeenLink[] = [];
      for (let i = 0; i < count && !reader.failed; i++) {
        const id = toHex(reader.bytes(nodeIdLength));
        const ways = reader.u8();
        const roundTrip = reader.u32();
        const [path, role] = [viewPaths[ways & 0x0f], viewRoles[ways >> 4]];
        if (!path || !role) return undefined;
        const rttMs = roundTrip === unknownRoundTrip ? null : Math.round(roundTrip * stepMs * 100) / 100;
        links.push({ id, path, role, rttMs, bytes: reader.u64() });
      }
      return { type: 'seen', request, verdict, of, links };
    }
    case ViewType.recalled: {
      const verdict = verdicts[reader.u8()];
      const count = reader.u8();
      if (!verdict || count > maxRecalled) return undefined;
      const lines: RecalledLine[] = [];
      for (let i = 0; i < count && !reader.failed; i++)
        lines.push({ ageS: reader.u32(), event: reader.text(), detail: reader.text() });
      return { type: 'recalled', request, verdict, lines };
    }
    default:
      return undefined;
  }
}

/**
 * What members tell each other about multicast groups: the plaintext of kind 0x22, the kind byte not counted.
 *
 *   announce  0x01 | wanted                                           in a flood: what its origin wants
 *                                                                     from a leaf to its links: what the leaf wants
 *   ask       0x02                                                    to a link: tell me who wants what
 *   table     0x03 | flags 1 | ( position 8 | age 2 | wanted )*       the answer, in as many packets as it takes
 *
 *   wanted    flags 1 | count 2 | key 4 *
 *
 * Integers are big endian. flags bit 0 of `wanted`: everything, and then count is 0; of `table`: the last packet.
 * position: the first 8 bytes of the member's node id, of which the lowest 12 bits are 0. age: seconds since the member
 * said so. key: the last 4 bytes of the group's MAC, ascending.
 */
import { ByteReader, ByteWriter } from '../lib/bytes.js';
import { Kind } from './packet.js';

export const GroupsType = { announce: 0x01, ask: 0x02, table: 0x03 } as const;

/** Keys that one member may name; they fit into one packet. */
export const wantedLimit = 256;
/** Longest plaintext, bytes. */
export const groupsLimit = 1_200;
const flagAll = 1;
const flagLast = 1;

/** What one member wants. */
export interface Wanted {
  /** Everything: it bridges a network, or wants more groups than it may name. */
  readonly all: boolean;
  /** Group keys in ascending order, none twice; empty with `all`. */
  readonly keys: Int32Array;
}

export const nothing: Wanted = { all: false, keys: new Int32Array(0) };
export const everything: Wanted = { all: true, keys: new Int32Array(0) };

export function equalWanted(a: Wanted, b: Wanted): boolean {
  return a.all === b.all && a.keys.length === b.keys.length && a.keys.every((key, i) => key === b.keys[i]);
}

/** One member in a table. */
export interface TableEntry {
  readonly position: number;
  readonly ageSeconds: number;
  readonly wanted: Wanted;
}

export type GroupsMessage =
  | { readonly type: 'announce'; readonly wanted: Wanted }
  | { readonly type: 'ask' }
  | { readonly type: 'table'; readonly last: boolean; readonly entries: readonly TableEntry[] };

function writeWanted(writer: ByteWriter, wanted: Wanted): void {
  writer.u8(wanted.all ? flagAll : 0).u16(wanted.keys.length);
  for (const key of wanted.keys) writer.u32(key >>> 0);
}

/** With its kind byte. `wanted` names at most `wantedLimit` keys. */
export function encodeAnnounce(wanted: Wanted): Uint8Array {
  const writer = new ByteWriter(8 + wanted.keys.length * 4).u8(Kind.groups).u8(GroupsType.announce);
  writeWanted(writer, wanted);
  return writer.finish();
}

export function encodeAsk(): Uint8Array {
  return Uint8Array.of(Kind.groups, GroupsType.ask);
}

/** As many packets as the entries take, at least one. */
export function encodeTable(entries: Iterable<TableEntry>): Uint8Array[] {
  const packets: ByteWriter[] = [];
  let room = 0;
  let writer = new ByteWriter(groupsLimit);
  const begin = (): void => {
    writer = new ByteWriter(groupsLimit).u8(Kind.groups).u8(GroupsType.table).u8(0);
    packets.push(writer);
    room = groupsLimit - 3;
  };
  begin();
  for (const { position, ageSeconds, wanted } of entries) {
    const length = 13 + wanted.keys.length * 4;
    if (length > room) begin();
    room -= length;
    writer.u32(Math.floor(position / 0x10_0000)).u32((position % 0x10_0000) * 0x1000);
    writer.u16(Math.min(0xffff, Math.max(0, Math.round(ageSeconds))));
    writeWanted(writer, wanted);
  }
  const finished = packets.map((packet) => packet.finish());
  (finished.at(-1) as Uint8Array)[2] = flagLast;
  return finished;
}

/** Keys out of order fail the reader: they could hide that one stands twice. */
function readWanted(reader: ByteReader): Wanted | undefined {
  const all = (reader.u8() & flagAll) !== 0;
  const count = reader.u16();
  if (reader.failed || count > wantedLimit || (all && count > 0)) return undefined;
  if (all) return everything;
  const keys = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const key = reader.u32() | 0;
    if (i > 0 && key <= (keys[i - 1] as number)) return undefined;
    keys[i] = key;
  }
  return reader.failed ? undefined : { all, keys };
}

/** The message in the bytes behind the kind byte, or undefined when it is malformed. Never throws. Copies. */
export function parseGroups(bytes: Uint8Array): GroupsMessage | undefined {
  if (bytes.length > groupsLimit) return undefined;
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case GroupsType.announce: {
      const wanted = readWanted(reader);
      return wanted && reader.done ? { type: 'announce', wanted } : undefined;
    }
    case GroupsType.ask:
      return reader.done ? { type: 'ask' } : undefined;
    case GroupsType.table: {
      const last = (reader.u8() & flagLast) !== 0;
      const entries: TableEntry[] = [];
      while (!reader.failed && !reader.done) {
        const position = reader.u32() * 0x10_0000 + (reader.u32() >>> 12);
        const ageSeconds = reader.u16();
        const wanted = readWanted(reader);
        if (!wanted) return undefined;
        entries.push({ position, ageSeconds, wanted });
      }
      return reader.failed ? undefined : { type: 'table', last, entries };
    }
    default:
      return undefined;
  }
}

/**
 * How announcements of subnets (identity/announcement.ts) spread: messages between two members, sealed in their session
 * as control messages (kind 0x10), numbered apart from those of ring.ts and ledger.ts.
 *
 *   tally      0x28 | count 2 | digest 8              what the sender holds: how many, and a hash over ids and serials
 *   inventory  0x29 | from 16 | to 16 | count 1 | ( id 16 | serial 8 )*
 *              all that the sender holds of members behind `from` up to `to`
 *   announce   0x2a | credential (length 2, bytes) | announcement (length 2, bytes)
 *
 *   changed ── announce ──▶ every link                       once each, by serial
 *   a new link ── tally ──▶ not the same here ── inventory ──▶ announce, what is newer
 *
 * Integers are big endian. Ids are 16 bytes here and 32 hexadecimal characters in the program.
 */
import { ByteReader, ByteWriter, fromHex, toHex } from '../lib/bytes.js';
import { nodeIdLength } from './packet.js';

export const SubnetsType = { tally: 0x28, inventory: 0x29, announce: 0x2a } as const;

export const digestLength = 8;
/** Entries of one inventory, so that it fits into one packet. */
export const maxInventory = 40;
/** Longest credential and announcement together, bytes, for the same reason. */
export const announceLimit = 1_150;

export interface InventoryEntry {
  readonly id: string;
  readonly serial: number;
}

export type SubnetsMessage =
  | { readonly type: 'tally'; readonly count: number; readonly digest: Uint8Array }
  | {
      readonly type: 'inventory';
      readonly from: string;
      readonly to: string;
      readonly entries: readonly InventoryEntry[];
    }
  | { readonly type: 'announce'; readonly credential: Uint8Array; readonly announcement: Uint8Array };

function idBytes(id: string): Uint8Array {
  const bytes = fromHex(id);
  if (bytes?.length !== nodeIdLength) throw new TypeError(`not a node id: ${id}`);
  return bytes;
}

/** Throws TypeError when an id is none, RangeError when it is longer than the limits above: ours never are. */
export function encodeSubnets(message: SubnetsMessage): Uint8Array {
  const writer = new ByteWriter(64).u8(SubnetsType[message.type]);
  switch (message.type) {
    case 'tally':
      return writer.u16(message.count).bytes(message.digest).finish();
    case 'inventory':
      if (message.entries.length > maxInventory) throw new RangeError('inventory too long');
      writer.bytes(idBytes(message.from)).bytes(idBytes(message.to)).u8(message.entries.length);
      for (const { id, serial } of message.entries) writer.bytes(idBytes(id)).u64(serial);
      return writer.finish();
    case 'announce':
      if (message.credential.length + message.announcement.length > announceLimit)
        throw new RangeError('announcement too long');
      return writer.block(message.credential).block(message.announcement).finish();
  }
}

/** The message, or undefined when it is malformed or none of these. Never throws. Copies. */
export function parseSubnets(bytes: Uint8Array): SubnetsMessage | undefined {
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case SubnetsType.tally: {
      const count = reader.u16();
      const digest = reader.bytes(digestLength);
      return reader.done ? { type: 'tally', count, digest } : undefined;
    }
    case SubnetsType.inventory: {
      const from = toHex(reader.bytes(nodeIdLength));
      const to = toHex(reader.bytes(nodeIdLength));
      const count = reader.u8();
      const entries: InventoryEntry[] = [];
      if (count > maxInventory) return undefined;
      for (let i = 0; i < count && !reader.failed; i++)
        entries.push({ id: toHex(reader.bytes(nodeIdLength)), serial: reader.u64() });
      return reader.done ? { type: 'inventory', from, to, entries } : undefined;
    }
    case SubnetsType.announce: {
      const credential = reader.block();
      const announcement = reader.block();
      if (!reader.done || credential.length + announcement.length > announceLimit) return undefined;
      return { type: 'announce', credential, announcement };
    }
    default:
      return undefined;
  }
}

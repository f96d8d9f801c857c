import { describe, expect, it } from 'vitest';
import {
  commentOption,
  interfaceBlock,
  LinkType,
  namesBlock,
  packetBlockLength,
  PacketFlag,
  putPacketBlock,
  sectionBlock,
  statisticsBlock,
} from '../../../src/core/wire/pcapng.js';
import { readPcapng } from '../../support/pcapng.js';

function packet(frame: Buffer, comment?: string): Buffer {
  const option = comment === undefined ? undefined : commentOption(comment);
  const out = Buffer.alloc(packetBlockLength(frame.length, option));
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  const at = putPacketBlock(
    view,
    0,
    {
      face: 0,
      seconds: 1_795_000_000,
      nanoseconds: 123_456_789,
      captured: frame.length,
      length: 1514,
      flags: PacketFlag.outbound,
    },
    option,
  );
  out.set(frame, at);
  return out;
}

describe('pcapng', () => {
  it('has the bytes of the draft', () => {
    expect(namesBlock([{ address: Uint8Array.of(10, 144, 0, 2), name: 'b' }]).toString('hex')).toBe(
      ['04000000', '1c000000', '01000600', '0a900002', '62000000', '00000000', '1c000000'].join(''),
    );
    expect(packet(Buffer.from('0102030405', 'hex'), 'ab').toString('hex')).toBe(
      [
        ...['06000000', '3c000000', '00000000'],
        ...[1_795_000_000_123_456_789n >> 32n, 1_795_000_000_123_456_789n & 0xffff_ffffn].map((word) => {
          const bytes = Buffer.alloc(4);
          bytes.writeUInt32LE(Number(word));
          return bytes.toString('hex');
        }),
        ...['05000000', 'ea050000', '01020304', '05000000'],
        ...['02000400', '02000000', '01000200', '61620000', '00000000', '3c000000'],
      ].join(''),
    );
  });

  it('is read back', () => {
    const file = Buffer.concat([
      sectionBlock('evio/1', 'Linux 6'),
      interfaceBlock({
        name: 'evio0',
        description: 'häuser',
        mac: Buffer.from('020304050607', 'hex'),
        snapLength: 128,
        link: LinkType.ethernet,
      }),
      namesBlock([
        { address: Uint8Array.of(10, 144, 0, 2), name: 'web-1' },
        { address: new Uint8Array(16).fill(0xfd), name: 'web-1' },
      ]),
      ...[0, 1, 2, 3, 4, 14, 128].map((length) =>
        packet(Buffer.alloc(length, length), `peer ${'x'.repeat(length % 5)}`),
      ),
      packet(Buffer.alloc(60, 7)),
      statisticsBlock({ face: 0, start: 5n << 32n, stop: (5n << 32n) + 1n, received: 2 ** 40, dropped: 3 }),
    ]);
    const read = readPcapng(file);
    expect(read.types).toEqual([0x0a0d0d0a, 1, 4, ...Array<number>(8).fill(6), 5]);
    expect(read.section[4]?.toString()).toBe('evio/1');
    expect(read.interface[2]?.toString()).toBe('evio0');
    expect(read.interface[3]?.toString()).toBe('häuser');
    expect([read.interface[9]?.[0], read.snapLength]).toEqual([9, 128]);
    expect(read.names).toEqual([
      ['0a900002', 'web-1'],
      ['fd'.repeat(16), 'web-1'],
    ]);
    expect(read.packets.map(({ frame }) => frame.length)).toEqual([0, 1, 2, 3, 4, 14, 128, 60]);
    expect(read.packets.map(({ comment }) => comment)).toEqual([
      'peer ',
      'peer x',
      'peer xx',
      'peer xxx',
      'peer xxxx',
      'peer xxxx',
      'peer xxx',
      undefined,
    ]);
    for (const { ns, length, flags, frame } of read.packets) {
      expect([ns, length, flags]).toEqual([1_795_000_000_123_456_789n, 1514, 2]);
      expect(frame.every((byte) => byte === (frame.length === 60 ? 7 : frame.length))).toBe(true);
    }
    expect(read.statistics?.[4]?.readBigUInt64LE()).toBe(1n << 40n);
    expect(read.statistics?.[5]?.readBigUInt64LE()).toBe(3n);
    expect(read.statistics?.[2]?.toString('hex')).toBe('0500000000000000');
  });
});

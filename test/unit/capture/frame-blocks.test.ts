import { describe, expect, it } from 'vitest';
import { FrameBlocks, type FrameChoice } from '../../../src/capture/frame-blocks.js';
import type { KnownMember } from '../../../src/capture/members.js';
import { Whose } from '../../../src/capture/whose.js';
import { PacketType, type RingFrame } from '../../../src/core/native/packet-ring.js';
import { commentOption } from '../../../src/core/wire/pcapng.js';
import { readPcapng } from '../../support/pcapng.js';

const member = (n: number): KnownMember => ({
  id: `id${n}`,
  name: `m${n}`,
  mac: `02:00:00:00:00:0${n}`,
  ip: Uint8Array.of(10, 144, 0, n),
  ip6: new Uint8Array(16).fill(n),
  comment: commentOption(`peer m${n}`),
});
const members = { whose: new Whose([member(1), member(2)]) };

/** A ring as the kernel fills it: each list is a block. */
class Ring {
  readonly bytes = Buffer.alloc(1 << 20);
  readonly view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  readonly #blocks: RingFrame[][];

  constructor(...blocks: { hex: string; packetType: number; tag?: number; length?: number }[][]) {
    let at = 0;
    this.#blocks = blocks.map((frames) =>
      frames.map(({ hex, packetType, tag = 0, length }) => {
        const captured = this.bytes.write(hex, at, 'hex');
        const frame = {
          seconds: 7,
          nanoseconds: 9,
          at,
          captured,
          length: length ?? captured,
          tag,
          packetType,
        };
        at += captured;
        return frame;
      }),
    );
  }

  readonly readBlock = (each: (frame: RingFrame) => boolean): boolean => {
    const block = this.#blocks.shift();
    block?.every((frame) => each(frame));
    return block !== undefined;
  };
}

const to = (n: number, payload = '0800'): string => `02000000000${n}02ffffffff01${payload}`;
const from = (n: number): string => `02ffffffff0102000000000${n}0800`;
const out = PacketType.outgoing;
const choice: FrameChoice = { face: 0, members, peer: undefined, limit: undefined, snapLength: 262_144 };

function all(ring: Ring, wanted: Partial<FrameChoice>): ReturnType<typeof readPcapng>['packets'] {
  const blocks = new FrameBlocks(ring, { ...choice, ...wanted });
  const parts: Uint8Array[] = [];
  for (let part = blocks.next(); part; part = blocks.next()) parts.push(part);
  expect(blocks.next()).toBeUndefined();
  const { packets } = readPcapng(Buffer.concat(parts));
  expect(blocks.written).toBe(packets.length);
  return packets;
}

describe('frames of the ring as packets of a file', () => {
  it('say which way they went, when, and whose they are', () => {
    const ring = new Ring(
      [
        { hex: to(1), packetType: out },
        { hex: from(2), packetType: PacketType.host },
      ],
      [{ hex: from(9), packetType: PacketType.broadcast, length: 1514 }],
    );
    expect(all(ring, {})).toEqual([
      {
        face: 0,
        ns: 7_000_000_009n,
        length: 14,
        flags: 2,
        comment: 'peer m1',
        frame: Buffer.from(to(1), 'hex'),
      },
      {
        face: 0,
        ns: 7_000_000_009n,
        length: 14,
        flags: 5,
        comment: 'peer m2',
        frame: Buffer.from(from(2), 'hex'),
      },
      {
        face: 0,
        ns: 7_000_000_009n,
        length: 1514,
        flags: 0xd,
        comment: undefined,
        frame: Buffer.from(from(9), 'hex'),
      },
    ]);
  });

  it('are those of one member, where one is asked for', () => {
    const frames = [to(1), to(2), to(9), to(2)].map((hex) => ({ hex, packetType: out }));
    expect(all(new Ring(frames), { peer: 'id2' }).map(({ comment }) => comment)).toEqual([
      'peer m2',
      'peer m2',
    ]);
  });

  it('end with the number that is asked for, in the middle of a block', () => {
    const frames = Array.from({ length: 5 }, () => ({ hex: to(1), packetType: out }));
    expect(all(new Ring(frames, frames), { limit: 3 })).toHaveLength(3);
  });

  it('have the tag again that the kernel took out, also where they are cut', () => {
    const hex = to(1, `0800${'45'.repeat(100)}`);
    const tagged = `02000000000102ffffffff018100000508${'00'}${'45'.repeat(100)}`;
    const frame = { hex, packetType: out, tag: 0x8100_0005 };
    const [whole] = all(new Ring([frame]), {});
    expect([whole?.frame.toString('hex'), whole?.length]).toEqual([tagged, 118]);
    const [cut] = all(new Ring([{ ...frame, hex: hex.slice(0, 192), length: 114 }]), { snapLength: 96 });
    expect([cut?.frame.toString('hex'), cut?.length]).toEqual([tagged.slice(0, 192), 118]);
  });

  it('need no more than what they take, however many', () => {
    const long = to(1, '45'.repeat(9_000));
    const frames = Array.from({ length: 40 }, () => ({ hex: long, packetType: out }));
    const packets = all(new Ring(frames), {});
    expect(packets).toHaveLength(40);
    expect(packets.every(({ frame }) => frame.toString('hex') === long)).toBe(true);
  });
});

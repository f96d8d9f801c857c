/** Reads pcapng as its draft tells it, for tests; throws on whatever is not as it says. Written apart from the encoder. */
import { expect } from 'vitest';

export interface ReadPacket {
  /** Number of its interface. */
  readonly face: number;
  readonly ns: bigint;
  readonly length: number;
  readonly frame: Buffer;
  readonly flags: number;
  readonly comment: string | undefined;
}

export interface ReadCapture {
  readonly types: readonly number[];
  readonly section: Readonly<Record<number, Buffer>>;
  readonly snapLength: number;
  /** Link types, by number of the interface; what follows is of the first. */
  readonly links: readonly number[];
  readonly interface: Readonly<Record<number, Buffer>>;
  /** Address in hexadecimal, name. */
  readonly names: readonly (readonly [string, string])[];
  readonly packets: readonly ReadPacket[];
  readonly statistics: Readonly<Record<number, Buffer>> | undefined;
}

/** Options (and records of names) by code; the last one must be the end. */
function optionsOf(bytes: Buffer): [code: number, value: Buffer][] {
  const found: [number, Buffer][] = [];
  for (let at = 0; ;) {
    const [code, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    const next = at + 4 + Math.ceil(length / 4) * 4;
    if (code === 0) {
      expect([length, next]).toEqual([0, bytes.length]);
      return found;
    }
    found.push([code, bytes.subarray(at + 4, at + 4 + length)]);
    expect(bytes.subarray(at + 4 + length, next).every((byte) => byte === 0)).toBe(true);
    at = next;
  }
}

export function readPcapng(file: Buffer): ReadCapture {
  const types: number[] = [];
  const packets: ReadPacket[] = [];
  const names: [string, string][] = [];
  let section: Record<number, Buffer> = {};
  let face: Record<number, Buffer> = {};
  let statistics: Record<number, Buffer> | undefined;
  const links: number[] = [];
  let snapLength = 0;
  for (let at = 0; at < file.length;) {
    const [type, total] = [file.readUInt32LE(at), file.readUInt32LE(at + 4)];
    expect(total % 4).toBe(0);
    expect(file.readUInt32LE(at + total - 4)).toBe(total);
    const body = file.subarray(at + 8, at + total - 4);
    types.push(type);
    at += total;
    if (type === 0x0a0d0d0a) {
      expect(body.subarray(0, 16).toString('hex')).toBe(`4d3c2b1a01000000${'ff'.repeat(8)}`);
      section = Object.fromEntries(optionsOf(body.subarray(16)));
    } else if (type === 1) {
      links.push(body.readUInt16LE(0));
      if (links.length > 1) continue;
      snapLength = body.readUInt32LE(4);
      face = Object.fromEntries(optionsOf(body.subarray(8)));
    } else if (type === 4) {
      for (const [kind, record] of optionsOf(body)) {
        const end = kind === 1 ? 4 : 16;
        expect(record.at(-1)).toBe(0);
        names.push([record.toString('hex', 0, end), record.toString('utf8', end, record.length - 1)]);
      }
    } else if (type === 5) {
      if (body.readUInt32LE(0) === 0) statistics = Object.fromEntries(optionsOf(body.subarray(12)));
    } else {
      expect(type).toBe(6);
      const number = body.readUInt32LE(0);
      expect(number).toBeLessThan(Math.max(1, links.length));
      const captured = body.readUInt32LE(12);
      const options = optionsOf(body.subarray(20 + Math.ceil(captured / 4) * 4));
      const [[, flags] = [], comment] = [
        options.find(([code]) => code === 2),
        options.find(([code]) => code === 1),
      ];
      packets.push({
        face: number,
        ns: (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8)),
        length: body.readUInt32LE(16),
        frame: Buffer.from(body.subarray(20, 20 + captured)),
        flags: flags?.readUInt32LE(0) ?? NaN,
        comment: comment?.[1].toString('utf8'),
      });
    }
  }
  return { types, section, snapLength, links, interface: face, names, packets, statistics };
}

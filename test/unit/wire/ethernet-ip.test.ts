import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGroup, macHigh, macLow, payloadOffset } from '../../../src/core/wire/ethernet.js';
import { adjustSum, fold, ipv4HeaderChecksum, locateTransport, onesSum } from '../../../src/core/wire/ip.js';
import { buildTcp, sum16, udpFrame } from '../../support/frames.js';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/[ |]/g, ''), 'hex'));
const macs = '020000000002 020000000001';

describe('where things lie in a frame', () => {
  it.each([
    ['untagged', `${macs} 0800`, 14],
    ['one tag', `${macs} 8100 0005 0800`, 18],
    ['two tags', `${macs} 88a8 0005 8100 0006 86dd`, 22],
    ['three tags: the third is payload', `${macs} 8100 0001 8100 0002 8100 0003 0800`, 22],
    ['too short', macs, 0],
    ['a tag without the type behind it', `${macs} 8100 0005 08`, 0],
  ])('%s', (_name, hex, wanted) => {
    const frame = fromHex(hex);
    expect(payloadOffset(viewOf(frame), 0, frame.length)).toBe(wanted);
  });

  it('reads a MAC as two words', () => {
    const view = viewOf(fromHex('ffeeddccbbaa'));
    expect([macHigh(view, 0), macLow(view, 0), isGroup(0x0100), isGroup(0x0200)]).toEqual([
      0xffee,
      0xddccbbaa | 0,
      true,
      false,
    ]);
  });

  const v6 = (next: string, rest: string): string =>
    `${macs} 86dd 60000000 0000 ${next} 40 ${'00'.repeat(32)} ${rest}`;
  const tcp = '0001 0002 00000000 00000000 5010 0000 0000 0000';
  it.each([
    [
      'UDP over IPv4',
      `${macs} 0800 4500 001c 0000 0000 4011 0000 00000000 00000000 0001 0002 0008 0000`,
      (34 << 8) | 17,
    ],
    [
      'IPv4 options',
      `${macs} 0800 4600 0020 0000 4000 4011 0000 00000000 00000000 01010101 0001 0002 0008 0000`,
      (38 << 8) | 17,
    ],
    [
      'a first fragment',
      `${macs} 0800 4500 001c 0000 2000 4011 0000 00000000 00000000 0001 0002 0008 0000`,
      0,
    ],
    [
      'a later fragment',
      `${macs} 0800 4500 001c 0000 0001 4011 0000 00000000 00000000 0001 0002 0008 0000`,
      0,
    ],
    [
      'a header length of 16',
      `${macs} 0800 4400 001c 0000 0000 4011 0000 00000000 00000000 0001 0002 0008 0000`,
      0,
    ],
    ['version 5', `${macs} 0800 5500 001c 0000 0000 4011 0000 00000000 00000000 0001 0002 0008 0000`, 0],
    ['ICMP', `${macs} 0800 4500 001c 0000 0000 4001 0000 00000000 00000000 0001 0002 0008 0000`, 0],
    ['TCP over IPv6', v6('06', tcp), (54 << 8) | 6],
    [
      'behind hop-by-hop and destination options',
      v6('00', `3c00 000000000000 0601 ${'00'.repeat(14)} ${tcp}`),
      (78 << 8) | 6,
    ],
    ['an extension header that runs out', v6('00', `06ff 000000000000 ${tcp}`), 0],
    ['an IPv6 fragment', v6('2c', `0600 000000000000 ${tcp}`), 0],
    ['a TCP header cut off', v6('06', tcp.slice(0, -2)), 0],
  ])('finds %s', (_name, hex, wanted) => {
    const frame = fromHex(hex);
    expect(locateTransport(viewOf(frame), 0, frame.length)).toBe(wanted);
  });

  it('never reads outside the frame', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom('', '0800', '86dd', '81000001', '88a80001810000020800'),
        (tail, type) => {
          const frame = new Uint8Array([...fromHex(macs), ...fromHex(type), ...tail]);
          const found = locateTransport(viewOf(frame), 0, frame.length);
          return found === 0 || (found >> 8) + ((found & 0xff) === 6 ? 20 : 8) <= frame.length;
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('checksums', () => {
  it('agree with a plain sum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 0xffff }), (bytes, start) => {
        expect(onesSum(viewOf(bytes), 0, bytes.length, start)).toBe(sum16(bytes, start));
      }),
    );
    expect(fold(0x3_fffc)).toBe(0xffff);
  });

  it('of an IPv4 header (RFC 1071 example of many books)', () => {
    const header = fromHex('4500 0073 0000 4000 4011 0000 c0a80001 c0a800c7');
    expect(ipv4HeaderChecksum(viewOf(header), 0, 20)).toBe(0xb861);
    const frame = udpFrame(new Uint8Array(6), new Uint8Array(6), 0x0a00_0001, 0x0a00_0002, new Uint8Array(3));
    expect(ipv4HeaderChecksum(viewOf(frame), 14, 20)).toBe(viewOf(frame).getUint16(24));
  });

  it.each([true, false])('of the pseudo-header, and adjusted to another length (IPv6: %s)', (v6) => {
    const address = new Uint8Array(v6 ? 16 : 4).fill(0xfe);
    const build = (length: number): Uint8Array =>
      buildTcp(
        {
          destination: new Uint8Array(6),
          source: new Uint8Array(6),
          vlans: [],
          v6,
          sourceAddress: address,
          destinationAddress: address,
          tos: 0,
          hopLimit: 1,
          id: 0,
          dontFragment: true,
          sourcePort: 0,
          destinationPort: 0,
          sequence: 0,
          acknowledgement: 0,
          flags: 0,
          window: 0,
          options: new Uint8Array(0),
          payload: new Uint8Array(length),
        },
        'partial',
      ).bytes;
    const tcp = v6 ? 54 : 34;
    for (const [from, to] of [
      [0, 60_000],
      [60_000, 0],
      [1_000, 1_001],
    ] as const) {
      const sum = viewOf(build(from)).getUint16(tcp + 16);
      expect(adjustSum(sum, 20 + from, 20 + to)).toBe(viewOf(build(to)).getUint16(tcp + 16));
    }
  });
});

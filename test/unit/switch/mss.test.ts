import { describe, expect, it } from 'vitest';
import { clampMss } from '../../../src/core/switch/mss.js';
import { locateTransport } from '../../../src/core/wire/ip.js';
import { buildTcp, plainTcp, sum16 } from '../../support/frames.js';
import { macOf } from '../../support/loop-rig.js';

const ends = { destination: macOf(2), source: macOf(1), payload: new Uint8Array(0) };
const six = {
  v6: true,
  sourceAddress: Uint8Array.of(...Array<number>(15).fill(0x20), 1),
  destinationAddress: Uint8Array.of(...Array<number>(15).fill(0x20), 2),
};
const offers = (mss: number): number[] => [2, 4, mss >> 8, mss & 0xff];
const open = { ...plainTcp, ...ends, flags: 0x02, options: Uint8Array.from(offers(1_460)) };

/** The frame after clamping for packets of 1,350 bytes, and whether it was changed. */
function clamped(
  frame: Parameters<typeof buildTcp>[0],
  checksum: 'partial' | 'complete' = 'complete',
  mtu = 1_350,
  longest = mtu + 22,
): { bytes: Uint8Array; changed: boolean; tcp: number; before: Uint8Array } {
  const built = buildTcp(frame, checksum);
  // Not at the start of the memory, and with something behind it.
  const memory = new Uint8Array(built.bytes.length + 64).fill(0xee);
  memory.set(built.bytes, 32);
  const view = new DataView(memory.buffer);
  const { length } = built.bytes;
  const found = locateTransport(view, 32, length);
  const changed = clampMss(view, 32, length, found, mtu, longest, checksum === 'complete');
  expect(memory.subarray(0, 32).every((byte) => byte === 0xee)).toBe(true);
  expect(memory.subarray(32 + built.bytes.length).every((byte) => byte === 0xee)).toBe(true);
  const bytes = memory.slice(32, 32 + built.bytes.length);
  return { bytes, changed, tcp: built.tcp, before: built.bytes };
}

describe('the longest segment of a TCP connection', () => {
  it.each([
    ['SYN', 0x02, {}, 1_310],
    ['SYN and ACK', 0x12, {}, 1_310],
    ['SYN by IPv6', 0x02, six, 1_290],
    ['SYN in a VLAN', 0x02, { vlans: [5] }, 1_310],
    ['SYN in two', 0x02, { ...six, vlans: [5, 6] }, 1_290],
  ] as const)('is what the network carries: %s', (_, flags, change, most) => {
    for (const checksum of ['complete', 'partial'] as const) {
      const { bytes, changed } = clamped({ ...open, flags, ...change }, checksum);
      expect(changed).toBe(true);
      // As one that had offered so itself, checksum and all.
      const honest = buildTcp(
        { ...open, flags, ...change, options: Uint8Array.from(offers(most)) },
        checksum,
      );
      expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(honest.bytes).toString('hex'));
    }
  });

  it.each([
    ['no tag', {}, 1_246],
    ['no tag, by IPv6', six, 1_226],
    ['a tag', { vlans: [5] }, 1_242],
    ['two', { ...six, vlans: [5, 6] }, 1_218],
  ] as const)('is what a path of 1,300 bytes a frame carries with %s', (_, change, most) => {
    const { bytes } = clamped({ ...open, ...change }, 'complete', 1_350, 1_300);
    const honest = buildTcp({ ...open, ...change, options: Uint8Array.from(offers(most)) }, 'complete');
    expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(honest.bytes).toString('hex'));
  });

  it('is found behind other options, at an odd byte, too', () => {
    const options = (mss: number): Uint8Array => Uint8Array.from([1, 3, 3, 7, ...offers(mss), 4, 2, 1, 0]);
    const { bytes } = clamped({ ...open, options: options(9_000) });
    expect(Buffer.from(bytes)).toEqual(
      Buffer.from(buildTcp({ ...open, options: options(1_310) }, 'complete').bytes),
    );
    const odd = (mss: number): Uint8Array => Uint8Array.from([1, ...offers(mss), 1, 1, 1]);
    for (let mss = 1_311; mss < 65_536; mss += 997) {
      const { bytes: moved } = clamped({ ...open, options: odd(mss) });
      const honest = buildTcp({ ...open, options: odd(1_310) }, 'complete');
      expect(Buffer.from(moved)).toEqual(Buffer.from(honest.bytes));
    }
  });

  it.each([
    ['a shorter one', { options: Uint8Array.from(offers(1_310)) }],
    ['no offer', { options: new Uint8Array(0) }],
    ['a segment that opens nothing', { flags: 0x10 }],
    ['an option of another length', { options: Uint8Array.of(2, 6, 5, 180, 0, 0, 0, 0) }],
    ['an option of no length', { options: Uint8Array.of(3, 0, 2, 4, 5, 180, 0, 0) }],
    ['what stands behind the end', { options: Uint8Array.of(0, 0, 0, 0, ...offers(1_460)) }],
    ['an option that does not fit', { options: Uint8Array.of(1, 1, 2, 4) }],
    ['a long segment', { payload: new Uint8Array(400) }],
  ])('is left alone: %s', (_, change) => {
    const { bytes, changed, before } = clamped({ ...open, ...change });
    expect(changed).toBe(false);
    expect(Buffer.from(bytes)).toEqual(Buffer.from(before));
  });

  it('is not sought beyond the frame, whatever its headers say', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff) >>> 8;
    for (let i = 0; i < 20_000; i++) {
      const { bytes } = buildTcp({ ...open, ...(i % 2 === 0 ? six : {}) }, 'complete');
      for (let n = 0; n < 3; n++) bytes[12 + (random() % (bytes.length - 12))] = random() & 0xff;
      const cut = i % 3 === 0 ? random() % bytes.length : bytes.length;
      const memory = bytes.slice(0, cut);
      const view = new DataView(memory.buffer);
      clampMss(view, 0, cut, locateTransport(view, 0, cut), 1_350, 1_364, true);
    }
  });

  it('keeps the sum right', () => {
    const { bytes, tcp } = clamped(open);
    const pseudo = Uint8Array.of(10, 144, 0, 1, 10, 144, 0, 2, 0, 6, 0, bytes.length - tcp);
    expect(sum16(bytes.subarray(tcp), sum16(pseudo))).toBe(0xffff);
  });
});

import { describe, expect, it } from 'vitest';
import { answerTooBig, tooBigCapacity } from '../../../src/core/switch/too-big.js';
import { sum16 } from '../../support/frames.js';
import { macOf } from '../../support/loop-rig.js';

const to = macOf(2);
const own = macOf(1);
const out = 2_048;
const u8 = new Uint8Array(2 * out);
const view = new DataView(u8.buffer);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Of 192.168.7.9, to 10.144.0.2, 1,500 bytes. */
function four(change: Record<number, number> = {}, protocol = 6): Uint8Array {
  const ip = new Uint8Array(1_500).map((_, at) => at & 0xff);
  ip.set([0x45, 0, 0x05, 0xdc, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, 192, 168, 7, 9, 10, 144, 0, 2]);
  for (const [at, byte] of Object.entries(change)) ip[Number(at)] = byte;
  return Uint8Array.from([...to, ...own, 0x08, 0, ...ip]);
}

/** Of 2001:db8::9, to 2001:db8::2. */
function six(change: Record<number, number> = {}, next = 6): Uint8Array {
  const ip = new Uint8Array(1_500).map((_, at) => at & 0xff);
  const address = (last: number): number[] => [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), last];
  ip.set([0x60, 0, 0, 0, 0x05, 0xb4, next, 64, ...address(9), ...address(2)]);
  for (const [at, byte] of Object.entries(change)) ip[Number(at)] = byte;
  return Uint8Array.from([...to, ...own, 0x86, 0xdd, ...ip]);
}

function answer(frame: Uint8Array, mtu = 1_350): Uint8Array | undefined {
  u8.fill(0xee);
  u8.set(frame);
  const length = answerTooBig(u8, view, 0, frame.length, out, mtu);
  expect(hex(u8.subarray(0, frame.length))).toBe(hex(frame));
  expect(length).toBeLessThanOrEqual(tooBigCapacity);
  // Not a byte beyond what it says.
  expect(u8.subarray(out + length).every((byte) => byte === 0xee)).toBe(true);
  return length === 0 ? undefined : u8.slice(out, out + length);
}

describe('too big', () => {
  it('is said by ICMP in the name of the destination', () => {
    const said = answer(four()) as Uint8Array;
    const head = hex(said.subarray(0, 14)) + hex(said.subarray(14, 24)) + hex(said.subarray(26, 34));
    expect(head).toBe(`${hex(own)}${hex(to)}0800` + '4500009c000040004001' + '0a900002c0a80709');
    expect(hex(said.subarray(34, 36)) + hex(said.subarray(38, 42))).toBe('0304' + '00000546');
    expect(hex(said.subarray(42))).toBe(hex(four().subarray(14, 14 + 128)));
    expect(sum16(said.subarray(14, 34))).toBe(0xffff);
    expect(sum16(said.subarray(34))).toBe(0xffff);
  });

  it('is said by ICMPv6, of 1280 bytes at least', () => {
    const said = answer(six()) as Uint8Array;
    expect(hex(said.subarray(0, 22))).toBe(`${hex(own)}${hex(to)}86dd` + '6000000000883a40');
    expect(hex(said.subarray(22, 54))).toBe(hex(six().subarray(38, 54)) + hex(six().subarray(22, 38)));
    expect(hex(said.subarray(54, 56)) + hex(said.subarray(58, 62))).toBe('0200' + '00000546');
    expect(hex(said.subarray(62))).toBe(hex(six().subarray(14, 14 + 128)));
    const pseudo = Uint8Array.from([...said.subarray(22, 54), 0, 0, 0, 136, 0, 0, 0, 58]);
    expect(sum16(Uint8Array.from([...pseudo, ...said.subarray(54)]))).toBe(0xffff);
    expect(hex((answer(six(), 900) as Uint8Array).subarray(58, 62))).toBe('00000500');
  });

  it('keeps the tags of a VLAN', () => {
    const frame = four();
    const tagged = Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 5, ...frame.subarray(12)]);
    const said = answer(tagged) as Uint8Array;
    expect(hex(said.subarray(0, 18))).toBe(`${hex(own)}${hex(to)}810000050800`);
    expect(hex(said.subarray(18))).toBe(hex((answer(frame) as Uint8Array).subarray(14)));
  });

  it('is said of an echo, not of an error', () => {
    for (const type of [0, 8]) expect(answer(four({ 20: type }, 1))).toBeDefined();
    for (const type of [3, 4, 5, 11, 12]) expect(answer(four({ 20: type }, 1))).toBeUndefined();
    for (const type of [128, 129]) expect(answer(six({ 40: type }, 58))).toBeDefined();
    for (const type of [1, 2, 3, 4]) expect(answer(six({ 40: type }, 58))).toBeUndefined();
  });

  it.each([
    ['a group', Uint8Array.from([1, 0, 0x5e, 0, 0, 1, ...four().subarray(6)])],
    ['a sender that is a group', Uint8Array.from([...to, 1, ...four().subarray(7)])],
    ['a later fragment', four({ 7: 1 })],
    ['a sender without an address', four({ 12: 0 })],
    ['a sender of a group', four({ 12: 239 })],
    ['an IPv4 group', four({ 16: 224 })],
    ['a header that is none', four({ 0: 0x44 })],
    ['another version', four({ 0: 0x65 })],
    ['no address, by IPv6', six({ 8: 0 })],
    ['an IPv6 group', six({ 24: 0xff })],
    ['another version, by IPv6', six({ 0: 0x45 })],
    ['what is no IP', Uint8Array.from([...to, ...own, 0x88, 0xb5, ...four().subarray(14)])],
    ['what is cut short', four().subarray(0, 100)],
    ['nothing', new Uint8Array(0)],
  ])('is not said to %s', (_, frame) => {
    expect(answer(frame)).toBeUndefined();
  });
});

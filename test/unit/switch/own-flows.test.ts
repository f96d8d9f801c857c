import { describe, expect, it } from 'vitest';
import { Fingerprint } from '../../../src/core/switch/fingerprint.js';
import { FlowSeconds, OwnFlows } from '../../../src/core/switch/own-flows.js';
import { TcpFlag } from '../../../src/core/wire/ip.js';

/** Words as the bytes 0, 1, 2 … little endian. */
const counted = (i: number): number => (0x0302_0100 + i * 0x0404_0404) | 0;
const hex = (n: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(n);
  return bytes.toString('hex');
};

describe('Fingerprint', () => {
  // The reference implementation's vectors_hsip64 (key 00 … 07, messages 00, 01 …), for whole words.
  it.each([
    [0, '218d1f59b9b83cc8'],
    [1, 'd5e78a175be52ea1'],
    [2, 'edfee820bce4858c'],
    [3, '7bc71f9faef5c799'],
    [4, '7336aad25f7bf3b5'],
    [5, '1bf52b0a6feea7db'],
  ])('of %i words is that of HalfSipHash-2-4', (count, expected) => {
    const fingerprint = new Fingerprint(Int32Array.of(counted(0), counted(1)));
    for (let i = 0; i < count; i++) fingerprint.words[i] = counted(i);
    fingerprint.of(count);
    expect(hex(fingerprint.low) + hex(fingerprint.high)).toBe(expected);
  });
});

describe('OwnFlows', () => {
  const flowsOf = (): { flows: OwnFlows; key: (low: number, high: number) => Fingerprint } => {
    const flows = new OwnFlows(Int32Array.of(1, 2));
    const key = (low: number, high: number): Fingerprint =>
      Object.assign(new Fingerprint(flows.words), { low, high });
    return { flows, key };
  };

  it('shares its memory', () => {
    const { flows, key } = flowsOf();
    flows.sent(key(5, 6), 60, 100);
    expect(new OwnFlows(flows.buffer).has(key(5, 6), 100)).toBe(true);
    expect(flows.has(key(6, 5), 100)).toBe(false);
  });

  it('gives room in a full bucket to what is over first, then from what ends first', () => {
    const { flows, key } = flowsOf();
    const at = 0x40_0000;
    for (let i = 0; i < 8; i++) flows.sentTcp(key(at, i), TcpFlag.syn, 0);
    for (let i = 1; i < 8; i++) flows.sentTcp(key(at, i), TcpFlag.ack, 0);
    flows.sent(key(at, 50), FlowSeconds.datagram, 0);
    const present = (...highs: number[]): boolean[] => highs.map((high) => flows.has(key(at, high), 1));
    // The one that is not established yet is gone.
    expect(present(0, 1, 7, 50)).toEqual([false, true, true, true]);
    // Only datagrams push each other out.
    for (let i = 51; i < 80; i++) flows.sent(key(at, i), FlowSeconds.datagram, 0);
    expect(present(1, 2, 3, 4, 5, 6, 7, 78, 79)).toEqual([...new Array<boolean>(7).fill(true), false, true]);
    // Other buckets have their own.
    flows.sent(key(at + 1, 0), FlowSeconds.datagram, 0);
    expect(present(79)).toEqual([true]);
  });

  it('forgets datagrams and keeps connections', () => {
    const { flows, key } = flowsOf();
    flows.sent(key(1, 1), 300, 0);
    flows.sentTcp(key(2, 2), TcpFlag.syn, 0);
    flows.forgetDatagrams();
    expect([flows.has(key(1, 1), 1), flows.has(key(2, 2), 1)]).toEqual([false, true]);
  });
});

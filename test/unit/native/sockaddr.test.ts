import { describe, expect, it } from 'vitest';
import {
  isMapped,
  narrowSockaddr,
  readSockaddr,
  sameSockaddr,
  widenSockaddr,
  writeSockaddr,
} from '../../../src/core/native/sockaddr.js';

const u8 = new Uint8Array(128);
const view = new DataView(u8.buffer);
const hex = (at: number, length: number): string => Buffer.from(u8.subarray(at, at + length)).toString('hex');

describe('socket addresses', () => {
  it.each([
    ['192.0.2.1', 5_600, '0a0015e00000000000000000000000000000ffffc000020100000000'],
    ['2001:db8::1', 1, '0a00000100000000' + '20010db8000000000000000000000001' + '00000000'],
    ['fe80::1%3', 65_535, '0a00ffff00000000' + 'fe800000000000000000000000000001' + '03000000'],
  ])('%s:%d as sockaddr_in6', (host, port, wanted) => {
    u8.fill(0xee);
    expect(writeSockaddr(u8, view, 0, { host, port })).toBe(true);
    expect(hex(0, 28)).toBe(wanted);
    expect(readSockaddr(u8, view, 0)).toEqual({ host, port });
  });

  it('refuses names', () => {
    expect(writeSockaddr(u8, view, 0, { host: 'relay.example', port: 1 })).toBe(false);
  });

  it('turns IPv4 into sockaddr_in and back', () => {
    writeSockaddr(u8, view, 0, { host: '198.51.100.7', port: 4_242 });
    expect(isMapped(view, 0)).toBe(true);
    expect(narrowSockaddr(view, 0, 64)).toBe(true);
    expect(hex(64, 16)).toBe('02001092c6336407' + '00'.repeat(8));
    widenSockaddr(view, 64);
    expect(sameSockaddr(view, 0, 64)).toBe(true);
    writeSockaddr(u8, view, 0, { host: '2001:db8::1', port: 4_242 });
    expect(narrowSockaddr(view, 0, 64)).toBe(false);
  });

  it('tells addresses and ports apart', () => {
    writeSockaddr(u8, view, 0, { host: '2001:db8::1', port: 7 });
    for (const [host, port] of [
      ['2001:db8::2', 7],
      ['2001:db9::1', 7],
      ['2001:db8:0:1::1', 7],
      ['2001:db8::1:0:1', 7],
      ['2001:db8::1', 8],
    ] as const) {
      writeSockaddr(u8, view, 64, { host, port });
      expect(sameSockaddr(view, 0, 64)).toBe(false);
    }
  });
});

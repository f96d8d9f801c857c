import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, toHex } from '../../../src/core/lib/bytes.js';
import {
  addressBytes,
  addressText,
  formatEndpoint,
  parseEndpoint,
  parseHostPort,
  readEndpoint,
  sameEndpoint,
  writeEndpoint,
} from '../../../src/core/lib/endpoint.js';

/** What is written, its canonical text (RFC 5952), its bytes. */
const addresses: [string, string, string][] = [
  ['0.0.0.0', '0.0.0.0', '00000000000000000000ffff00000000'],
  ['192.0.2.33', '192.0.2.33', '00000000000000000000ffffc0000221'],
  ['255.255.255.255', '255.255.255.255', '00000000000000000000ffffffffffff'],
  ['::ffff:192.0.2.33', '192.0.2.33', '00000000000000000000ffffc0000221'],
  ['::ffff:c000:221', '192.0.2.33', '00000000000000000000ffffc0000221'],
  ['::', '::', '00000000000000000000000000000000'],
  ['::1', '::1', '00000000000000000000000000000001'],
  ['1::', '1::', '00010000000000000000000000000000'],
  // Section 4.1: leading zeros go.
  ['2001:0db8::0001', '2001:db8::1', '20010db8000000000000000000000001'],
  // 4.2.1: as short as can be.
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1', '20010db8000000000000000000020001'],
  // 4.2.2: one zero field is not shortened.
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
  // 4.2.3: the longest run, and of equal ones the first.
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '20010000000000010000000000000001'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
  // 4.3: lower case.
  ['2001:DB8::ABCD', '2001:db8::abcd', '20010db800000000000000000000abcd'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304', '00010002000300040005000601020304'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221', '0064ff9b0000000000000000c0000221'],
  ['::1.2.3.4', '::102:304', '00000000000000000000000001020304'],
  ['fe80::1%eth0', 'fe80::1', 'fe800000000000000000000000000001'],
];

describe('addresses', () => {
  it.each(addresses)('%s', (text, canonical, hex) => {
    const bytes = addressBytes(text);
    expect(bytes && toHex(bytes)).toBe(hex);
    expect(bytes && addressText(bytes)).toBe(canonical);
  });
  it.each([
    '',
    'example.org',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4%eth0',
    ':::',
    '1:2:3',
    '::g',
    '[::1]',
  ])('%j is none', (text) => {
    expect(addressBytes(text)).toBeUndefined();
  });
});

describe('endpoints as text', () => {
  it.each([
    ['1.2.3.4:5', '1.2.3.4:5'],
    ['[2001:DB8::1]:65535', '[2001:db8::1]:65535'],
    ['[::ffff:1.2.3.4]:0', '1.2.3.4:0'],
    ['[0:0::1]:80', '[::1]:80'],
    ['[fe80::1%br-lan]:7', '[fe80::1%br-lan]:7'],
  ])('%s is %s, and that is a fixed point', (text, canonical) => {
    const endpoint = parseEndpoint(text);
    expect(endpoint && formatEndpoint(endpoint)).toBe(canonical);
    expect(parseEndpoint(canonical)).toEqual(endpoint);
  });
  it.each([
    '',
    '1.2.3.4',
    '1.2.3.4:',
    '1.2.3.4:65536',
    '1.2.3.4:-1',
    '1.2.3.4:5x',
    '::1:80',
    '[::1]',
    '[::1]80',
    '[1.2.3.4]:80',
    'example.org:80',
    ' 1.2.3.4:5',
    '1.2.3.4:5\n',
  ])('%j is none', (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });
  it('lets a host be a name where that is allowed', () => {
    expect(parseHostPort('relay.example.org:3478')).toEqual({ host: 'relay.example.org', port: 3478 });
    expect(parseHostPort('[relay.example.org]:3478')).toBeUndefined();
    expect(parseHostPort('http://x:80')).toBeUndefined();
  });
});

describe('endpoints on the wire', () => {
  it.each([
    ['192.0.2.1:3478', '00000000000000000000ffffc00002010d96'],
    ['[2001:db8::1]:1', '20010db80000000000000000000000010001'],
  ])('%s is %s', (text, hex) => {
    const endpoint = parseEndpoint(text);
    if (!endpoint) throw new Error('not an endpoint');
    const writer = new ByteWriter();
    writeEndpoint(writer, endpoint);
    expect(toHex(writer.finish())).toBe(hex);
    expect(readEndpoint(new ByteReader(writer.finish()))).toEqual(endpoint);
  });
  it('throws when told to write a name', () => {
    expect(() => {
      writeEndpoint(new ByteWriter(), { host: 'localhost', port: 1 });
    }).toThrow(TypeError);
  });
  it('reads a short message as failed', () => {
    const reader = new ByteReader(new Uint8Array(17));
    readEndpoint(reader);
    expect(reader.failed).toBe(true);
  });
});

it('tells endpoints apart', () => {
  const a = { host: '1.2.3.4', port: 5 };
  expect(sameEndpoint(a, { ...a })).toBe(true);
  expect(sameEndpoint(a, { ...a, port: 6 })).toBe(false);
  expect(sameEndpoint(a, { ...a, host: '1.2.3.5' })).toBe(false);
});

import { describe, expect, it } from 'vitest';
import {
  formatRelayAddress,
  formatRelayUrl,
  parseRelayAddress,
  parseRelayUrl,
  relayFactOf,
} from '../../../src/core/relays/net/relay-url.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';

const key = new Uint8Array(32).fill(7);
const keyText = toBase64Url(key);

describe('relay addresses', () => {
  it.each([
    [`evio://relay.example.org:4000#${keyText}`, { host: 'relay.example.org', port: 4000, tls: false, key }],
    [`evios://192.0.2.1:443#${keyText}`, { host: '192.0.2.1', port: 443, tls: true, key }],
    [`evio://[2001:db8::1]:3478#${keyText}`, { host: '2001:db8::1', port: 3478, tls: false, key }],
    [' relay.example.org ', { host: 'relay.example.org', port: 3478, tls: false }],
    ['relay:9', { host: 'relay', port: 9, tls: false }],
    ['[::1]', { host: '::1', port: 3478, tls: false }],
    ['wss://relay:443', { host: 'relay', port: 443, tls: true }],
    ['EVIO://relay:9/', { host: 'relay', port: 9, tls: false }],
  ])('reads %s', (text, expected) => {
    expect(parseRelayUrl(text)).toEqual(expected);
  });

  it.each([
    '',
    'evio://',
    'http://relay:80',
    'relay:0',
    'relay:65536',
    'relay:x',
    '::1',
    '2001:db8::1:3478',
    '[::1:3478',
    '[relay]:1',
    'a b:1',
    'relay:1/path',
    'evio://user@relay:1',
    'evio://relay:1#',
    `evio://relay:1#${keyText.slice(1)}`,
    `evio://relay:1#${keyText}A`,
    'evio://relay:1?x=1',
  ])('refuses %j with a hint', (text) => {
    expect(() => parseRelayUrl(text)).toThrow(
      expect.objectContaining({ code: 'EVIO_BAD_VALUE', suggestions: [expect.any(String)] }) as Error,
    );
  });

  it('writes what it reads', () => {
    for (const text of [`evio://relay:1#${keyText}`, `evios://[::1]:443#${keyText}`, 'evio://192.0.2.1:3478'])
      expect(formatRelayUrl(parseRelayUrl(text))).toBe(text);
    for (const text of ['relay:1', 'wss://[::1]:443'])
      expect(formatRelayAddress(parseRelayAddress(text))).toBe(text);
  });

  it('makes facts only of what names a key', () => {
    expect(relayFactOf(parseRelayUrl(`evios://relay:1#${keyText}`))).toEqual({
      address: 'wss://relay:1',
      key,
    });
    expect(relayFactOf(parseRelayUrl('relay:1'))).toBeUndefined();
  });
});

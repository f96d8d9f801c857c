import { describe, expect, it } from 'vitest';
import { destinationOf } from '../../../src/core/userspace/destination.js';
import { parseHttpProxyRequest } from '../../../src/core/userspace/http-connect.js';
import {
  formatExposure,
  formatForward,
  parseExposure,
  parseForward,
  parseListen,
} from '../../../src/core/userspace/options.js';
import { parseSocksGreeting, parseSocksRequest } from '../../../src/core/userspace/socks5.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const address = (text: string): number[] => [...bytes(text)];

describe('SOCKS5', () => {
  it('reads a greeting, and whether it goes without a password', () => {
    expect(parseSocksGreeting(Uint8Array.of(5, 1, 0))).toEqual({ length: 3, open: true });
    expect(parseSocksGreeting(Uint8Array.of(5, 1, 2))).toEqual({ length: 3, open: false });
    expect(parseSocksGreeting(Uint8Array.of(5, 2, 0))).toBe('more');
    expect(parseSocksGreeting(Uint8Array.of(4, 1, 0))).toBe('bad');
    expect(parseSocksGreeting(Uint8Array.of(5, 0))).toBe('bad');
  });

  it('reads requests for names and for addresses of both families', () => {
    expect(parseSocksRequest(Uint8Array.from([5, 1, 0, 3, 3, ...address('web'), 1, 187]))).toEqual({
      length: 10,
      host: 'web',
      port: 443,
    });
    expect(parseSocksRequest(Uint8Array.of(5, 1, 0, 1, 10, 144, 0, 2, 0, 80))).toEqual({
      length: 10,
      host: '10.144.0.2',
      port: 80,
    });
    const v6 = Uint8Array.from([5, 1, 0, 4, 0xfd, 1, ...new Array<number>(13).fill(0), 9, 0, 80]);
    expect(parseSocksRequest(v6)).toMatchObject({ host: 'fd01:0:0:0:0:0:0:9', port: 80 });
  });

  it('refuses what it does not do', () => {
    expect(parseSocksRequest(Uint8Array.of(5, 3, 0, 1, 10, 144, 0, 2, 0, 80))).toMatchObject({ reply: 7 });
    expect(parseSocksRequest(Uint8Array.of(5, 1, 0, 9, 0, 0))).toMatchObject({ reply: 8 });
    expect(parseSocksRequest(Uint8Array.of(5, 1, 0, 3, 0, 0, 80))).toMatchObject({ reply: 8 });
    expect(parseSocksRequest(Uint8Array.of(4, 1, 0, 3, 0))).toBe('bad');
    expect(parseSocksRequest(Uint8Array.of(5, 1, 0, 3, 9, 1))).toBe('more');
  });
});

describe('the HTTP proxy', () => {
  it('reads CONNECT', () => {
    const text = 'CONNECT web:443 HTTP/1.1\r\nHost: web:443\r\n\r\n';
    expect(parseHttpProxyRequest(bytes(`${text}rest`))).toEqual({
      length: text.length,
      host: 'web',
      port: 443,
      head: null,
    });
    expect(parseHttpProxyRequest(bytes('CONNECT [fd01::9]:22 HTTP/1.1\r\n\r\n'))).toMatchObject({
      host: 'fd01::9',
      port: 22,
    });
  });

  it('passes a request on in origin form, without what is between client and proxy', () => {
    const text =
      'GET http://web:8080?q=1 HTTP/1.1\r\nHost: web:8080\r\nProxy-Connection: Keep-Alive\r\nAccept: */*\r\n\r\n';
    expect(parseHttpProxyRequest(bytes(text))).toEqual({
      length: text.length,
      host: 'web',
      port: 8080,
      head: 'GET /?q=1 HTTP/1.1\r\nHost: web:8080\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    });
  });

  it('refuses what two readers could read in two ways', () => {
    for (const text of [
      'GET /local HTTP/1.1\r\n\r\n',
      'GET http://user@web/ HTTP/1.1\r\n\r\n',
      'CONNECT web HTTP/1.1\r\n\r\n',
      'CONNECT web:0 HTTP/1.1\r\n\r\n',
      'CONNECT web:443 HTTP/1.1\r\nA: b\nB: c\r\n\r\n',
      'GET http://web/\x0b HTTP/1.1\r\n\r\n',
      'get http://web/ HTTP/1.1\r\n\r\n',
      'GET http://web/ HTTP/2\r\n\r\n',
      'GET  http://web/ HTTP/1.1\r\n\r\n',
    ])
      expect(parseHttpProxyRequest(bytes(text)), text).toBe('bad');
    expect(parseHttpProxyRequest(bytes('GET http://web/ HTTP/1.1\r\n'))).toBe('more');
    expect(parseHttpProxyRequest(bytes('G'.repeat(20_000)))).toBe('bad');
  });
});

describe('where the proxy leads', () => {
  const near = {
    network: 'Lab',
    range: { base: 0x0a90_0000, prefix: 16 },
    prefix6: Uint8Array.from([0xfd, 1, 0, 0, 0, 0, 0, 0]),
    address: (name: string) => (name === 'web' ? '10.144.0.9' : undefined),
  };

  it('to members, by name and by address', () => {
    for (const host of ['web', 'WEB', 'web.', 'web.lab', 'web.Lab.evio', 'web.lab.evio.', '10.144.0.9'])
      expect(destinationOf(host, near), host).toEqual(Uint8Array.of(10, 144, 0, 9));
    expect(destinationOf('fd01::9', near)).toHaveLength(16);
  });

  it('and nowhere else', () => {
    for (const host of [
      '10.145.0.1',
      '127.0.0.1',
      '::1',
      '::ffff:10.144.0.9',
      'fd02::1',
      'example.com',
      'web.lab.com',
    ])
      expect(destinationOf(host, near), host).toBe('outside');
    expect(destinationOf('db', near)).toBe('unknown');
    expect(destinationOf('db.lab.evio', near)).toBe('unknown');
  });
});

describe('flags', () => {
  it('read and write forwards and exposed ports', () => {
    expect(parseListen('1080')).toEqual({ host: '127.0.0.1', port: 1080 });
    for (const [text, long] of [
      ['8080=web:80', '127.0.0.1:8080=web:80'],
      ['0.0.0.0:80=[fd01::9]:443', '0.0.0.0:80=[fd01::9]:443'],
    ] as const) {
      const forward = parseForward(text);
      expect(forward && formatForward(forward)).toBe(long);
      expect(parseForward(long)).toEqual(forward);
    }
    const exposure = parseExposure('22');
    expect(exposure && formatExposure(exposure)).toBe('22=127.0.0.1:22');
    expect(parseExposure('80=[::1]:8080')).toEqual({ port: 80, to: { host: '::1', port: 8080 } });
    for (const bad of ['', '=', '8080', '8080=web', '8080=:80', 'x=web:80', '0=web:80', '8080=web:70000'])
      expect(parseForward(bad), bad).toBeUndefined();
    for (const bad of ['', 'x', '0', '22=', '22=web:80', '70000', '1=2=3'])
      expect(parseExposure(bad), bad).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../src/core/lib/bytes.js';
import {
  cookieReplyLength,
  encodeCookieReply,
  encodeInit,
  encodeInitPayload,
  encodeResponse,
  encodeResponsePayload,
  handshakeLimit,
  initHeaderLength,
  initNoiseMinimum,
  macsLength,
  parseCookieReply,
  parseInit,
  parseInitPayload,
  parseResponse,
  parseResponsePayload,
  responseHeaderLength,
  responseNoiseMinimum,
} from '../../../src/core/wire/handshake.js';
import {
  dataHeaderLength,
  relayHeaderLength,
  Suite,
  tagLength,
  underlayMtu,
  underlayOverhead,
} from '../../../src/core/wire/packet.js';

const noise = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i & 0xff);
const zeros = (n: number): string => '00'.repeat(n);

describe('datagrams', () => {
  it.each([
    [
      'init',
      encodeInit({ suite: Suite.aes256gcm, senderIndex: 0x04030201, noise: noise(initNoiseMinimum) }),
      `51010000` + `01020304` + toHex(noise(initNoiseMinimum)) + zeros(32),
    ],
    [
      'response',
      encodeResponse({
        suite: Suite.chacha20poly1305,
        senderIndex: 0xfffffffe,
        receiverIndex: 1,
        noise: noise(responseNoiseMinimum),
      }),
      `52020000` + `feffffff` + `01000000` + toHex(noise(responseNoiseMinimum)) + zeros(32),
    ],
    [
      'cookie',
      encodeCookieReply({ receiverIndex: 0x0a0b0c0d, nonce: noise(24), sealedCookie: noise(32) }),
      `53000000` + `0d0c0b0a` + toHex(noise(24)) + toHex(noise(32)),
    ],
  ])('%s', (_name, packet, hex) => {
    expect(toHex(packet)).toBe(hex);
  });

  it('come back as they went, in either suite and with the extreme indices', () => {
    for (const suite of Object.values(Suite)) {
      for (const senderIndex of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
        const init = { suite, senderIndex, noise: noise(200) };
        expect(parseInit(encodeInit(init))).toEqual(init);
        const response = { suite, senderIndex, receiverIndex: 0xffffffff - senderIndex, noise: noise(200) };
        expect(parseResponse(encodeResponse(response))).toEqual(response);
      }
    }
    const reply = { receiverIndex: 0xffffffff, nonce: noise(24), sealedCookie: noise(32) };
    expect(parseCookieReply(encodeCookieReply(reply))).toEqual(reply);
  });

  it.each([
    ['init', parseInit, initHeaderLength, initNoiseMinimum, 0x51],
    ['response', parseResponse, responseHeaderLength, responseNoiseMinimum, 0x52],
  ] as const)('%s: lengths, types and suites that are refused', (_name, parse, header, least, type) => {
    const packet = (length: number): Uint8Array => {
      const out = new Uint8Array(length);
      out[0] = type;
      out[1] = 1;
      return out;
    };
    const shortest = header + least + macsLength;
    expect(parse(packet(shortest))).toBeDefined();
    expect(parse(packet(handshakeLimit))).toBeDefined();
    for (let n = 0; n < shortest; n++) expect(parse(packet(n)), `${n} bytes`).toBeUndefined();
    expect(parse(packet(handshakeLimit + 1))).toBeUndefined();
    for (const suite of [0, 3, 255]) {
      const other = packet(shortest);
      other[1] = suite;
      expect(parse(other), `suite ${suite}`).toBeUndefined();
    }
    for (let other = 0; other < 256; other++) {
      const wrong = packet(shortest);
      wrong[0] = other;
      expect(parse(wrong) !== undefined).toBe(other === type);
    }
  });

  it('reserved bytes are ignored', () => {
    const packet = encodeInit({ suite: Suite.aes256gcm, senderIndex: 5, noise: noise(200) });
    packet[2] = packet[3] = 0xff;
    expect(parseInit(packet)?.senderIndex).toBe(5);
  });

  it('a cookie reply has one length', () => {
    for (const n of [0, cookieReplyLength - 1, cookieReplyLength + 1, 1400]) {
      const packet = new Uint8Array(n);
      packet[0] = 0x53;
      expect(parseCookieReply(packet)).toBeUndefined();
    }
    expect(() => encodeCookieReply({ receiverIndex: 1, nonce: noise(23), sealedCookie: noise(32) })).toThrow(
      TypeError,
    );
    expect(() => encodeCookieReply({ receiverIndex: 1, nonce: noise(24), sealedCookie: noise(16) })).toThrow(
      TypeError,
    );
  });

  it('refuses to send what no path would carry', () => {
    const most = handshakeLimit - initHeaderLength - macsLength;
    expect(encodeInit({ suite: 1, senderIndex: 1, noise: noise(most) })).toHaveLength(handshakeLimit);
    expect(() => encodeInit({ suite: 1, senderIndex: 1, noise: noise(most + 1) })).toThrow(RangeError);
    expect(() => encodeResponse({ suite: 1, senderIndex: 1, receiverIndex: 1, noise: noise(most) })).toThrow(
      RangeError,
    );
  });

  it('fits a 1500-byte path through a relay, and inside a link session with its envelope', () => {
    expect(handshakeLimit + relayHeaderLength + underlayOverhead).toBeLessThanOrEqual(underlayMtu);
    const envelope = dataHeaderLength + 1 + 18 + tagLength;
    expect(handshakeLimit + envelope + underlayOverhead).toBeLessThanOrEqual(underlayMtu);
  });
});

describe('payloads', () => {
  const stamp = noise(12);
  const certificate = utf8('cert');

  it.each([
    [
      'init',
      encodeInitPayload({ stamp, boot: 0x01020304, certificate }),
      `${toHex(stamp)}010203040004${toHex(certificate)}`,
    ],
    [
      'response',
      encodeResponsePayload({ boot: 0xffffffff, certificate }),
      `ffffffff0004${toHex(certificate)}`,
    ],
  ])('%s', (_name, bytes, hex) => {
    expect(toHex(bytes)).toBe(hex);
  });

  it('come back as they went, with what a later version appends ignored', () => {
    for (const length of [0, 1, 1000]) {
      const init = { stamp, boot: 7, certificate: noise(length) };
      const response = { boot: 0xfffffffe, certificate: noise(length) };
      for (const more of ['', '00', 'ffffffff']) {
        const append = (bytes: Uint8Array): Uint8Array => fromHex(toHex(bytes) + more) as Uint8Array;
        expect(parseInitPayload(append(encodeInitPayload(init)))).toEqual(init);
        expect(parseResponsePayload(append(encodeResponsePayload(response)))).toEqual(response);
      }
    }
  });

  it('are refused cut off anywhere', () => {
    const init = encodeInitPayload({ stamp, boot: 7, certificate });
    for (let n = 0; n < init.length; n++) expect(parseInitPayload(init.subarray(0, n))).toBeUndefined();
    const response = encodeResponsePayload({ boot: 7, certificate });
    for (let n = 0; n < response.length; n++)
      expect(parseResponsePayload(response.subarray(0, n))).toBeUndefined();
  });

  it('throws on a stamp of another length', () => {
    expect(() => encodeInitPayload({ stamp: noise(11), boot: 1, certificate })).toThrow(TypeError);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/core/lib/bytes.js';
import { CookieChecker, CookieJar, endpointSource } from '../../src/core/noise/cookie.js';
import { consumeInitiation, createInitiation } from '../../src/core/noise/ik.js';
import { HandshakeGate } from '../../src/core/noise/load.js';
import { mac1KeyOf, setMac1 } from '../../src/core/noise/mac.js';
import {
  encodeInit,
  encodeInitPayload,
  encodeResponse,
  encodeResponsePayload,
  parseCookieReply,
  parseInit,
  parseInitPayload,
  parseResponse,
  parseResponsePayload,
} from '../../src/core/wire/handshake.js';
import { PacketType, Suite } from '../../src/core/wire/packet.js';
import { keysOf, seededRandom } from '../unit/noise/fixed.js';

const alice = keysOf(1);
const bob = keysOf(2);
const random = seededRandom(41);
const prologue = utf8('p');
const local = { localStatic: bob, prologue, suites: [Suite.aes256gcm, Suite.chacha20poly1305] };
const initiation = createInitiation({
  suite: Suite.aes256gcm,
  prologue,
  localStatic: alice,
  remoteStatic: bob.publicKey,
  payload: utf8('hello'),
  senderIndex: 1,
  random,
});
const pending = consumeInitiation(initiation.packet, local);
if (!pending) throw new Error('not consumed');
const answer = pending.respond({ payload: utf8('hi'), senderIndex: 2, random });
const checker = new CookieChecker(bob.publicKey, random);
const source = endpointSource({ host: '192.0.2.1', port: 1 });
const reply = checker.reply(initiation.packet, 1, source, 0);

/** Bytes that begin like one of ours, so that they get past the first look. */
const typed = fc
  .tuple(
    fc.constantFrom(PacketType.handshakeInit, PacketType.handshakeResponse, PacketType.cookieReply),
    fc.constantFrom(0, 1, 2, 3),
    fc.uint8Array({ maxLength: 1500 }),
  )
  .map(([type, suite, rest]) => Uint8Array.from([type, suite, ...rest]));

/** A genuine packet, changed: bytes overwritten, cut, lengthened. */
const damaged = fc
  .record({
    base: fc.constantFrom(initiation.packet, answer.packet, reply),
    writes: fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    cut: fc.option(fc.nat(300)),
    more: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ base, writes, cut, more }) => {
    const out = Uint8Array.from([...base.subarray(0, cut ?? base.length), ...more]);
    for (const [at, value] of writes) if (out.length > 0) out[at % out.length] = value;
    return out;
  });

const hostile = fc.oneof(fc.uint8Array({ maxLength: 1500 }), typed, damaged);

describe('codecs', () => {
  it('never throw, and what they take they would write again', () => {
    fc.assert(
      fc.property(hostile, (bytes) => {
        const init = parseInit(bytes);
        if (init) {
          const again = encodeInit(init);
          expect(toHex(again.subarray(4, -32))).toBe(toHex(bytes.subarray(4, -32)));
        }
        const response = parseResponse(bytes);
        if (response)
          expect(toHex(encodeResponse(response).subarray(4, -32))).toBe(toHex(bytes.subarray(4, -32)));
        parseCookieReply(bytes);
        const initPayload = parseInitPayload(bytes);
        if (initPayload) {
          const again = encodeInitPayload(initPayload);
          expect(toHex(again)).toBe(toHex(bytes.subarray(0, again.length)));
        }
        const responsePayload = parseResponsePayload(bytes);
        if (responsePayload) {
          const again = encodeResponsePayload(responsePayload);
          expect(toHex(again)).toBe(toHex(bytes.subarray(0, again.length)));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('machines', () => {
  it('take nothing hostile, never throw, and are as good as before', () => {
    const jar = new CookieJar(bob.publicKey);
    jar.stamp(initiation.packet.slice(), 0);
    const gate = new HandshakeGate(bob.publicKey, random);
    fc.assert(
      fc.property(hostile, fc.nat(1_000_000), (bytes, now) => {
        // The reserved bytes of a reply and mac2 are the only ones that nothing covers.
        const genuine = [initiation.packet, answer.packet].some(
          (packet) =>
            bytes.length === packet.length && toHex(bytes).startsWith(toHex(packet.subarray(0, -16))),
        );
        fc.pre(!genuine && !toHex(bytes).endsWith(toHex(reply.subarray(8))));
        expect(consumeInitiation(bytes, local)).toBeUndefined();
        expect(initiation.state.consumeResponse(bytes)).toBeUndefined();
        expect(jar.consume(bytes, 0)).toBe(false);
        expect(gate.judge(bytes, source, 'x', now).kind).toBe('drop');
      }),
      { numRuns: 1500 },
    );
    expect(jar.consume(reply, 0)).toBe(true);
    expect(initiation.state.consumeResponse(answer.packet)?.senderIndex).toBe(2);
  });

  it('take no Noise message made up under a good mac1', () => {
    const key = mac1KeyOf(bob.publicKey);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 128, maxLength: 400 }),
        fc.constantFrom(1, 2),
        (bytes, suite) => {
          const packet = Uint8Array.from([PacketType.handshakeInit, suite, 0, 0, 0, 0, 0, 0, ...bytes]);
          setMac1(packet, key);
          expect(consumeInitiation(packet, local)).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });
});

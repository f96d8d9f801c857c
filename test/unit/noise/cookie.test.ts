import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../../src/core/lib/bytes.js';
import { CookieChecker, CookieJar, cookieLifeMs, endpointSource } from '../../../src/core/noise/cookie.js';
import { createInitiation } from '../../../src/core/noise/ik.js';
import { checkMac1, checkMac2, mac1KeyOf, mac1Of, setMac1, setMac2 } from '../../../src/core/noise/mac.js';
import { cookieReplyLength, parseCookieReply } from '../../../src/core/wire/handshake.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { flipped, keysOf, seededRandom } from './fixed.js';

const alice = keysOf(1);
const bob = keysOf(2);
const random = seededRandom(21);
const home = endpointSource({ host: '192.0.2.1', port: 4000 });
const away = endpointSource({ host: '192.0.2.1', port: 4001 });
const relayed = random.fill(new Uint8Array(16));

function initiation(): Uint8Array {
  return createInitiation({
    suite: Suite.aes256gcm,
    prologue: utf8('p'),
    localStatic: alice,
    remoteStatic: bob.publicKey,
    payload: new Uint8Array(0),
    senderIndex: 77,
    random,
  }).packet;
}

/** A jar that has a cookie for `source` since `nowMs`. */
function stocked(checker: CookieChecker, source: Uint8Array, nowMs: number): CookieJar {
  const jar = new CookieJar(bob.publicKey);
  const packet = initiation();
  jar.stamp(packet, nowMs);
  expect(jar.consume(checker.reply(packet, 77, source, nowMs), nowMs)).toBe(true);
  return jar;
}

function stamped(jar: CookieJar, nowMs: number): Uint8Array {
  const packet = initiation();
  jar.stamp(packet, nowMs);
  return packet;
}

describe('macs', () => {
  const key = mac1KeyOf(bob.publicKey);

  it('mac1 covers every byte before it and needs the right key', () => {
    const packet = initiation();
    expect(checkMac1(packet, key)).toBe(true);
    expect(checkMac1(packet, mac1KeyOf(alice.publicKey))).toBe(false);
    for (let byte = 0; byte < packet.length - 16; byte++)
      expect(checkMac1(flipped(packet, byte * 8), key)).toBe(false);
    expect(checkMac1(flipped(packet, packet.length * 8 - 1), key)).toBe(true); // mac2 is not its business
  });

  it('mac2 covers mac1 as well', () => {
    const packet = initiation();
    const cookie = random.fill(new Uint8Array(16));
    setMac2(packet, cookie);
    expect(checkMac2(packet, cookie)).toBe(true);
    for (let byte = 0; byte < packet.length; byte++)
      expect(checkMac2(flipped(packet, byte * 8), cookie)).toBe(false);
  });

  it('shrug at packets that are too short to have them', () => {
    for (const n of [0, 15, 31]) {
      expect(checkMac1(new Uint8Array(n), key)).toBe(false);
      expect(checkMac2(new Uint8Array(n), new Uint8Array(16))).toBe(false);
    }
    const bare = new Uint8Array(32);
    setMac1(bare, key);
    expect(checkMac1(bare, key)).toBe(true);
  });
});

describe('a cookie', () => {
  it('makes the next packet pass, from its own source only', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    expect(checker.check(initiation(), home, 0)).toBe(false);
    const packet = stamped(stocked(checker, home, 0), 1);
    expect(checker.check(packet, home, 1)).toBe(true);
    expect(checker.check(packet, away, 1)).toBe(false);
    expect(checker.check(packet, relayed, 1)).toBe(false);
    expect(new CookieChecker(bob.publicKey, random).check(packet, home, 1)).toBe(false);
  });

  it('is bound to a node id where a relay vouches for one', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    const packet = stamped(stocked(checker, relayed, 0), 1);
    expect(checker.check(packet, relayed, 1)).toBe(true);
    expect(checker.check(packet, home, 1)).toBe(false);
  });

  it('lives two minutes on both sides, and the secret with it', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    const start = 5_000;
    const jar = stocked(checker, home, start);
    const last = start + cookieLifeMs - 1;
    expect(cookieLifeMs).toBe(120_000);

    const inTime = stamped(jar, last);
    expect(checker.check(inTime, home, last)).toBe(true);
    // The secret has turned: the very same packet no longer passes.
    expect(checker.check(inTime, home, last + 1)).toBe(false);
    // And the jar no longer offers the cookie.
    expect(jar.cookie(last + 1)).toBeUndefined();
    expect(stamped(jar, last + 1).subarray(-16)).toEqual(new Uint8Array(16));

    const next = stocked(checker, home, last + 1);
    expect(checker.check(stamped(next, last + 2), home, last + 2)).toBe(true);
  });

  it('goes stale early when the secret turns first, and is replaced by asking again', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    stocked(checker, away, 0); // the secret is born at 0
    const jar = stocked(checker, home, 100_000);
    expect(checker.check(stamped(jar, 119_999), home, 119_999)).toBe(true);
    const stale = stamped(jar, 120_000);
    expect(checker.check(stale, home, 120_000)).toBe(false);
    expect(jar.consume(checker.reply(stale, 77, home, 120_000), 120_000)).toBe(true);
    expect(checker.check(stamped(jar, 120_001), home, 120_001)).toBe(true);
  });
});

describe('a cookie reply', () => {
  it('is shorter than what it answers', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    const packet = initiation();
    const reply = checker.reply(packet, 77, home, 0);
    expect(reply).toHaveLength(cookieReplyLength);
    expect(reply.length).toBeLessThan(packet.length);
    expect(parseCookieReply(reply)?.receiverIndex).toBe(77);
  });

  it('is refused forged, for another packet, of another responder, unasked, or twice', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    const jar = new CookieJar(bob.publicKey);
    const packet = initiation();
    const reply = checker.reply(packet, 77, home, 0);
    expect(jar.consume(reply, 0)).toBe(false); // nothing was sent yet
    jar.stamp(packet, 0);
    for (let bit = 8 * 8; bit < reply.length * 8; bit++)
      expect(jar.consume(flipped(reply, bit), 0)).toBe(false);
    expect(jar.consume(checker.reply(initiation(), 77, home, 0), 0)).toBe(false);
    expect(jar.consume(new CookieChecker(alice.publicKey, random).reply(packet, 77, home, 0), 0)).toBe(false);
    expect(jar.consume(reply.subarray(0, 63), 0)).toBe(false);
    expect(jar.cookie(0)).toBeUndefined();
    expect(jar.consume(reply, 0)).toBe(true);
    expect(jar.consume(reply, 0)).toBe(false);
  });

  it('has a nonce of its own each time', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    const packet = initiation();
    const [a, b] = [checker.reply(packet, 77, home, 0), checker.reply(packet, 77, home, 0)];
    expect(toHex(a)).not.toBe(toHex(b));
    const mac1 = toHex(mac1Of(packet));
    expect(toHex(a)).not.toContain(mac1);
  });

  it('answers a packet held in a Buffer that is overwritten later', () => {
    const checker = new CookieChecker(bob.publicKey, random);
    const jar = new CookieJar(bob.publicKey);
    const packet = Buffer.from(initiation());
    jar.stamp(packet, 0);
    const reply = checker.reply(packet, 77, home, 0);
    packet.fill(0);
    expect(jar.consume(reply, 0)).toBe(true);
  });
});

describe('endpointSource', () => {
  it('tells address and port, IPv4 the same in both notations', () => {
    expect(toHex(home)).toBe('00000000000000000000ffffc00002010fa0');
    expect(endpointSource({ host: '::ffff:192.0.2.1', port: 4000 })).toEqual(home);
    expect(() => endpointSource({ host: 'localhost', port: 1 })).toThrow(TypeError);
  });
});

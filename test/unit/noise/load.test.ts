import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../src/core/lib/bytes.js';
import { CookieJar, endpointSource } from '../../../src/core/noise/cookie.js';
import { createInitiation } from '../../../src/core/noise/ik.js';
import {
  calmBurst,
  calmHandshakesPerSecond,
  HandshakeGate,
  limiterKey,
  LoadDetector,
  loadHoldMs,
  sourceBurst,
} from '../../../src/core/noise/load.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { keysOf, seededRandom } from './fixed.js';

describe('LoadDetector', () => {
  it('stays calm at the calm rate for an hour', () => {
    const load = new LoadDetector();
    const step = 1000 / calmHandshakesPerSecond;
    let loaded = 0;
    for (let now = 0; now < 3_600_000; now += step) {
      load.count(now);
      if (load.underLoad(now)) loaded++;
    }
    expect(loaded).toBe(0);
  });

  it('takes a burst, and one more is load', () => {
    const load = new LoadDetector();
    for (let i = 0; i < calmBurst; i++) load.count(0);
    expect(load.underLoad(0)).toBe(false);
    load.count(0);
    expect(load.underLoad(0)).toBe(true);
  });

  it('holds for a second after, and a long flood is forgotten in seconds', () => {
    const load = new LoadDetector();
    for (let now = 0; now < 60_000; now += 1) load.count(now);
    expect(load.underLoad(60_000)).toBe(true);
    expect(load.underLoad(60_000 + loadHoldMs - 100)).toBe(true);
    expect(load.underLoad(60_000 + (2 * calmBurst * 1000) / calmHandshakesPerSecond)).toBe(false);
  });
});

it('limiterKey takes an IPv6 /64 as one source, and each IPv4 address, and each node id', () => {
  const key = (host: string, port = 1): string => limiterKey({ host, port });
  expect(key('2001:db8::1')).toBe(key('2001:db8::ffff:2', 9));
  expect(key('2001:db8::1')).not.toBe(key('2001:db8:0:1::1'));
  expect(key('192.0.2.1')).toBe(key('192.0.2.1', 9));
  expect(key('192.0.2.1')).not.toBe(key('192.0.2.2'));
  expect(limiterKey(new Uint8Array(16))).not.toBe(limiterKey(new Uint8Array(16).fill(1)));
});

describe('HandshakeGate', () => {
  const alice = keysOf(1);
  const bob = keysOf(2);
  const random = seededRandom(31);
  const initiation = (): Uint8Array =>
    createInitiation({
      suite: Suite.aes256gcm,
      prologue: utf8('p'),
      localStatic: alice,
      remoteStatic: bob.publicKey,
      payload: new Uint8Array(0),
      senderIndex: 77,
      random,
    }).packet;
  const from = (host: string): [Uint8Array, string] => {
    const endpoint = { host, port: 4000 };
    return [endpointSource(endpoint), limiterKey(endpoint)];
  };
  const [source, key] = from('192.0.2.1');

  /** One genuine initiation is enough: the gate does not look inside. */
  function flood(gate: HandshakeGate, nowMs: number): void {
    const packet = initiation();
    for (let i = 0; i <= calmBurst; i++) gate.judge(packet, source, key, nowMs);
    expect(gate.underLoad(nowMs)).toBe(true);
  }

  it('drops what is no handshake or has no mac1, which is no load either', () => {
    const gate = new HandshakeGate(bob.publicKey, random);
    const bad = initiation();
    bad[40] = (bad[40] as number) ^ 1;
    for (let i = 0; i < 10 * calmBurst; i++) {
      expect(gate.judge(new Uint8Array(200), source, key, 0)).toEqual({ kind: 'drop', reason: 'malformed' });
      expect(gate.judge(bad, source, key, 0)).toEqual({ kind: 'drop', reason: 'mac1' });
    }
    expect(gate.judge(initiation(), source, key, 0)).toEqual({ kind: 'pass' });
  });

  it('under load asks for a cookie with less than it got, lets a proven source in, and limits even that', () => {
    const gate = new HandshakeGate(bob.publicKey, random);
    flood(gate, 0);
    const jar = new CookieJar(bob.publicKey);
    const first = initiation();
    jar.stamp(first, 0);
    const verdict = gate.judge(first, source, key, 0);
    if (verdict.kind !== 'reply') throw new Error(`expected a reply, got ${verdict.kind}`);
    expect(verdict.packet.length).toBeLessThan(first.length);
    expect(jar.consume(verdict.packet, 0)).toBe(true);

    const verdicts = Array.from({ length: 10 }, () => {
      const packet = initiation();
      jar.stamp(packet, 1);
      return gate.judge(packet, source, key, 1).kind;
    });
    expect(verdicts.filter((kind) => kind === 'pass')).toHaveLength(sourceBurst);
    expect(verdicts.filter((kind) => kind === 'drop')).toHaveLength(10 - sourceBurst);

    // The cookie is worth nothing from elsewhere.
    const packet = initiation();
    jar.stamp(packet, 1);
    expect(gate.judge(packet, ...from('192.0.2.2'), 1).kind).toBe('reply');
  });

  it('keeps asking while the flood lasts, and stops asking after it', () => {
    const gate = new HandshakeGate(bob.publicKey, random);
    flood(gate, 0);
    const packet = initiation();
    let now = 0;
    for (; now < 10_000; now += 5) expect(gate.judge(packet, source, key, now).kind).toBe('reply');
    expect(gate.judge(packet, source, key, now + 10_000).kind).toBe('pass');
  });
});

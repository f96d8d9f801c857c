/** What a packet makes us do, counted: Diffie-Hellman is the dear part. */
import type * as Crypto from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';

const counted = vi.hoisted(() => ({ dh: 0 }));
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof Crypto>();
  const diffieHellman: typeof real.diffieHellman = (options) => {
    counted.dh++;
    return real.diffieHellman(options);
  };
  return { ...real, diffieHellman };
});

const { consumeInitiation, createInitiation } = await import('../../../src/core/noise/ik.js');
const { mac1KeyOf, setMac1 } = await import('../../../src/core/noise/mac.js');
const { keysOf, seededRandom } = await import('./fixed.js');
const { Suite } = await import('../../../src/core/wire/packet.js');

const random = seededRandom(11);
const alice = keysOf(1);
const bob = keysOf(2);
const prologue = new Uint8Array(4);
const { packet, state } = createInitiation({
  suite: Suite.aes256gcm,
  prologue,
  localStatic: alice,
  remoteStatic: bob.publicKey,
  payload: new Uint8Array(40),
  senderIndex: 5,
  random,
});
const local = { localStatic: bob, prologue, suites: [Suite.aes256gcm] };

describe('Diffie-Hellman operations caused by', () => {
  beforeEach(() => {
    counted.dh = 0;
  });

  it('a genuine initiation: es and ss', () => {
    expect(consumeInitiation(packet, local)).toBeDefined();
    expect(counted.dh).toBe(2);
  });

  it('a packet with a wrong type, suite, length or mac1: none', () => {
    const wrongs: [number, number][] = [
      [0, 0x50],
      [1, 9],
      [20, (packet[20] as number) ^ 1],
      [packet.length - 20, (packet[packet.length - 20] as number) ^ 1],
    ];
    for (const [at, value] of wrongs) {
      const bad = packet.slice();
      bad[at] = value;
      expect(consumeInitiation(bad, local)).toBeUndefined();
    }
    expect(consumeInitiation(packet.subarray(0, 135), local)).toBeUndefined();
    expect(consumeInitiation(packet, { ...local, localStatic: alice })).toBeUndefined();
    expect(counted.dh).toBe(0);
  });

  it('noise under a good mac1: one', () => {
    const bad = random.fill(packet.slice());
    bad.set(packet.subarray(0, 8));
    setMac1(bad, mac1KeyOf(bob.publicKey));
    expect(consumeInitiation(bad, local)).toBeUndefined();
    expect(counted.dh).toBe(1);
  });

  it('a response with a wrong index or mac1: none; the genuine one: ee and se', () => {
    const answer = consumeInitiation(packet, local)?.respond({
      payload: new Uint8Array(9),
      senderIndex: 6,
      random,
    });
    if (!answer) throw new Error('no answer');
    counted.dh = 0;
    for (const at of [8, 30, answer.packet.length - 20]) {
      const bad = answer.packet.slice();
      bad[at] = (bad[at] as number) ^ 1;
      expect(state.consumeResponse(bad)).toBeUndefined();
    }
    expect(counted.dh).toBe(0);
    expect(state.consumeResponse(answer.packet)).toBeDefined();
    expect(counted.dh).toBe(2);
  });
});

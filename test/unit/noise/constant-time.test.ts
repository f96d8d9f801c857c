/** Every comparison of a MAC goes through node's constant-time one; a plain loop would tell how many bytes were right. */
import type * as Crypto from 'node:crypto';
import { beforeEach, expect, it, vi } from 'vitest';

const counted = vi.hoisted(() => ({ comparisons: 0 }));
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof Crypto>();
  const timingSafeEqual: typeof real.timingSafeEqual = (a, b) => {
    counted.comparisons++;
    return real.timingSafeEqual(a, b);
  };
  return { ...real, timingSafeEqual };
});

const { checkMac1, checkMac2 } = await import('../../../src/core/noise/mac.js');
const { CookieChecker } = await import('../../../src/core/noise/cookie.js');
const { encodeBind, encodeBound, openBound, verifyBind } = await import('../../../src/core/wire/relay.js');
const { seededRandom } = await import('./fixed.js');

const key = new Uint8Array(32).fill(1);
const wrong = new Uint8Array(32).fill(2);
const packet = new Uint8Array(200);
const bind = encodeBind(1, 1, key);
const bound = encodeBound(1, 1, { host: '192.0.2.1', port: 1 }, key);
const checker = new CookieChecker(key, seededRandom(1));

beforeEach(() => {
  counted.comparisons = 0;
});

it.each([
  ['checkMac1', () => checkMac1(packet, key), false],
  ['checkMac2', () => checkMac2(packet, key), false],
  ['CookieChecker.check', () => checker.check(packet, key, 0), false],
  ['verifyBind, right', () => verifyBind(bind, key), true],
  ['verifyBind, wrong', () => verifyBind(bind, wrong), false],
  ['openBound, right', () => openBound(bound, key) !== undefined, true],
  ['openBound, wrong', () => openBound(bound, wrong) !== undefined, false],
] as const)('%s', (_name, compare, result) => {
  expect(compare()).toBe(result);
  expect(counted.comparisons).toBe(1);
});

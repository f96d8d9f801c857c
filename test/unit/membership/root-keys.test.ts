import { expect, it } from 'vitest';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { rootKeysOf } from '../../../src/core/membership/root-keys.js';

const first = generateKeys(systemRandom);
const second = generateKeys(systemRandom);
const stranger = generateKeys(systemRandom);

it('derives the root keys of a profile once, and finds the one that counts', () => {
  const profile = { rootSeed: toBase64Url(first.seed), nextRootSeed: toBase64Url(second.seed) };
  const found = rootKeysOf(profile, first.publicKey);
  expect(found).toEqual(first);
  expect(rootKeysOf(profile, first.publicKey)).toBe(found);
  expect(rootKeysOf(profile, second.publicKey)).toEqual(second);
  expect(rootKeysOf(profile, stranger.publicKey)).toBeUndefined();
});

it('knows no key whose seed a profile has not any more', () => {
  const profile = { rootSeed: toBase64Url(first.seed), nextRootSeed: toBase64Url(second.seed) };
  expect(rootKeysOf(profile, first.publicKey)).toBeDefined();
  expect(rootKeysOf({ rootSeed: profile.nextRootSeed }, first.publicKey)).toBeUndefined();
  expect(rootKeysOf({}, first.publicKey)).toBeUndefined();
});

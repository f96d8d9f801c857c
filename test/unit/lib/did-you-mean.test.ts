import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/core/lib/did-you-mean.js';

const names = ['status', 'set', 'sim', 'why', 'up', 'token create', 'token list', 'route list'];

describe('nearest', () => {
  it.each([
    ['stauts', ['status']],
    ['statu', ['status']],
    ['whi', ['why']],
    ['token crate', ['token create']],
    ['tokne list', ['token list']],
    ['sit', ['set', 'sim']],
    ['frobnicate', []],
    ['', []],
    ['x', []],
  ])('of %j are %j', (word, expected) => {
    expect(nearest(word, names)).toEqual(expected);
  });
});

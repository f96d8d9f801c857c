import { expect, it } from 'vitest';
import { Comeback, comebackMs } from '../../../src/core/relays/comeback.js';

it('gives members time to come back once a relay is up again', () => {
  const comeback = new Comeback();
  comeback.up(10);
  expect(comeback.lostAt(10)).toBe(-Infinity);
  comeback.lost(50_000);
  expect(comeback.lostAt(90_000)).toBe(50_000);
  comeback.up(90_000);
  expect(comeback.lostAt(90_000 + comebackMs - 1)).toBe(50_000);
  expect(comeback.lostAt(90_000 + comebackMs)).toBe(-Infinity);
});

it('begins anew when the relay goes again meanwhile', () => {
  const comeback = new Comeback();
  comeback.lost(1_000);
  comeback.up(2_000);
  comeback.lost(3_000);
  expect(comeback.lostAt(60_000)).toBe(3_000);
});

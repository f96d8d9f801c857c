import { describe, expect, it } from 'vitest';
import { EvioError } from '../../../src/core/lib/errors.js';
import type { Random } from '../../../src/core/lib/env.js';
import { backoff, waitAfter } from '../../../src/core/relays/net/backoff.js';
import type { ChannelEnd } from '../../../src/core/relays/net/relay-channel.js';

const end: ChannelEnd = { code: 1006, error: new EvioError('EVIO_RELAY_UNREACHABLE', 'refused', []) };
/** Draws the bound itself. */
const most = { unit: () => 1 } as Random;
const later = 10;

describe('how long members wait before they try a lost relay again', () => {
  it.each([
    ['two', 2, backoff.soonest],
    ['twenty', 20, 400],
    ['fifty', 50, backoff.soon],
    ['thousands', 5_000, backoff.soon],
    ['nobody knows how many', undefined, backoff.soon],
  ])('%s: up to', (_, members, ms) => {
    expect(waitAfter(end, later, 1_000, most, members)).toBe(ms);
  });

  it('few ask no oftener than many once it is gone for longer', () => {
    expect(waitAfter(end, later, backoff.soonForMs, most, 2)).toBe(backoff.early);
    expect(waitAfter(end, later, backoff.earlyForMs, most, 2)).toBe(backoff.late);
  });

  it('the first try is soon for all', () => {
    expect(waitAfter(end, 0, 0, most, 2)).toBe(backoff.first);
    expect(waitAfter(end, 0, 0, most, 5_000)).toBe(backoff.first);
  });
});

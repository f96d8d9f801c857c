/** When a relay that was lost is tried again: upper bounds, ms; the wait is uniform between 0 and the bound ("full jitter"). */
import type { Random } from '../../lib/env.js';
import { CloseCode } from '../../wire/signal.js';
import type { ChannelEnd } from './relay-channel.js';

export const backoff = {
  first: 250,
  soon: 1_000,
  /** Of a network of few members `soon` is so long for each, and no less than `soonest`: who is not many need not be spread far. */
  soonEach: 20,
  soonest: 300,
  soonForMs: 10_000,
  early: 2_000,
  late: 30_000,
  earlyForMs: 120_000,
  refused: 60_000,
  replaced: 30_000,
};

/**
 * How long to wait after an end, ms.
 *
 * @param attempt attempts that failed in a row; below 0: one that says nothing
 * @param downMs since the relay was lost or first tried
 * @param members that come back with us, as far as known
 */
export function waitAfter(
  end: ChannelEnd,
  attempt: number,
  downMs: number,
  random: Random,
  members = Infinity,
): number {
  if (end.refusal) return backoff.refused * (0.75 + random.unit() / 2);
  // Two machines with one key would otherwise throw each other out several times a second.
  if (end.code === CloseCode.replaced) return backoff.replaced * (0.5 + random.unit() / 2);
  if (attempt < 0) return 0;
  const { soonForMs, early, earlyForMs, late } = backoff;
  const soon = Math.min(backoff.soon, Math.max(backoff.soonest, members * backoff.soonEach));
  const limit = downMs < soonForMs ? soon : downMs < earlyForMs ? early : late;
  return random.unit() * Math.min(limit, backoff.first * 2 ** Math.min(attempt, 16));
}

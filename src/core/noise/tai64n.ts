/**
 * TAI64N stamps, 12 bytes that sort as they follow in time (cr.yp.to/libtai/tai64.html): 8 bytes of seconds since
 * 1970 TAI plus 2^62, 4 bytes of nanoseconds, big endian. A responder takes an initiation only with a stamp greater
 * than the last it took from that peer, which stops replay. The seconds are UTC plus 10, as in WireGuard: leap seconds
 * since 1972 do not matter to an order.
 */
import { compareBytes } from '../lib/bytes.js';
import type { Clock } from '../lib/env.js';

export const stampLength = 12;

/** 2^62 + 10. */
const epoch = 0x4000_0000_0000_000an;
const nanosecondsPerSecond = 1_000_000_000n;

/** The stamp of a moment in nanoseconds since 1970. */
export function stampOf(nanoseconds: bigint): Uint8Array {
  const out = new Uint8Array(stampLength);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, epoch + nanoseconds / nanosecondsPerSecond);
  view.setUint32(8, Number(nanoseconds % nanosecondsPerSecond));
  return out;
}

/** Negative, zero or positive as `a` is before, equal to or after `b`. */
export function compareStamps(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, b);
}

/** Hands out stamps that rise strictly within this object's life, whatever the calendar does. */
export class StampSource {
  readonly #clock: Pick<Clock, 'date'>;
  #last = -1n;

  constructor(clock: Pick<Clock, 'date'>) {
    this.#clock = clock;
  }

  next(): Uint8Array {
    const now = BigInt(Math.max(0, Math.floor(this.#clock.date()))) * 1_000_000n;
    this.#last = now > this.#last ? now : this.#last + 1n;
    return stampOf(this.#last);
  }
}

/** Which forwarder this machine gets. */
import type { Env } from '../core/lib/env.js';
import { DgramForwarder } from './dgram-forwarder.js';
import type { Forwarder, ForwarderListener } from './forwarder.js';
import type { RelayLimits } from './limits.js';

export interface ForwarderChoice {
  readonly limits: RelayLimits;
  readonly env: Env;
  readonly kind: 'dgram' | 'worker' | undefined;
}

export function openForwarder({ limits, env }: ForwarderChoice, listener: ForwarderListener): Forwarder {
  const seed = Math.floor(env.random.unit() * 0x1_0000_0000);
  // Never 0, which means "never" in the table.
  const now = (): number => env.clock.now() + 1;
  return new DgramForwarder({ limits, now, seed }, listener);
}

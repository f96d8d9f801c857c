/** What a command works with. */
import type { Home } from '../../core/config/home.js';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { Ipam } from '../delegate.js';
import { ipamFor, leasedRange } from '../lease.js';

export interface Context {
  readonly config: Config;
  readonly home: Home;
  /** CNI_PATH. */
  readonly folders: readonly string[];
}

export function lockOf(home: Home): string {
  return join(home.path, 'cni.lock');
}

function ranged(context: Context, range: string): Context {
  const ipam = ipamFor(range);
  return { ...context, config: { ...context.config, ipam, raw: { ...context.config.raw, ipam } } };
}

/** With the range of this node, where the configuration names none. Throws CniError as `leasedRange`. */
export function withLease(context: Context): Context {
  const { config, home } = context;
  return config.ipam === undefined ? ranged(context, leasedRange(config, home)) : context;
}

/** With any range that holds the node's: an attachment is known by its container, and no node has to run. */
export function withPool(context: Context): Context {
  return context.config.ipam === undefined ? ranged(context, context.config.pool) : context;
}

/** The plugin that gives addresses. `held` is the lock that it inherits. Throws CniError (7). */
export function ipamOf({ config, folders }: Context, held?: number): Ipam {
  return new Ipam(config.ipam?.type ?? 'host-local', folders, held);
}

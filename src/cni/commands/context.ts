/** What a command works with. */
import type { Home } from '../../core/config/home.js';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { Ipam } from '../delegate.js';
import { Code, CniError } from '../errors.js';

export interface Context {
  readonly config: Config;
  readonly home: Home;
  /** CNI_PATH. */
  readonly folders: readonly string[];
}

export function lockOf(home: Home): string {
  return join(home.path, 'cni.lock');
}

/** The plugin that gives addresses. `held` is the lock that it inherits. Throws CniError (7). */
export function ipamOf({ config, folders }: Context, held?: number): Ipam {
  if (config.ipam === undefined)
    throw new CniError(
      Code.config,
      'the network configuration says no range for pods',
      'set "ranges": [[{"subnet": "10.244.1.0/24"}]], or "ipam"',
    );
  return new Ipam(config.ipam.type, folders, held);
}

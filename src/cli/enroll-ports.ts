/** Puts together what enrolment needs. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { relayErrands } from '../core/enroll/errands.js';
import type { EnrollPorts } from '../core/enroll/init.js';
import type { Env } from '../core/lib/env.js';
import { machineRanges } from '../core/native/machine-ranges.js';

export function enrollPorts(home: Home, env: Env, agent: string): EnrollPorts {
  return { store: new Store(home), env, errands: relayErrands(env, agent), machine: machineRanges };
}

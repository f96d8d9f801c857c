/** Puts together what enrolment needs. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { relayErrands } from '../core/enroll/errands.js';
import type { EnrollDeps } from '../core/enroll/init.js';
import type { Env } from '../core/lib/env.js';

export function enrollDeps(home: Home, env: Env, agent: string): EnrollDeps {
  return { store: new Store(home), env, errands: relayErrands(env, agent) };
}

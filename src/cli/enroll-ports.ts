/** Puts together what enrolment needs. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { relayErrands } from '../core/enroll/errands.js';
import type { EnrollPorts } from '../core/enroll/init.js';
import type { Env } from '../core/lib/env.js';
import { proxyFor } from '../core/lib/proxy-url.js';
import { machineRanges, runningRanges } from '../core/native/machine-ranges.js';

/** @param proxy of flags or profile, by which relays are reached; default: what the environment says */
export function enrollPorts(home: Home, env: Env, agent: string, proxy?: string): EnrollPorts {
  const errands = relayErrands(env, agent, (host, port) => proxyFor(proxy, host, port, process.env));
  return { store: new Store(home), env, errands, machine: machineRanges, running: runningRanges };
}

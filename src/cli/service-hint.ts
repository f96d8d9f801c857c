/** "No node runs here": on a machine without a network; where a service should run it: how that is, why, and what to do. */
import { homeFrom, type Home } from '../core/config/home.js';
import { networkIds } from '../core/config/network-ids.js';
import { noNode } from '../core/control/client-errors.js';
import { EvioError } from '../core/lib/errors.js';
import { startAgain, type ServiceHints, type ServiceReport } from '../service/report.js';

/** What was thrown, or more than that. Throws nothing. */
export async function explained(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof EvioError) || thrown.code !== 'EVIO_NOT_RUNNING' || thrown.message !== noNode)
    return thrown;
  // Who is not root has a home of its own, and looks for the node that root runs.
  if (process.getuid?.() === 0 && !hasNetwork(homeFrom())) return withoutNetwork(thrown);
  try {
    const { serviceManager } = await import('../service/manager.js');
    const manager = serviceManager();
    if (!manager.installed('node')) return thrown;
    const report = await manager.report('node');
    return report.home === homeFrom().path ? withService(thrown, report, manager.hints('node')) : thrown;
  } catch {
    // No service manager, or one that does not answer.
    return thrown;
  }
}

/** Where that cannot be read, there may be one. */
function hasNetwork(home: Home): boolean {
  try {
    return networkIds(home).length > 0;
  } catch {
    return true;
  }
}

/** There is nothing to start: a service would be skipped. */
function withoutNetwork(error: EvioError): EvioError {
  return new EvioError(error.code, `${noNode.replace(/\.$/, '')}: this machine is in no network.`, [
    'Make one with: evio init',
    'Or join one with: sudo evio join TOKEN',
    ...error.suggestions.filter((one) => !one.endsWith('sudo evio node')),
  ]);
}

/** How the service is, in the words of the manager, and what a person does about it. Pure. */
export function withService(
  error: EvioError,
  { unit, active, reason }: Pick<ServiceReport, 'unit' | 'active' | 'reason'>,
  hints: ServiceHints,
): EvioError {
  const states: Record<string, string> = {
    active: 'runs, but does not answer',
    activating: 'is being started',
    failed: 'failed',
    inactive: 'is stopped',
  };
  const why = reason === null ? '' : `: ${reason.replace(/\.$/, '')}`;
  const next = active === 'active' || active === 'activating' ? [] : [startAgain(hints)];
  return new EvioError(
    error.code,
    `${noNode.replace(/\.$/, '')}; its service ${unit} ${states[active] ?? `is ${active}`}${why}.`,
    [
      ...(active === 'inactive' ? [] : [hints.log]),
      ...next,
      ...error.suggestions.filter((one) => !one.endsWith('sudo evio node')),
    ],
  );
}

/** "No node runs here" on a machine where a service should run it: how that is, why, and what to do. */
import { homeFrom } from '../core/config/home.js';
import { noNode } from '../core/control/client-errors.js';
import { EvioError } from '../core/lib/errors.js';
import type { ServiceHints, ServiceReport } from '../service/report.js';

/** What was thrown, or more than that. Throws nothing. */
export async function explained(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof EvioError) || thrown.code !== 'EVIO_NOT_RUNNING' || thrown.message !== noNode)
    return thrown;
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
  const next = active === 'active' || active === 'activating' ? [] : [hints.start];
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

/** What the commands of `evio service` share. */
import * as Flags from '@oclif/core/flags';
import type { Home } from '../core/config/home.js';
import { startAgain, type ServiceHints, type ServiceReport } from '../service/report.js';
import type { Service } from '../service/units.js';

export const relayFlag = Flags.boolean({ description: 'the relay, not the node' });

export const serviceOf = (relay: boolean): Service => (relay ? 'relay' : 'node');

/**
 * Has who runs the services of this machine run this program.
 *
 * @throws EvioError EVIO_SERVICE, EVIO_STORAGE.
 */
export async function installService(
  service: Service,
  { home, start, relayWords }: { home: Home; start: boolean; relayWords?: readonly string[] | undefined },
): Promise<ServiceReport> {
  const { serviceManager } = await import('../service/manager.js');
  const { selfArguments } = await import('../core/process/self.js');
  const { inspectorFlags } = await import('../core/process/inspector.js');
  const command = [process.execPath, ...selfArguments([], inspectorFlags())];
  return serviceManager().install(service, { command, home: home.path, start, relayWords });
}

/** For people. */
export function serviceText(
  { unit, path, enabled, active, pid, status, reason }: ServiceReport,
  hints?: ServiceHints,
): string {
  if (path === null) return `${unit}: not installed`;
  const boot = enabled === 'enabled' ? 'begins at boot' : `at boot: ${enabled ?? 'unknown'}`;
  return [
    `${unit}: ${active}${pid === null ? '' : ` (process ${pid})`}, ${boot}`,
    ...(status === null ? [] : [status]),
    ...(reason === null ? [] : [reason]),
    path,
    ...(active === 'failed' && hints ? [hints.log, startAgain(hints)] : []),
  ].join('\n');
}

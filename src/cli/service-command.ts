/** What the commands of `evio service` share. */
import * as Flags from '@oclif/core/flags';
import type { ServiceReport } from '../service/report.js';
import type { Service } from '../service/units.js';

export const relayFlag = Flags.boolean({ description: 'the relay, not the node' });

export const serviceOf = (relay: boolean): Service => (relay ? 'relay' : 'node');

/** For people. */
export function serviceText({ unit, path, enabled, active, pid, status }: ServiceReport): string {
  if (path === null) return `${unit}: not installed`;
  const boot = enabled === 'enabled' ? 'begins at boot' : `at boot: ${enabled ?? 'unknown'}`;
  return [
    `${unit}: ${active}${pid === null ? '' : ` (process ${pid})`}, ${boot}`,
    ...(status === null ? [] : [status]),
    path,
  ].join('\n');
}

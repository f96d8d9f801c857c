/** Who runs the services of this machine? */
import { existsSync } from 'node:fs';
import { EvioError } from '../core/lib/errors.js';
import { openrc } from './openrc.js';
import type { ServiceManager } from './report.js';
import { systemd } from './systemd.js';

/**
 * systemd as the first process makes a folder (sd_booted(3)); OpenRC is there where what runs its scripts is.
 *
 * @throws EvioError EVIO_SERVICE.
 */
export function serviceManager(exists: (path: string) => boolean = existsSync): ServiceManager {
  if (exists('/run/systemd/system')) return systemd;
  if (exists('/sbin/openrc-run')) return openrc;
  throw new EvioError('EVIO_SERVICE', 'Neither systemd nor OpenRC runs this machine.', [
    'Have your own init system start: sudo evio node',
    'Or run it in the background: sudo evio node --detach',
  ]);
}

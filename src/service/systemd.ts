/** Puts evio's services into systemd's hands: writes units, and asks systemctl to do the rest. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { storageError } from '../core/disk/storage-error.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { relayDefaults, unitName, unitText, type Service, type UnitFacts } from './units.js';

export interface ServiceReport {
  readonly service: Service;
  readonly unit: string;
  /** Path of the unit; null when there is none. */
  readonly path: string | null;
  /** `enabled`, `disabled`, `masked`, …: begins at boot. Null when there is no unit. */
  readonly enabled: string | null;
  /** `active`, `inactive`, `failed`, `activating`, …. */
  readonly active: string;
  /** Process id of the running service. */
  readonly pid: number | null;
  /** What it said of itself last. */
  readonly status: string | null;
}

export interface InstallOptions extends UnitFacts {
  /** Begin now, not only at boot. */
  readonly start: boolean;
  /** Words after `evio relay`, written to /etc/default/evio-relay; left as they are when undefined. */
  readonly relayWords?: readonly string[] | undefined;
}

/** Where units of the machine's operator lie, and those of packages. */
const own = '/etc/systemd/system';
const packaged = ['/lib/systemd/system', '/usr/lib/systemd/system'];
const defaults = '/etc/default/evio-relay';
const run = promisify(execFile);

/** systemd as PID 1 makes this folder (sd_booted(3)). */
export function requireSystemd(): void {
  if (existsSync('/run/systemd/system')) return;
  throw new EvioError('EVIO_SERVICE', 'systemd does not run this machine.', [
    'Have your own init system start: evio node',
    'Or run it in the background: evio node --detach',
  ]);
}

async function systemctl(...args: string[]): Promise<string> {
  try {
    return (await run('systemctl', args)).stdout;
  } catch (thrown) {
    const { stderr = '' } = thrown as { stderr?: string };
    const reason = stderr.trim() === '' ? messageOf(thrown) : stderr.trim();
    throw new EvioError('EVIO_SERVICE', `systemctl ${args.join(' ')} failed: ${reason}`, [
      'Run it as root: sudo evio service install',
      `See its log: journalctl -u ${args[args.length - 1]}`,
    ]);
  }
}

/** Written beside and renamed: systemd never reads half a unit. */
function put(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, text, { mode: 0o644 });
    renameSync(draft, path);
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw storageError(path, thrown);
  }
}

const fileOf = (service: Service): string => join(own, unitName[service]);
const packageHas = (service: Service): boolean =>
  packaged.some((folder) => existsSync(join(folder, unitName[service])));

/**
 * Writes the unit, unless a package has brought one, and has it begin at boot. Can be done again.
 *
 * @throws EvioError EVIO_SERVICE, EVIO_STORAGE.
 */
export async function installService(service: Service, options: InstallOptions): Promise<ServiceReport> {
  requireSystemd();
  const { relayWords, start } = options;
  if (!packageHas(service)) put(fileOf(service), unitText(service, options));
  if (service === 'relay' && relayWords !== undefined) put(defaults, relayDefaults(relayWords));
  await systemctl('daemon-reload');
  await systemctl('enable', '--quiet', unitName[service]);
  // A service that runs already begins again, with what is written now.
  if (start) await systemctl('restart', unitName[service]);
  return serviceReport(service);
}

/** Stops it, for this time and at boot, and removes the unit that `installService` wrote. State is left alone. Throws as it. */
export async function uninstallService(service: Service): Promise<ServiceReport> {
  requireSystemd();
  const { path } = await serviceReport(service);
  if (path === null)
    throw new EvioError('EVIO_SERVICE', `There is no ${unitName[service]} on this machine.`, [
      'Make it: evio service install',
    ]);
  await systemctl('disable', '--now', '--quiet', unitName[service]);
  rmSync(fileOf(service), { force: true });
  await systemctl('daemon-reload');
  return serviceReport(service);
}

/** Throws EvioError EVIO_SERVICE. */
export async function serviceReport(service: Service): Promise<ServiceReport> {
  requireSystemd();
  const unit = unitName[service];
  const names = ['FragmentPath', 'UnitFileState', 'ActiveState', 'MainPID', 'StatusText'];
  const text = await systemctl('show', `--property=${names.join(',')}`, unit);
  const values = new Map(
    text.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
  const valueOf = (name: string): string | null => values.get(name)?.trim() || null;
  const pid = Number(valueOf('MainPID') ?? 0);
  return {
    service,
    unit,
    path: valueOf('FragmentPath'),
    enabled: valueOf('UnitFileState'),
    active: valueOf('ActiveState') ?? 'inactive',
    pid: pid > 0 ? pid : null,
    status: valueOf('StatusText'),
  };
}

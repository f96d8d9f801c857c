/** Puts evio's services into systemd's hands: writes units, and asks systemctl to do the rest. */
import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EvioError, failedPrefix, messageOf } from '../core/lib/errors.js';
import {
  putFile,
  type InstallOptions,
  type ServiceHints,
  type ServiceManager,
  type ServiceReport,
} from './report.js';
import { relayDefaults, unitName, unitText, type Service } from './units.js';

/** Where units of the machine's operator lie, and those of packages. */
const own = '/etc/systemd/system';
const packaged = ['/lib/systemd/system', '/usr/lib/systemd/system'];
const defaults = '/etc/default/evio-relay';
const run = promisify(execFile);

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

const fileOf = (service: Service): string => join(own, unitName[service]);
const packageHas = (service: Service): boolean =>
  packaged.some((folder) => existsSync(join(folder, unitName[service])));

async function install(service: Service, options: InstallOptions): Promise<ServiceReport> {
  const { relayWords, start } = options;
  if (!packageHas(service)) putFile(fileOf(service), unitText(service, options));
  if (service === 'relay' && relayWords !== undefined) putFile(defaults, relayDefaults(relayWords));
  await systemctl('daemon-reload');
  await systemctl('enable', '--quiet', unitName[service]);
  // A service that runs already begins again, with what is written now.
  if (start) await systemctl('restart', unitName[service]);
  return report(service);
}

async function uninstall(service: Service): Promise<ServiceReport> {
  const { path } = await report(service);
  if (path === null)
    throw new EvioError('EVIO_SERVICE', `There is no ${unitName[service]} on this machine.`, [
      'Make it: sudo evio service install',
    ]);
  await systemctl('disable', '--now', '--quiet', unitName[service]);
  rmSync(fileOf(service), { force: true });
  await systemctl('daemon-reload');
  return report(service);
}

async function report(service: Service): Promise<ServiceReport> {
  const unit = unitName[service];
  const names = [
    'FragmentPath',
    'UnitFileState',
    'ActiveState',
    'MainPID',
    'StatusText',
    'Result',
    'Environment',
  ];
  const text = await systemctl('show', `--property=${names.join(',')}`, unit);
  const values = new Map(
    text.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
  const valueOf = (name: string): string | null => values.get(name)?.trim() || null;
  const pid = Number(valueOf('MainPID') ?? 0);
  const active = valueOf('ActiveState') ?? 'inactive';
  return {
    service,
    unit,
    path: valueOf('FragmentPath'),
    enabled: valueOf('UnitFileState'),
    active,
    pid: pid > 0 ? pid : null,
    // systemd keeps it past the service's end.
    status: active === 'active' ? valueOf('StatusText') : null,
    reason: active === 'active' ? null : reasonOf(valueOf('Result'), valueOf('StatusText')),
    home: /(?:^|[\s"])EVIO_HOME=([^\s"]+)/.exec(valueOf('Environment') ?? '')?.[1] ?? null,
  };
}

/** What it said before it ended; one that was ended has said nothing of it, but systemd knows. */
function reasonOf(result: string | null, status: string | null): string | null {
  if (result === null || result === 'success') return null;
  if (status?.startsWith(failedPrefix) && result === 'exit-code') return status.slice(failedPrefix.length);
  return `systemd says ${result}`;
}

const installed = (service: Service): boolean => existsSync(fileOf(service)) || packageHas(service);
const hints = (service: Service): ServiceHints => ({
  log: `See its log: journalctl -u ${unitName[service]}`,
  start: `sudo systemctl start ${unitName[service]}`,
});

export const systemd: ServiceManager = { install, uninstall, report, installed, hints };

/** Puts evio's services into OpenRC's hands: writes scripts, and asks rc-update and rc-service to do the rest. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { relayServiceHome } from '../core/config/home.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { relayUser, scriptName, scriptText } from './openrc-scripts.js';
import {
  putFile,
  type InstallOptions,
  type ServiceHints,
  type ServiceManager,
  type ServiceReport,
} from './report.js';
import { relayDefaults, type Service } from './units.js';

const run = promisify(execFile);
const runlevel = 'default';
const scriptOf = (service: Service): string => join('/etc/init.d', scriptName[service]);
const isInstalled = (service: Service): boolean => existsSync(scriptOf(service));
const settings = join('/etc/conf.d', scriptName.relay);

async function call(program: string, ...args: string[]): Promise<void> {
  try {
    await run(program, args);
  } catch (thrown) {
    const { stderr = '', stdout = '' } = thrown as { stderr?: string; stdout?: string };
    const reason = `${stderr}${stdout}`.trim() || messageOf(thrown);
    throw new EvioError('EVIO_SERVICE', `${program} ${args.join(' ')} failed: ${reason}`, [
      'Run it as root: sudo evio service install',
      'See its log: /var/log/evio.log, /var/log/evio-relay.log',
    ]);
  }
}

/** OpenRC makes no users. */
async function makeRelayUser(): Promise<void> {
  if (
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${relayUser}:`))
  )
    return;
  const shell = '/sbin/nologin';
  // Alpine's is BusyBox.
  if (existsSync('/usr/sbin/useradd'))
    await call(
      'useradd',
      '--system',
      '--user-group',
      '--home-dir',
      relayServiceHome,
      '--shell',
      shell,
      relayUser,
    );
  else {
    await call('addgroup', '-S', relayUser);
    await call('adduser', '-S', '-D', '-H', '-h', relayServiceHome, '-s', shell, '-G', relayUser, relayUser);
  }
}

/** A node without a network has nothing to run. */
function hasWork(service: Service, home: string): boolean {
  const networks = join(home, 'networks');
  return service === 'relay' || (existsSync(networks) && readdirSync(networks).length > 0);
}

async function install(service: Service, options: InstallOptions): Promise<ServiceReport> {
  const { relayWords, start, home } = options;
  if (service === 'relay') {
    await makeRelayUser();
    if (relayWords !== undefined) putFile(settings, relayDefaults(relayWords));
  }
  putFile(scriptOf(service), scriptText(service, options), 0o755);
  await call('rc-update', '--quiet', 'add', scriptName[service], runlevel);
  if (start && hasWork(service, home)) await call('rc-service', scriptName[service], 'restart');
  return report(service);
}

async function uninstall(service: Service): Promise<ServiceReport> {
  if (!existsSync(scriptOf(service)))
    throw new EvioError('EVIO_SERVICE', `There is no ${scriptOf(service)} on this machine.`, [
      'Make it: sudo evio service install',
    ]);
  await call('rc-service', '--ifstarted', scriptName[service], 'stop');
  if (existsSync(join('/etc/runlevels', runlevel, scriptName[service])))
    await call('rc-update', '--quiet', 'delete', scriptName[service], runlevel);
  rmSync(scriptOf(service));
  return report(service);
}

/** What the exit status of `rc-service NAME status` says (supervise-daemon.sh), in systemd's words. */
const states: Record<number, string> = {
  0: 'active',
  3: 'inactive',
  4: 'deactivating',
  8: 'activating',
  32: 'failed',
};

async function stateOf(name: string): Promise<string> {
  try {
    await run('rc-service', [name, 'status']);
    return 'active';
  } catch (thrown) {
    return states[Number((thrown as { code?: unknown }).code)] ?? 'inactive';
  }
}

async function report(service: Service): Promise<ServiceReport> {
  const name = scriptName[service];
  const installed = isInstalled(service);
  const active = installed ? await stateOf(name) : 'inactive';
  const enabled = existsSync(join('/etc/runlevels', runlevel, name)) ? 'enabled' : 'disabled';
  return {
    service,
    unit: name,
    path: installed ? scriptOf(service) : null,
    enabled: installed ? enabled : null,
    active,
    pid: active === 'active' ? supervised(name) : null,
    status: null,
    reason: null,
    home: installed ? homeOf(service) : null,
  };
}

/** The process that supervise-daemon started; null when it does not say. */
function supervised(name: string): number | null {
  for (const folder of ['/run/openrc', '/lib/rc/init.d']) {
    const file = join(folder, 'options', name, 'child_pid');
    if (existsSync(file)) return Number(readFileSync(file, 'utf8')) || null;
  }
  return null;
}

/** As its script has it. */
function homeOf(service: Service): string | null {
  return /^export EVIO_HOME=(\S+)$/m.exec(readFileSync(scriptOf(service), 'utf8'))?.[1] ?? null;
}

const hints = (service: Service): ServiceHints => ({
  log: `See its log: /var/log/${scriptName[service]}.log`,
  start: `sudo rc-service ${scriptName[service]} start`,
});

export const openrc: ServiceManager = { install, uninstall, report, installed: isInstalled, hints };

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { serviceManager } from '../../../src/service/manager.js';
import { openrc } from '../../../src/service/openrc.js';
import { scriptText } from '../../../src/service/openrc-scripts.js';
import { systemd } from '../../../src/service/systemd.js';
import { relayDefaults, services, type Service, type UnitFacts } from '../../../src/service/units.js';

const facts: UnitFacts = { command: ['/usr/bin/evio'], home: '/var/lib/evio' };

describe('who runs services', () => {
  const having = (...paths: string[]) => serviceManager((path) => paths.includes(path));

  it('is systemd where it is the first process, else OpenRC where that is there, else nobody', () => {
    expect(having('/run/systemd/system', '/sbin/openrc-run')).toBe(systemd);
    expect(having('/sbin/openrc-run')).toBe(openrc);
    expect(() => having()).toThrow('Neither systemd nor OpenRC');
  });
});

describe('scripts of OpenRC', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-openrc-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const write = (service: Service, given: UnitFacts): string => {
    const file = join(folder, 'script');
    writeFileSync(file, scriptText(service, given));
    return file;
  };
  /** As supervise-daemon.sh puts the command line together, a word a line. */
  const words = (service: Service, given: UnitFacts, settings = ''): string[] => {
    const line = `${settings}\n. "$0"\neval printf "'%s\\n'" $command $command_args`;
    return execFileSync('sh', ['-ec', line, write(service, given)], { encoding: 'utf8' })
      .trimEnd()
      .split('\n');
  };

  it.each(services)('of the %s are read by the shell, and say who runs them', (service) => {
    const text = scriptText(service, facts);
    expect(text).toMatch(/^#!\/sbin\/openrc-run\n/);
    expect(text).toContain('supervisor=supervise-daemon\n');
    expect(spawnSync('sh', ['-n', write(service, facts)], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it('of the node take out of the hosts file what it left there when it was killed', () => {
    const file = write('node', { ...facts, command: ['/bin/echo', 'a b'] });
    const said = execFileSync('sh', ['-ec', '. "$0"; stop_post', file], { encoding: 'utf8' });
    expect(said).toBe('a b down --tidy\n');
  });

  it('start what they are told to, however its path is written', () => {
    expect(words('node', facts)).toEqual(['/usr/bin/evio', 'node']);
    for (const command of [
      ['/usr/bin/node', '--disable-sigusr1', '/opt/evio/bin/run.js'],
      [`/opt/it's "my" $HOME/\`evio\``, 'a b', '*'],
    ])
      expect(words('node', { ...facts, command })).toEqual([...command, 'node']);
  });

  it('of the relay take words from /etc/conf.d, and run it as a user of its own', () => {
    const settings = relayDefaults(['--public', 'relay.example.org:3478']);
    expect(words('relay', facts, settings)).toEqual([
      '/usr/bin/evio',
      'relay',
      '--public',
      'relay.example.org:3478',
    ]);
    expect(words('relay', facts)).toEqual(['/usr/bin/evio', 'relay']);
    expect(scriptText('relay', facts)).toContain('command_user="evio-relay:evio-relay"');
    expect(scriptText('node', facts)).not.toContain('command_user');
  });

  it('of the node start nothing on a machine that is in no network', () => {
    const home = join(folder, "home of '$HOME'");
    const start = (): number | null => {
      const line = 'checkpath() { :; }; eerror() { echo "$1"; }; . "$0"; start_pre';
      return spawnSync('sh', ['-c', line, write('node', { ...facts, home })]).status;
    };
    expect(start()).toBe(1);
    mkdirSync(join(home, 'networks'), { recursive: true });
    expect(start()).toBe(1);
    mkdirSync(join(home, 'networks', 'one'));
    expect(start()).toBe(0);
  });
});

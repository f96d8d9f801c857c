import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withBlock } from '../../../src/core/names/hosts-text.js';
import { relayDefaults, services, unitName, unitText } from '../../../src/service/units.js';

const facts = { command: ['/usr/bin/env'], home: '/var/lib/evio' };
/** `security` looks at a file, without a systemd that runs, from version 250 on. */
const hasAnalyzer =
  existsSync('/usr/bin/systemd-analyze') &&
  Number(/^systemd (\d+)/.exec(execFileSync('systemd-analyze', ['--version'], { encoding: 'utf8' }))?.[1]) >=
    250;

describe('units', () => {
  it.runIf(hasAnalyzer)('are read by systemd without a complaint, and expose little', () => {
    const folder = mkdtempSync(join(tmpdir(), 'evio-units-'));
    try {
      for (const service of services) {
        const path = join(folder, unitName[service]);
        writeFileSync(path, unitText(service, facts));
        const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], {
          encoding: 'utf8',
        });
        expect((stdout + stderr).split('\n').filter((line) => line.includes(unitName[service]))).toEqual([]);
        const text = execFileSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', path], {
          encoding: 'utf8',
        });
        const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(text)?.[1]);
        console.log(`${unitName[service]}: exposure ${exposure}`);
        expect(exposure).toBeLessThanOrEqual(3);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('start what they are told to, however its path is written', () => {
    const line = (command: string[]): string | undefined =>
      /^ExecStart=(.*)$/m.exec(unitText('node', { ...facts, command }))?.[1];
    expect(line(['/usr/bin/evio'])).toBe('/usr/bin/evio node');
    expect(line(['/usr/bin/node', '--disable-sigusr1', '/opt/evio/bin/run.js'])).toBe(
      '/usr/bin/node --disable-sigusr1 /opt/evio/bin/run.js node',
    );
    expect(line(['/opt/my "evio"/100%/$HOME/evio'])).toBe('"/opt/my \\"evio\\"/100%%/$$HOME/evio" node');
  });

  it('of the node are reloaded by having the program on disk go on', () => {
    expect(unitText('node', { ...facts, command: ['/usr/bin/evio'] })).toContain(
      '\nExecReload=/usr/bin/evio upgrade\n',
    );
  });

  it('of the node start it again at once when it was killed, and after a rest when it failed', () => {
    const line = /^ExecStopPost=\/bin\/sh -c '(.*)'$/m.exec(unitText('node', facts))?.[1] ?? '';
    const script = line.replaceAll('$$', '$').replace('exec sleep 2', 'echo rests');
    const says = (result: string): string =>
      execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env: { SERVICE_RESULT: result } }).trim();
    expect([says('signal'), says('watchdog'), says('success'), says('exit-code')]).toEqual([
      '',
      '',
      '',
      'rests',
    ]);
  });

  it('of the node take names out of the hosts file that it left there, where it left any', () => {
    const text = unitText('node', { ...facts, command: ['/opt/my evio'] });
    const [, script, command] = /^ExecStopPost=-\/bin\/sh -c '(.*)' (.*)$/m.exec(text) ?? [];
    expect(command).toBe('"/opt/my evio" down --tidy');
    const folder = mkdtempSync(join(tmpdir(), 'evio-units-'));
    try {
      const hosts = join(folder, 'hosts');
      const line = (script ?? '').replaceAll('$$', '$').replace('/etc/hosts', hosts);
      const said = (): string =>
        execFileSync('/bin/sh', ['-c', line, '/bin/echo', 'down', '--tidy'], { encoding: 'utf8' });
      writeFileSync(hosts, '127.0.0.1\tlocalhost\n');
      expect(said()).toBe('');
      writeFileSync(hosts, withBlock('127.0.0.1\tlocalhost\n', 'c0'.repeat(16), 'home.evio', 4_194_305, []));
      expect(said()).toBe('down --tidy\n');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('see home folders only where the program lies in one', () => {
    expect(unitText('node', facts)).toContain('ProtectHome=yes');
    expect(unitText('node', { ...facts, command: ['/root/.nvm/node', '/root/evio/bin/run.js'] })).toContain(
      'ProtectHome=read-only',
    );
  });

  it('keep a state folder of another place writable', () => {
    const text = unitText('node', { ...facts, home: '/srv/evio' });
    expect(text).toContain('ReadWritePaths=/srv/evio');
    expect(text).not.toContain('StateDirectory=');
    expect(text).toContain('ConditionDirectoryNotEmpty=/srv/evio/networks');
  });

  it('take the relay’s words from a file', () => {
    expect(relayDefaults(['--listen', '0.0.0.0:443'])).toContain('EVIO_RELAY_ARGS="--listen 0.0.0.0:443"');
  });
});

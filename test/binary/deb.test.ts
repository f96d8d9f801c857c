/** The package, in a Debian machine without Node (machine.ts says how to have one): installed, run, upgraded, purged. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasMachine, Machine } from './machine.js';
import { architecture, hasBinary, root } from './support.js';

const debArch = { x64: 'amd64', arm64: 'arm64' }[architecture as 'x64' | 'arm64'];

describe.runIf(hasMachine() && hasBinary())('the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-deb-'));
  const make = (revision: string, out: string): string => {
    const args = [
      'scripts/binary/deb.mjs',
      `--revision=${revision}`,
      `--out=${join(folder, out)}`,
      architecture,
    ];
    return execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }).trim();
  };
  let machine: Machine;
  let first = '';
  beforeAll(async () => {
    first = make('1', 'first');
    machine = await Machine.start();
    machine.put(first, '/root/first.deb');
    machine.put(make('2', 'second'), '/root/second.deb');
  });
  afterAll(async () => {
    await machine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is the same to the last byte when it is made again', () => {
    expect(readFileSync(make('1', 'again')).equals(readFileSync(first))).toBe(true);
    expect(first).toContain(`_${debArch}.deb`);
  });

  it('is installed with all that belongs to it, and starts nothing', () => {
    machine.sh('dpkg -i /root/first.deb');
    expect(machine.sh('evio --version')).toMatch(/^evio\//);
    expect(machine.sh('dpkg --verify evio')).toBe('');
    expect(machine.sh('gzip -dc /usr/share/man/man1/evio-token-create.1.gz')).toContain('.SH EXAMPLES');
    expect(machine.sh('bash -n /usr/share/bash-completion/completions/evio && echo ok')).toBe('ok');
    expect(machine.run(['systemctl', 'is-active', 'evio', 'evio-relay']).stdout).toBe('inactive\ninactive\n');
    expect(machine.run(['systemctl', 'is-enabled', 'evio']).stdout).toBe('disabled\n');
  });

  it('runs, and keeps its addon where it was installed', () => {
    machine.sh('evio init home && evio service install && evio service install --relay');
    expect(machine.list('/etc/systemd/system').filter((name) => name.endsWith('.service'))).toEqual([]);
    expect(machine.sh('evio status')).toContain('home');
    expect(machine.list('/var/cache/evio')).toEqual([]);
  });

  it('restarts on upgrade what runs, and keeps what was set', () => {
    machine.sh(`echo 'EVIO_RELAY_ARGS="--listen 127.0.0.1:3478"' > /etc/default/evio-relay`);
    const pid = machine.sh('systemctl show --value -p MainPID evio');
    machine.sh('systemctl stop evio-relay');
    machine.sh('dpkg -i /root/second.deb');
    expect(machine.sh('systemctl is-active evio')).toBe('active');
    expect(machine.sh('systemctl show --value -p MainPID evio')).not.toBe(pid);
    expect(machine.run(['systemctl', 'is-active', 'evio-relay']).stdout).toBe('inactive\n');
    expect(machine.sh('cat /etc/default/evio-relay')).toContain('127.0.0.1:3478');
    expect(machine.sh("dpkg-query -W -f '${Version}' evio")).toMatch(/-2$/);
  });

  it('keeps keys and networks when it is removed, and takes them when it is purged', () => {
    machine.sh('dpkg -r evio');
    expect(machine.run(['ip', 'link', 'show', 'evio0']).status).not.toBe(0);
    expect(machine.list('/var/lib/evio')).toContain('networks');
    machine.sh('dpkg -P evio');
    expect(machine.list('/var/lib/evio')).toEqual([]);
    expect(machine.sh('ls -d /usr/lib/evio /etc/default/evio-relay /usr/bin/evio* 2>/dev/null || true')).toBe(
      '',
    );
  });
});

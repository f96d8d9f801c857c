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
      // Time, not size.
      '--level=1',
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

  /** Another member of the network, with a stack of its own, in a folder that the package knows nothing of. */
  const hub = (words: string): string => `env EVIO_HOME=/root/hub /opt/hub/usr/bin/evio ${words}`;
  let token = '';
  let address = '';
  const startHub = (): void => {
    machine.sh(
      'ip link add outside type veth peer name inside && ip link set outside up && ip link set inside up',
    );
    machine.sh('ip address add 192.0.2.1/24 dev outside');
    machine.sh('dpkg-deb --extract /root/first.deb /opt/hub');
    machine.sh(
      `systemd-run --quiet --unit=hub-relay ${hub('relay --listen 192.0.2.1:3478 --public 192.0.2.1:3478')}`,
    );
    const url = machine.sh(
      'for i in $(seq 100); do journalctl -u hub-relay -o cat | grep -o "evio://[^ ]*" | head -1 | grep . && break; sleep 0.1; done',
    );
    const made = JSON.parse(machine.sh(hub(`init home --relay '${url}' --node-name hub --json`))) as {
      token: string;
      node: { ip: string };
    };
    ({ token } = made);
    address = made.node.ip;
    machine.sh(`systemd-run --quiet --unit=hub ${hub('node --userspace --proxy off')}`);
    machine.sh(`for i in $(seq 100); do ${hub('status')} && break; sleep 0.1; done`);
  };

  it('makes a fresh Debian without Node a member that is back after a reboot, by three commands, in 15 seconds', () => {
    startHub();
    expect(machine.run(['sh', '-c', 'command -v node nodejs']).stdout).toBe('');
    expect(machine.run(['dpkg', '--status', 'libatomic1']).status).not.toBe(0);
    const began = performance.now();
    machine.sh('dpkg -i /root/first.deb');
    machine.sh(`evio join ${token} --name fresh --service`);
    machine.sh('systemctl stop evio && systemctl start evio');
    machine.sh(`for i in $(seq 15); do ping -c 1 -W 1 ${address} && exit; done; exit 1`);
    const took = performance.now() - began;
    console.log(`installed, joined, started again, pinged: ${(took / 1_000).toFixed(1)} s`);
    expect(took).toBeLessThan(15_000);
    expect(machine.sh('systemctl is-enabled evio')).toBe('enabled');
  });

  it('brings all that belongs to it, and has started nothing by itself', () => {
    expect(machine.sh('evio --version')).toMatch(/^evio\//);
    expect(machine.sh('dpkg --verify evio')).toBe('');
    expect(machine.sh('gzip -dc /usr/share/man/man1/evio-token-create.1.gz')).toContain('.SH EXAMPLES');
    expect(machine.sh('gzip -dc /usr/share/doc/evio/sbom.cdx.json.gz')).toContain('libatomic1');
    expect(machine.sh('bash -n /usr/share/bash-completion/completions/evio && echo ok')).toBe('ok');
    expect(machine.run(['systemctl', 'is-active', 'evio-relay']).stdout).toBe('inactive\n');
    expect(machine.run(['systemctl', 'is-enabled', 'evio-relay']).stdout).toBe('disabled\n');
  });

  it('runs, and keeps its addons where it was installed', () => {
    machine.sh('evio service install --relay --listen 127.0.0.1:3478 --public 127.0.0.1:3478');
    expect(machine.list('/etc/systemd/system').filter((name) => name.endsWith('.service'))).toEqual([]);
    expect(machine.sh('evio status')).toContain('home');
    expect(machine.list('/var/cache/evio')).toEqual([]);
    // All that the loader needs beside the system's own.
    const maps = machine.sh('cat /proc/$(systemctl show --value -p MainPID evio)/maps');
    expect([...new Set(maps.match(/\/usr\/lib\/evio\/\w+/g))].sort()).toEqual([
      '/usr/lib/evio/koffi',
      '/usr/lib/evio/libatomic',
    ]);
  });

  it('has on upgrade what runs go on, keeps what was set, and loses no packet', { timeout: 120_000 }, () => {
    const shown = (unit: string, name: string): string =>
      machine.sh(`systemctl show --value -p ${name} ${unit}`);
    const facts = (): string[] =>
      ['MainPID', 'ActiveEnterTimestampMonotonic'].map((name) => shown('evio', name));
    const [pid, since] = facts();
    const relay = shown('evio-relay', 'MainPID');
    const summary = machine.sh(`ping -q -i 0.001 ${address} > /tmp/ping & ping=$!
sleep 0.5; dpkg -i /root/second.deb >&2; sleep 0.5; kill -INT $ping; wait $ping; cat /tmp/ping`);
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(summary) as RegExpExecArray;
    console.log(`upgraded under a ping each millisecond: ${sent} sent, ${received} received`);
    expect(Number(sent)).toBeGreaterThan(500);
    // The last may be on its way.
    expect(Number(sent) - Number(received)).toBeLessThanOrEqual(1);
    expect(summary).not.toContain('duplicates');
    const [after, still] = facts();
    expect(after).not.toBe(pid);
    // It was not started anew.
    expect(still).toBe(since);
    expect(shown('evio', 'ActiveState')).toBe('active');
    expect(shown('evio-relay', 'ActiveState')).toBe('active');
    expect(shown('evio-relay', 'MainPID')).not.toBe(relay);
    expect(machine.sh('cat /etc/default/evio-relay')).toContain('127.0.0.1:3478');
    expect(machine.sh("dpkg-query -W -f '${Version}' evio")).toMatch(/-2$/);
  });

  it('loses no packet when it is started again', { timeout: 120_000 }, () => {
    const summary = machine.sh(`ping -q -i 0.001 ${address} > /tmp/ping & ping=$!
sleep 0.5; systemctl restart evio; sleep 1; systemctl restart evio; sleep 1.5; kill -INT $ping; wait $ping; cat /tmp/ping`);
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(summary) as RegExpExecArray;
    console.log(`started again twice under a ping each millisecond: ${sent} sent, ${received} received`);
    expect(Number(sent)).toBeGreaterThan(500);
    expect(Number(sent) - Number(received)).toBeLessThanOrEqual(1);
    expect(summary).not.toContain('duplicates');
  });

  it('starts nothing on upgrade that does not run', () => {
    machine.sh('systemctl stop evio-relay && dpkg -i /root/first.deb');
    expect(machine.run(['systemctl', 'is-active', 'evio', 'evio-relay']).stdout).toBe('active\ninactive\n');
  });

  it('keeps keys and networks when it is removed, and takes them when it is purged', () => {
    machine.sh('dpkg -r evio');
    expect(machine.run(['ip', 'link', 'show', 'evio0']).status).not.toBe(0);
    expect(machine.list('/var/lib/evio')).toContain('networks');
    expect(machine.sh('ip route show proto 144')).toContain('unreachable');
    machine.sh('dpkg -P evio');
    expect(machine.sh('ip route show proto 144; ip -6 route show proto 144')).toBe('');
    expect(machine.list('/var/lib/evio')).toEqual([]);
    expect(machine.sh('ls -d /usr/lib/evio /etc/default/evio-relay /usr/bin/evio* 2>/dev/null || true')).toBe(
      '',
    );
  });
});

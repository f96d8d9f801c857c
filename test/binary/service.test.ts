/** Services under a real systemd, in a Debian machine without Node (machine.ts says how to have one). */
import { realpathSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasMachine, Machine } from './machine.js';
import { hasBinary, librariesOf, program } from './support.js';

interface Report {
  enabled: string | null;
  active: string;
  pid: number | null;
  status: string | null;
  reason: string | null;
}

describe.runIf(hasMachine() && hasBinary())('services under systemd', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await Machine.start();
    machine.put(program, '/usr/bin/evio');
    // What the package brings.
    const atomic = librariesOf(program).find((path) => path.includes('libatomic')) as string;
    machine.put(realpathSync(atomic), '/lib/libatomic.so.1');
  });
  afterAll(async () => {
    await machine?.stop();
  });
  const status = (flag = ''): Report =>
    JSON.parse(machine.run(['sh', '-c', `evio service status --json ${flag}`]).stdout) as Report;
  const property = (unit: string, name: string): string =>
    machine.sh(`systemctl show --value --property=${name} ${unit}`);

  it('wait for the first network', () => {
    machine.sh('evio service install');
    expect(status()).toMatchObject({ enabled: 'enabled', active: 'inactive' });
    expect(property('evio', 'ConditionResult')).toBe('no');
    expect(machine.run(['evio', 'service', 'status']).status).toBe(3);
  });

  it('run the relay as a user of its own, with one capability', () => {
    machine.sh('evio service install --relay --listen 127.0.0.1:443 --public 127.0.0.1:443');
    const report = status('--relay');
    expect(report).toMatchObject({
      active: 'active',
      enabled: 'enabled',
      status: 'listens on 127.0.0.1:443',
    });
    const proc = machine.sh(`cat /proc/${report.pid}/status`);
    expect(proc).toMatch(/^CapPrm:\s+0000000000000400$/m);
    expect(proc).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(Number(/^Uid:\s+(\d+)/m.exec(proc)?.[1])).toBeGreaterThan(60_000);
    // The addon lies in the folder that systemd made for it, not in /tmp.
    expect(machine.list('/var/cache/private/evio-relay')).toHaveLength(1);
    expect(machine.list('/var/lib/private/evio-relay')).toContain('relay');
  });

  it('run the node with little, and the interface is there when systemd says so', () => {
    const url = machine.sh('journalctl -u evio-relay -o cat | grep -o "evio://[^ ]*" | head -1');
    machine.sh(`evio init home --relay '${url}'`);
    machine.sh('systemctl start evio');
    expect(machine.sh('ip -brief address show evio0')).toContain('10.144.');
    const report = status();
    expect(report).toMatchObject({ active: 'active', status: 'runs 1 network' });
    const proc = machine.sh(`cat /proc/${report.pid}/status`);
    // net_bind_service, net_admin, sys_nice.
    expect(proc).toMatch(/^CapPrm:\s+0000000000801400$/m);
    expect(proc).toMatch(/^CapBnd:\s+0000000000801400$/m);
    expect(JSON.parse(machine.sh('evio status --json'))).toMatchObject({ network: { name: 'home' } });
    const address = /10\.144\.\d+\.\d+/.exec(machine.sh('ip -brief address show evio0'))?.[0];
    expect(machine.sh(`ping -c 1 ${address}`)).toContain('1 received');
  });

  it('is not started again where only a person can mend it, and says what', () => {
    const profile = machine.sh('ls /var/lib/evio/networks/*/profile.json');
    machine.sh(`systemctl stop evio && mv ${profile} /root/profile.json && echo "{" > ${profile}`);
    expect(machine.run(['systemctl', 'start', 'evio']).status).not.toBe(0);
    machine.sh('sleep 3');
    expect(property('evio', 'ExecMainStatus')).toBe('6');
    expect(property('evio', 'NRestarts')).toBe('0');
    const { active, reason } = status();
    expect(active).toBe('failed');
    expect(reason).toContain('profile');
    const asked = machine.run(['evio', 'status']);
    expect(asked.status).toBe(3);
    expect(asked.stderr).toContain(reason as string);
    machine.sh(`mv /root/profile.json ${profile} && systemctl start evio`);
    expect(status()).toMatchObject({ active: 'active', reason: null });
  });

  it('go on after a restart where they ended, and a stop ends all', () => {
    const index = (): string => machine.sh('cat /sys/class/net/evio0/ifindex');
    const before = { index: index(), pids: ['evio', 'evio-relay'].map((unit) => property(unit, 'MainPID')) };
    machine.sh('systemctl restart evio evio-relay');
    expect(index()).toBe(before.index);
    for (const [i, unit] of ['evio', 'evio-relay'].entries()) {
      expect(property(unit, 'MainPID')).not.toBe(before.pids[i]);
      expect(machine.sh(`journalctl -u ${unit} -o cat`)).toContain('goes on where the process before ended');
      // All was taken out.
      expect(property(unit, 'NFileDescriptorStore')).toBe('0');
      expect(property(unit, 'ActiveState')).toBe('active');
    }
    // Another unit is what it is restarted for: its words count.
    machine.sh('mkdir -p /etc/systemd/system/evio.service.d');
    machine.sh(
      'printf "[Service]\\nExecStart=\\nExecStart=/usr/bin/evio node --port 4444\\n" > /etc/systemd/system/evio.service.d/port.conf',
    );
    machine.sh('systemctl daemon-reload && systemctl restart evio');
    expect(index()).not.toBe(before.index);
    expect(JSON.parse(machine.sh('evio status --json'))).toMatchObject({ device: { port: 4444 } });
    machine.sh(
      'rm -r /etc/systemd/system/evio.service.d && systemctl daemon-reload && systemctl restart evio',
    );
    machine.sh('systemctl stop evio');
    expect(machine.run(['ip', 'link', 'show', 'evio0']).status).not.toBe(0);
    expect(property('evio', 'Result')).toBe('success');
    machine.sh('systemctl start evio');
  });

  it('is started again when it was killed', { timeout: 60_000 }, async () => {
    const before = status().pid;
    machine.sh(`kill -9 ${before}`);
    await expect
      .poll(() => status(), { timeout: 30_000, interval: 200 })
      .toSatisfy((now: Report) => now.active === 'active' && now.pid !== before);
    expect(machine.sh('ip -brief address show evio0')).toContain('10.144.');
  });

  it(
    'is started again by the watchdog when it hangs, also as its own successor',
    { timeout: 180_000 },
    async () => {
      machine.sh('mkdir -p /etc/systemd/system/evio.service.d');
      machine.sh('printf "[Service]\\nWatchdogSec=5\\n" > /etc/systemd/system/evio.service.d/soon.conf');
      machine.sh('systemctl daemon-reload && systemctl restart evio');
      const first = status().pid;
      const since = property('evio', 'ActiveEnterTimestampMonotonic');
      machine.sh('systemctl reload evio');
      const before = status().pid;
      expect(before).not.toBe(first);
      // A healthy one outlives its watchdog.
      machine.sh('sleep 8');
      expect(status().pid).toBe(before);
      // For systemd nothing ended.
      expect(property('evio', 'ActiveEnterTimestampMonotonic')).toBe(since);
      expect(machine.run(['sh', '-c', `kill -0 ${first}`]).status).not.toBe(0);
      machine.sh(`kill -STOP ${before}`);
      await expect
        .poll(() => status(), { timeout: 100_000, interval: 500 })
        .toSatisfy((now: Report) => now.active === 'active' && now.pid !== before);
      expect(machine.sh('journalctl -u evio -o cat')).toContain('Watchdog timeout');
    },
  );

  it('go on as whoever came last, also where that is one after the other and no relay answers', async () => {
    // On a busy machine that watchdog would have the last word.
    machine.sh('rm -rf /etc/systemd/system/evio.service.d && systemctl daemon-reload');
    machine.sh('systemctl stop evio-relay && systemctl restart evio');
    const pids = ['evio upgrade --json', 'evio upgrade --json'].map(
      (line) => (JSON.parse(machine.sh(line)) as { pid: number }).pid,
    );
    expect(status()).toMatchObject({ active: 'active', pid: pids[1] });
    // The processes before end when they have waited for the relay long enough.
    await expect
      .poll(() => machine.run(['sh', '-c', `kill -0 ${pids[0]}`]).status, { timeout: 30_000, interval: 500 })
      .not.toBe(0);
    expect(status()).toMatchObject({ active: 'active', pid: pids[1] });
    machine.sh('systemctl start evio-relay');
  });

  it('are waited for at a stop, also when they went on as other processes', () => {
    for (const unit of ['evio', 'evio-relay']) {
      const first = property(unit, 'MainPID');
      machine.sh(`systemctl reload ${unit}`);
      const pid = property(unit, 'MainPID');
      expect(pid).not.toBe(first);
      expect(machine.sh(`cat /proc/${pid}/status`)).toMatch(/^PPid:\s+1$/m);
      machine.sh(`systemctl stop ${unit}`);
      // What is killed at a stop has failed.
      expect(property(unit, 'Result')).toBe('success');
      expect(property(unit, 'ActiveState')).toBe('inactive');
    }
    machine.sh('systemctl start evio-relay evio');
  });

  it('stay down after evio down, and are back after a start; uninstalled, nothing is left but the state', () => {
    machine.sh('evio down');
    expect(status()).toMatchObject({ active: 'inactive', status: null });
    machine.sh('systemctl start evio');
    expect(status().active).toBe('active');
    machine.sh('evio service uninstall && evio service uninstall --relay');
    expect(machine.list('/etc/systemd/system').filter((name) => /^evio.*service$/.test(name))).toEqual([]);
    expect(machine.run(['evio', 'service', 'status']).stdout).toContain('not installed');
    expect(machine.sh('ls /var/lib/evio/networks')).not.toBe('');
    expect(machine.run(['ip', 'link', 'show', 'evio0']).status).not.toBe(0);
  });
});

/**
 * Names by a real systemd-resolved, in mounts of its own beside a node: it asks the responder for what is the network's, and for
 * nothing else, and knows of nothing when the node has gone, however it went.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram, LabProcess, run, type RunResult } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from './support.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** Everybody may do everything on this bus; resolved asks by itself whether a caller has CAP_NET_ADMIN. */
const bus = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/></policy></busconfig>
`;

/** "$1" is the folder with the package, the bus's configuration, and room for files that are bound over those of /etc. */
const boot = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/systemd/resolve
{ cat /etc/passwd; echo systemd-resolve:x:990:990::/:/usr/sbin/nologin; } > "$1/passwd"
{ cat /etc/group; echo systemd-resolve:x:990:; } > "$1/group"
echo "nameserver 127.0.0.53" > "$1/resolv.conf"
for file in passwd group resolv.conf; do mount --bind "$1/$file" /etc/$file; done
chown 990:990 /run/systemd/resolve
dbus-daemon --config-file="$1/bus.conf" --fork --nopidfile
# Not as the first process, which would speak to the console.
SYSTEMD_LOG_TARGET=console "$1/root/lib/systemd/systemd-resolved"
`;

/** The Debian package, unpacked and not installed; false where it cannot be had. */
async function unpacked(folder: string): Promise<boolean> {
  if (!findProgram('dbus-daemon') || !findProgram('apt-get')) return false;
  mkdirSync(folder, { recursive: true });
  const options = { allowFailure: true, timeoutMs: 60_000 };
  await run(['sh', '-c', 'cd "$0" && timeout 30 apt-get download -q systemd-resolved', folder], options);
  const deb = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (deb === undefined) return false;
  await run(['dpkg', '-x', join(folder, deb), join(folder, 'root')], options);
  const version = await run([join(folder, 'root/usr/bin/resolvectl'), '--version'], options);
  return version.status === 0 && existsSync(join(folder, 'root/lib/systemd/systemd-resolved'));
}

describe('names by systemd-resolved', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let resolved: LabProcess | undefined;
  let enter: readonly string[] = [];
  let why = '';

  const inside = (...argv: string[]): Promise<RunResult> =>
    run([...enter, ...argv], { ns: a.ns, allowFailure: true, timeoutMs: 20_000 });
  const query = async (name: string): Promise<string> => (await inside('resolvectl', 'query', name)).stdout;

  async function start(): Promise<void> {
    a.node.launch(['node', '--dns', 'resolved']);
    await a.node.up();
    await expect
      .poll(() => a.node.json(['dns', 'status']), { timeout: 15_000 })
      .toMatchObject({ way: 'resolved', fault: null });
    await reaches(a, b, 15_000);
  }

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    [a, b] = net.nodes as [TestNode, TestNode];
    await reaches(a, b, 15_000);
    await a.node.stop();
    const folder = join(net.rig.folder, 'resolved');
    if (!(await unpacked(folder))) {
      why = 'dbus-daemon, apt-get or the package systemd-resolved is missing here';
      return;
    }
    writeFileSync(join(folder, 'bus.conf'), bus);
    const words = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', boot, 'boot', folder];
    resolved = new LabProcess(words, { ns: a.ns });
    try {
      await resolved.line(/Using system hostname/, 10_000);
    } catch {
      why = 'systemd-resolved does not run in mounts of its own here';
      return;
    }
    const { stdout } = await run(['pgrep', '-f', '-n', `^${folder}/root/lib/systemd/systemd-resolved`], {});
    enter = [
      'nsenter',
      '--target',
      stdout.trim(),
      '--mount',
      'env',
      `PATH=${folder}/root/usr/bin:${process.env['PATH']}`,
    ];
    const wrapper = join(folder, 'evio');
    writeFileSync(
      wrapper,
      `#!/bin/sh\nexec ${enter.map((word) => `'${word}'`).join(' ')} '${process.execPath}' '${program}' "$@"\n`,
    );
    chmodSync(wrapper, 0o755);
    a.node.program = wrapper;
  });
  afterAll(async () => {
    await net?.destroy();
    await resolved?.stop(1_000);
  });

  it('are found, both ways, and nothing else is asked for here', async (context) => {
    if (why !== '') return context.skip(why);
    await start();
    expect(await query(`${b.node.name}.lab.evio`)).toContain(b.node.ip);
    expect(await query(b.node.ip)).toContain(`${b.node.name}.lab.evio`);
    expect((await inside('resolvectl', 'query', 'nobody.lab.evio')).stderr).toMatch(/not found|NXDOMAIN/i);
    const before = await a.node.json<{ queries: { refused: number } }>(['dns', 'status']);
    expect((await inside('resolvectl', 'query', 'example.org')).status).not.toBe(0);
    const after = await a.node.json<{ queries: { refused: number } }>(['dns', 'status']);
    expect(after.queries.refused).toBe(before.queries.refused);
  });

  it('are forgotten when the node stops, and when it is killed', async (context) => {
    if (why !== '') return context.skip(why);
    await a.node.stop();
    expect((await inside('resolvectl', 'domain')).stdout).not.toContain('lab.evio');
    await start();
    a.node.process?.kill('SIGKILL');
    await a.node.stop();
    expect((await inside('resolvectl', 'domain')).stdout).not.toContain('lab.evio');
  });
});

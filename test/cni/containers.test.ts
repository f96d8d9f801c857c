/**
 * Containers without Kubernetes: podman's and containerd's of Debian, on nodes behind different NATs, have the pod network of the
 * plugin, and leave nothing when they are removed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shell } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from '../lab/support.js';
import { ContainerHost, missing } from './containers.js';
import { buildOther, othersToo } from './tools.js';

if (missing !== undefined) console.log(missing);

const networks = [
  ['pods', 'routed', /^10\.244\./],
  ['flat', 'flat', /^10\.144\./],
] as const;

/** Nobody has the right to raise limits here; and podman's own default has no right to `ping`. */
const humble = ['--cap-add', 'NET_RAW', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
const pings = ['ping', '-c', '2', '-W', '2'];

describe.skipIf(missing !== undefined)('containers without Kubernetes', () => {
  let net: TestNet;
  let hosts: ContainerHost[] = [];

  /** Interfaces, tables of nftables, addresses that the plugins hold. */
  const leftOf = async (host: ContainerHost): Promise<string> => {
    const { ns } = host.place;
    const links = await shell(
      ns,
      "ip -o link | cut -d: -f2 | grep -vE ' (lo|eth[0-9]|evio[0-9])(@|$)' || true",
    );
    const tables = await shell(ns, 'nft list tables | grep evio-cni || true');
    const { stdout } = await host.run(
      'sh',
      '-c',
      "ls /var/lib/cni/networks/*/ /var/lib/evio/pods 2>/dev/null | grep '^[0-9]' || true",
    );
    return links + tables + stdout;
  };

  /** What an attempt that failed has left. */
  const clean = async (): Promise<void> => {
    const lines = [
      'podman rm -f -t 0 -a',
      'ctr tasks kill -s KILL two; sleep 0.5; ctr containers delete two',
      'rm -f /etc/cni/net.d/*.conflist',
    ];
    for (const host of hosts) await host.run('sh', '-c', `{ ${lines.join('; ')}; } >/dev/null 2>&1; true`);
  };

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' });
    const [maker] = net.nodes as [TestNode];
    const made = await maker.node.json<{ token: string }>([
      ...['token', 'create', '--uses', '2', '--right', 'route'],
    ]);
    for (const nat of ['endpoint-independent', 'address-and-port-dependent'] as const) {
      const place = await net.place({ nat });
      place.node.launch(['join', made.token, '--name', place.node.name]);
      await place.node.up();
      hosts.push(await ContainerHost.on(place));
    }
    const [a, b] = hosts as [ContainerHost, ContainerHost];
    await reaches(a.place, b.place, 10_000);
    await Promise.all(hosts.map((host) => host.importImage()));
  }, 300_000);
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.destroy()));
    hosts = [];
    await net?.destroy();
  }, 60_000);

  it.each(networks)(
    'podman and containerd, network %s (%s): find each other across NATs, and go without a trace',
    async (name, mode, range) => {
      const [a, b] = hosts as [ContainerHost, ContainerHost];
      await clean();
      for (const host of hosts) await host.configure(name, { type: 'evio-cni', mode });
      const run = ['podman', 'run', '-d', '--name', 'one', '--network', name, ...humble];
      await Promise.all(
        hosts.map((host) => host.run(...run, `--cgroup-parent=${host.cgroup}`, 'box', 'sleep', '1000')),
      );
      const at = `{{(index .NetworkSettings.Networks "${name}").IPAddress}}`;
      const ip = (await b.run('podman', 'inspect', '-f', at, 'one')).stdout.trim();
      expect(ip).toMatch(range);
      expect((await a.run('podman', 'exec', 'one', ...pings, ip)).stdout).toMatch(/[1-9] packets received/);
      // One of containerd, which takes the first configuration of the folder: here the only one.
      const two = a.containerd('two');
      await expect
        .poll(() => two.exec(...pings, ip).then(({ stdout }) => stdout), { timeout: 20_000, interval: 500 })
        .toMatch(/[1-9] packets received/);
      expect(await leftOf(a)).not.toBe('');
      await two.end();
      for (const host of hosts) {
        await host.run('podman', 'rm', '-f', '-t', '0', 'one');
        await host.run('rm', `/etc/cni/net.d/${name}.conflist`);
        expect(await leftOf(host)).toBe('');
      }
    },
    120_000,
  );

  // Last: nerdctl adds a network of its own, which `ctr` would take.
  it.skipIf(!othersToo).each(networks)(
    'nerdctl, network %s (%s): the same',
    async (name, mode, range) => {
      const nerdctl = [await buildOther('nerdctl'), '--cgroup-manager=cgroupfs'];
      const [a, b] = hosts as [ContainerHost, ContainerHost];
      await clean();
      for (const host of hosts) await host.configure(name, { type: 'evio-cni', mode });
      const image = ['localhost/box:latest', 'sleep', '1000'];
      for (const host of hosts) {
        const run = ['run', '-d', '--name', 'one', '--net', name, `--cgroup-parent=${host.cgroup}`];
        await host.run(...nerdctl, ...run, ...image);
      }
      const shown = await b.run(...nerdctl, 'inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'one');
      expect(shown.stdout).toMatch(range);
      const { stdout } = await a.run(...nerdctl, 'exec', 'one', ...pings, shown.stdout.trim());
      expect(stdout).toMatch(/[1-9] packets received/);
      for (const host of hosts) {
        await host.run(...nerdctl, 'rm', '-f', 'one');
        await host.run('rm', `/etc/cni/net.d/${name}.conflist`);
        expect(await leftOf(host)).toBe('');
      }
    },
    20 * 60_000,
  );
});

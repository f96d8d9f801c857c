/** Both families, and what must be refused, named, and leave nothing behind. */
import { expect, it } from 'vitest';
import type { LabProcess } from '../../src/lab/exec.js';
import { whole } from './tools.js';
import { web } from './workloads.js';
import type { World } from './world.js';

interface Status {
  readonly device: { readonly drops: Readonly<Record<string, number>> };
  readonly refusals?: readonly { readonly name: string; readonly reasons?: object }[];
}

export function familyCases(world: () => World): void {
  it('has pods of both families', async () => {
    const { cluster } = world();
    for (const to of cluster.nodes) {
      const ips = await cluster.path(`pod web-${to.name}`, '{.status.podIPs[*].ip}');
      const six = ips.split(' ').find((ip) => ip.includes(':')) ?? '';
      expect([to.name, six]).toEqual([to.name, expect.stringMatching(/^fd44:4:/)]);
      for (const from of cluster.nodes)
        expect([from.name, await world().get(from, six, 8080)]).toEqual([from.name, `web-${to.name}`]);
    }
  });

  it('forwards ports', async () => {
    const { cluster } = world();
    const forward: LabProcess = cluster.control.spawn(
      cluster.kubectlCommand(['port-forward', `pod/web-${world().node(2).name}`, '18080:8080']),
    );
    try {
      await forward.line(/Forwarding from 127/, 20_000);
      expect(await world().curl(cluster.control, 'http://127.0.0.1:18080/')).toBe(
        `web-${world().node(2).name}`,
      );
    } finally {
      await forward.stop(2_000);
    }
  });
}

export function refusalCases(world: () => World): void {
  it('refuses a pod, and a node, that sends as the pod of another node, and names the node', async () => {
    const { cluster, pods } = world();
    const [a, b, c] = [world().node(0), world().node(1), world().node(2)];
    const stolen = `${pods.get(c)}`;
    const forge = async (words: readonly string[]): Promise<number> => {
      await a.on([...words, 'ip', 'addr', 'add', `${stolen}/32`, 'dev', 'lo']);
      const ping = ['ping', '-n', '-c', '20', '-i', '0.05', '-W', '1', '-I', stolen, pods.get(b) ?? ''];
      const { status } = await a.on([...words, ...ping], { allowFailure: true });
      await a.on([...words, 'ip', 'addr', 'del', `${stolen}/32`, 'dev', 'lo']);
      return status;
    };
    const dropsOf = async (): Promise<number> =>
      (await b.place.node.json<Status>(['status'])).device.drops['guard-ip'] ?? 0;
    const chains = async (): Promise<string> =>
      (await a.on(['nft', 'list', 'table', 'bridge', 'evio-cni-evio-pods'])).stdout;
    const dropped = (text: string): number =>
      [...text.matchAll(/counter packets (\d+)[^\n]* drop/g)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    const before = dropped(await chains());
    expect(await forge(await world().inside({ machine: a, pod: `web-${a.name}` }))).not.toBe(0);
    expect(dropped(await chains())).toBeGreaterThan(before);
    const drops = await dropsOf();
    expect(await forge([])).not.toBe(0);
    expect(await dropsOf()).toBeGreaterThanOrEqual(drops + 20);
    const { refusals } = await b.place.node.json<Status>(['status']);
    expect(JSON.stringify(refusals)).toContain(`"${a.name}"`);
    // And a range that another node has is not to be had.
    const range = await cluster.path(`node ${c.name}`, '{.spec.podCIDR}');
    const { node } = cluster.control.place;
    const taken = await node.cli(['route', 'announce', range, '--json'], { allowFailure: true });
    expect(taken.stdout).toContain('EVIO_SUBNET_TAKEN');
    expect(taken.stdout).toContain(c.place.node.name);
    expect(await world().get(a, stolen, 8080)).toBe(`web-${c.name}`);
  });

  it.runIf(whole)(
    'connects no pod while the disk is full, says so, and leaves nothing behind',
    async () => {
      const { cluster } = world();
      const a = world().node(0);
      const shell = async (script: string): Promise<string> => (await a.on(['sh', '-ec', script])).stdout;
      const held = '/var/lib/cni';
      // Interfaces on the bridge, and addresses that are given.
      const counts = (): Promise<string> =>
        shell(`ls /sys/class/net/evio-pods/brif | wc -l; ls ${held}/networks/*/ | grep -c '[.:]' || true`);
      const before = await counts();
      await shell(
        `cp -a ${held} /run/held; mount -t tmpfs -o size=256k tmpfs ${held}; cp -a /run/held/. ${held}/; dd if=/dev/zero of=${held}/filler bs=4k 2>/dev/null || true`,
      );
      await cluster.apply(web(a.name, 'squeezed', { app: 'squeezed', only: a.name }));
      await cluster.until('the pod waits, and says why', 40_000, async () => {
        const { stdout } = await cluster.kubectl([
          'get',
          'events',
          '-o',
          'jsonpath={.items[*].message}',
          ...of('squeezed'),
        ]);
        return /no space left on device/i.test(stdout) || stdout.slice(-400);
      });
      await shell(`rm ${held}/filler`);
      await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/squeezed', '--timeout=60s']);
      await cluster.kubectl(['delete', 'pod', 'squeezed', '--timeout=30s']);
      await cluster.until('nothing is left', 15_000, async () => {
        const now = await counts();
        return now === before || `${before} before, ${now} now`;
      });
      await shell(`cp -a ${held}/. /run/held/; umount ${held}; rm -rf ${held}; mv /run/held ${held}`);
    },
    240_000,
  );

  it('has no pod network where the range of the pods is one of the machine, and says so', async () => {
    const { cluster } = world();
    const a = world().node(0);
    const range = await cluster.path(`node ${a.name}`, '{.spec.podCIDR}');
    const address = range.replace('0/24', '250/32');
    await a.on(['ip', 'addr', 'add', address, 'dev', 'eth0']);
    await world()
      .agentOf(a)
      .line(/EVIO_POD_RANGE.*eth0/, 20_000);
    expect((await a.on(['ls', '/etc/cni/net.d'])).stdout.trim()).toBe('');
    // Pods that are there go on.
    expect(await world().get(world().node(1), world().pods.get(a) ?? '', 8080)).toBe(`web-${a.name}`);
    await a.on(['ip', 'addr', 'del', address, 'dev', 'eth0']);
    await cluster.until('it is back', 20_000, async () => {
      return (await a.on(['ls', '/etc/cni/net.d'])).stdout.trim() === '10-evio.conflist';
    });
  });
}

/** Events of this pod. */
const of = (pod: string): string[] => ['--field-selector', `involvedObject.name=${pod}`];

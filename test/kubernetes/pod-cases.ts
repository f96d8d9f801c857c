/** Services by both families, pods that are neighbours in the network, and pods that come while nobody looks. */
import { expect, it } from 'vitest';
import type { RunResult } from '../../src/lab/exec.js';
import type { Machine } from './machine.js';
import { service, web } from './workloads.js';
import type { World } from './world.js';

const flat = { cniVersion: '1.0.0', name: 'flat', type: 'evio-cni', mode: 'flat', gateway: true };

/** Calls the plugin for a namespace of the machine, as a runtime would. */
function plugin(machine: Machine, command: 'ADD' | 'DEL', ns: string): Promise<RunResult> {
  const environment = {
    EVIO_HOME: machine.place.node.home,
    CNI_COMMAND: command,
    CNI_CONTAINERID: ns,
    CNI_NETNS: `/run/netns/${ns}`,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/opt/cni/bin',
  };
  const words = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  return machine.on(['env', ...words, '/opt/cni/bin/evio-cni'], { input: JSON.stringify(flat) });
}

export function podCases(world: () => World): void {
  it('gives Services of type LoadBalancer addresses of their families', async () => {
    const { cluster } = world();
    const b = world().node(1);
    const type = 'LoadBalancer';
    await cluster.apply(
      service('dual', { type, ipFamilyPolicy: 'RequireDualStack' }),
      service('six', { type, ipFamilies: ['IPv6'] }),
      service('near', {
        ...{ type, ipFamilies: ['IPv6'], externalTrafficPolicy: 'Local', selector: { only: b.name } },
      }),
    );
    const addresses = async (name: string, count: number): Promise<string[]> => {
      let ips: string[] = [];
      await cluster.until(`${name} has its addresses`, 20_000, async () => {
        ips = (await cluster.path(`service ${name}`, '{.status.loadBalancer.ingress[*].ip}')).split(' ');
        return ips.filter(Boolean).length === count || ips.join(' ');
      });
      return ips;
    };
    const answers = async (ip: string, who: RegExp): Promise<void> => {
      const url = ip.includes(':') ? `http://[${ip}]/` : `http://${ip}/`;
      await cluster.until(`${url} answers`, 20_000, async () => {
        const got = await world().curl(cluster.control, url);
        return who.test(got) || got;
      });
    };
    const any = /^web-n\d$/;
    const dual = await addresses('dual', 2);
    expect(dual.map((ip) => ip.replace(/\d+$/, 'N')).sort()).toEqual(['10.145.0.N', 'fd45:1::N']);
    for (const ip of dual) await answers(ip, any);
    for (const ip of await addresses('six', 1)) {
      expect(ip).toMatch(/^fd45:1::/);
      await answers(ip, any);
      for (const node of cluster.nodes) expect(await world().get(node, ip, 80)).toMatch(any);
    }
    // Where it keeps to local endpoints the pod sees who asks, by IPv6 as well.
    for (const ip of await addresses('near', 1)) await answers(ip, new RegExp(`^web-${b.name}$`));
    const { stdout } = await cluster.control.on([
      'ip',
      '-6',
      '-o',
      'addr',
      'show',
      'evio0',
      'scope',
      'global',
    ]);
    await world().seenBy(b, /inet6 ([0-9a-f:]+)\//.exec(stdout)?.[1] ?? 'nobody');
    await cluster.kubectl(['delete', 'service', 'dual', 'six', 'near']);
  }, 120_000);

  it('has Services of both families by ClusterIP, also for pods that are neighbours in the network, which reach pods by their node', async () => {
    const { cluster } = world();
    const a = world().node(0);
    await cluster.apply(service('both', { type: 'ClusterIP', ipFamilyPolicy: 'RequireDualStack' }));
    const ips = (await cluster.path('service both', '{.spec.clusterIPs[*]}')).split(' ');
    expect(ips).toEqual([expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd96:1::/)]);
    const everyPod = cluster.nodes.map(({ name }) => `web-${name}`).join(' ');
    /** Every pod answers, sooner or later. */
    const allOf = (who: string, ip: string, ask: () => Promise<string>): Promise<number> =>
      cluster.until(`every pod answers ${who} by ${ip}`, 30_000, async () => {
        const seen = new Set<string>();
        for (let i = 0; i < 20 && seen.size < cluster.nodes.length; i++) seen.add(await ask());
        const found = [...seen].sort().join(' ');
        return found === everyPod || found;
      });
    const six = ips[1] ?? '';
    for (const node of cluster.nodes) await allOf(node.name, six, () => world().get(node, six, 80));

    const ns = 'neighbour';
    const asks = async (ip: string, port: number): Promise<string> => {
      const url = `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}/`;
      const curl = ['ip', 'netns', 'exec', ns, 'curl', '-sg', '-m', '3', url];
      return (await a.on(curl, { allowFailure: true })).stdout.trim();
    };
    await a.on(['ip', 'netns', 'add', ns]);
    try {
      await plugin(a, 'ADD', ns);
      for (const ip of ips) await allOf('a neighbour', ip, () => asks(ip, 80));
      for (const { name } of cluster.nodes) {
        const own = (await cluster.path(`pod web-${name}`, '{.status.podIPs[*].ip}')).split(' ');
        expect(own).toHaveLength(2);
        for (const ip of own) expect([ip, await asks(ip, 8080)]).toEqual([ip, `web-${name}`]);
      }
    } finally {
      await plugin(a, 'DEL', ns);
      await a.on(['ip', 'netns', 'delete', ns]);
    }
    await cluster.kubectl(['delete', 'service', 'both']);
  }, 180_000);

  it('connects pods while its agent is away, and lets them speak once it has seen them', async () => {
    const { cluster } = world();
    const a = world().node(0);
    await world().agentOf(a).stop();
    await cluster.apply(web(a.name, 'late', { app: 'late', only: 'late' }));
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/late', '--timeout=60s'], {
      timeoutMs: 70_000,
    });
    const url = `http://${await cluster.path('pod late', '{.status.podIP}')}:8080/`;
    // Nobody knows what the policies say of it: it is cut off, but for its own node, which probes it.
    await cluster.until(
      'its own node reaches it',
      10_000,
      async () => (await world().curl(a, url)) === 'late',
    );
    expect(await world().curl(cluster.control, url, 2)).toBe('');
    cluster.agent(a, world().kubeconfig);
    await cluster.until('everybody reaches it', 20_000, async () => {
      return (await world().curl(cluster.control, url, 1)) === 'late';
    });
    await cluster.kubectl(['delete', 'pod', 'late', '--wait=false']);
  }, 180_000);
}

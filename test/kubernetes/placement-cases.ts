/** Workloads move: their node dies, is emptied, or comes back as another machine of the same name. */
import { expect, it } from 'vitest';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../src/lab/exec.js';
import { Machine } from './machine.js';
import { whole } from './tools.js';
import { service, stateful } from './workloads.js';
import type { World } from './world.js';

export function placementCases(world: () => World): void {
  /** Address of the Service that goes with the StatefulSet's pod. */
  let ip = '';

  const hasMoved = async (name: string): Promise<number> => {
    const { cluster } = world();
    return cluster.until(`${ip} answers from ${name}`, 90_000, async () => {
      const got = await world().curl(cluster.control, `http://${ip}/`, 1);
      return got === name || got;
    });
  };
  const nodeOf = (pod: string): Promise<string> => world().cluster.path(`pod ${pod}`, '{.spec.nodeName}');

  it.runIf(whole)(
    'moves a StatefulSet and its address when its node is emptied',
    async () => {
      const { cluster } = world();
      const [a, b] = [world().node(0), world().node(1)];
      const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: { app: 'db' } };
      await cluster.apply(stateful('db', [a.name, b.name]), service('db', local));
      await cluster.until('the address is there', 60_000, async () => {
        ip = await cluster.path('service db', '{.status.loadBalancer.ingress[0].ip}');
        return ip !== '' && (await cluster.path('pod db-0', '{.status.phase}')) === 'Running';
      });
      const first = await nodeOf('db-0');
      const second = first === a.name ? b.name : a.name;
      await hasMoved(first);
      const begun = performance.now();
      await cluster.kubectl([
        'drain',
        first,
        '--ignore-daemonsets',
        '--pod-selector=app=db',
        '--timeout=60s',
      ]);
      await hasMoved(second);
      console.log(`drained: the address answers elsewhere after ${Math.round(performance.now() - begun)} ms`);
      await cluster.kubectl(['uncordon', first]);
      expect(await nodeOf('db-0')).toBe(second);
    },
    240_000,
  );

  it.runIf(whole)(
    'moves them when the node dies',
    async () => {
      const { cluster } = world();
      const first = await nodeOf('db-0');
      const other = [world().node(0), world().node(1)].find(({ name }) => name !== first) as Machine;
      const dies = cluster.nodes.find(({ name }) => name === first) as Machine;
      await dies.place.site.unplug(true);
      await cluster.ready(dies, 'Unknown', 60_000);
      // Nobody but a person knows that a machine does not come back: this is how Kubernetes is told.
      const taint = 'node.kubernetes.io/out-of-service';
      await cluster.kubectl(['taint', 'node', first, `${taint}=nodeshutdown:NoExecute`]);
      const begun = performance.now();
      await hasMoved(other.name);
      console.log(
        `node dead: pod and address have moved ${Math.round(performance.now() - begun)} ms after the taint`,
      );
      await cluster.kubectl(['taint', 'node', first, `${taint}-`]);
      await dies.place.site.unplug(false);
      await cluster.ready(dies, 'True', 60_000);
      // The one that is back does not draw the address to where no pod is.
      await sleep(3_000);
      expect(await world().curl(cluster.control, `http://${ip}/`)).toBe(other.name);
    },
    300_000,
  );

  it.runIf(whole)(
    'takes a machine that was set up anew under its name, once the old one is revoked',
    async () => {
      const { cluster } = world();
      const old = world().node(2);
      const range = await cluster.path(`node ${old.name}`, '{.spec.podCIDR}');
      await old.stop();
      old.place.node.process?.kill('SIGKILL');
      await old.place.node.process?.exited;
      rmSync(old.place.node.home, { recursive: true });
      const place = await cluster.net.place({ nat: 'udp-blocked' }, `${old.name}again`);
      place.node.launch(['join', await cluster.token(), '--name', place.node.name]);
      await place.node.up();
      const fresh = new Machine(place, join(cluster.folder, 'again'), old.name);
      await fresh.start();
      cluster.nodes[2] = fresh;
      await fresh.runtime();
      fresh.kubelet(cluster.pki);
      fresh.proxy(cluster.pki);
      await cluster.install(fresh);
      const agent = cluster.agent(fresh, world().kubeconfig);
      // The Node object is the old one, and so is its range, which the machine that is gone has announced.
      await agent.line(/EVIO_SUBNET_TAKEN/, 30_000);
      await cluster.control.place.node.cli(['revoke', old.name]);
      const begun = performance.now();
      await agent.line(/"event":"ready"/, 30_000);
      await cluster.ready(fresh, 'True', 30_000);
      console.log(
        `set up anew: ready ${Math.round(performance.now() - begun)} ms after the old one was revoked`,
      );
      expect(await cluster.path(`node ${fresh.name}`, '{.spec.podCIDR}')).toBe(range);
      const { routes } = await cluster.control.place.node.json<{
        routes: { cidr: string; name: string; state: string }[];
      }>(['route', 'list']);
      const holders = routes.filter(({ cidr, state }) => cidr === range && state === 'active');
      expect(holders.map(({ name }) => name)).toEqual([place.node.name]);
      // Its pod is made again there, and is reached.
      const pod = `web-${fresh.name}`;
      await cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s']);
      const address = await cluster.path(`pod ${pod}`, '{.status.podIP}');
      world().pods.set(fresh, address);
      for (const from of [world().node(0), world().node(1)])
        expect(await world().get(from, address, 8080)).toBe(pod);
    },
    240_000,
  );
}

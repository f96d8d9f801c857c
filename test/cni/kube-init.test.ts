/**
 * `evio kube init` is killed at any instant: it goes on when it is called again, and what is half done is taken back. (With
 * kubeadm: test/kubernetes.)
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/lab/exec.js';
import { fileURLToPath } from 'node:url';
import { TestNet, type TestNode } from '../lab/support.js';
import { ContainerHost, missing } from './containers.js';

if (missing !== undefined) console.log(missing);

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const rounds = Number(process.env['EVIO_TEST_INIT_KILLS'] ?? 2);

describe.skipIf(missing !== undefined)('evio kube init', () => {
  let net: TestNet;
  let maker: TestNode;
  let host: ContainerHost;

  const evio = (...words: string[]): string[] => [
    // What looks for a kubelet finds one; nothing of this runs it.
    ...['env', `PATH=/run/programs:${process.env['PATH'] ?? ''}`, 'EVIO_HOME=/var/lib/evio'],
    ...[process.execPath, program, ...words],
  ];
  const init = (token: string): string[] =>
    evio('kube', 'init', '--json', '--no-service', token, '--name', 'worker');
  const invite = async (): Promise<string> => {
    const asked = ['token', 'create', '--right', 'route'];
    return (await maker.node.json<{ token: string }>(asked)).token;
  };
  const shown = (path: string): Promise<string> => host.run('cat', path).then(({ stdout }) => stdout);

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' });
    [maker] = net.nodes as [TestNode];
    const place = await net.place({ nat: 'endpoint-independent' });
    host = await ContainerHost.on(place);
    await host.run('cp', `/etc/netns/${place.ns}/hosts`, '/etc/hosts');
    await host.run('sh', '-c', 'mkdir /run/programs && ln -s /bin/true /run/programs/kubelet');
    await host.ready();
  }, 300_000);
  afterAll(async () => {
    await host?.destroy();
    await net?.destroy();
  }, 60_000);

  it(
    'goes on after it was killed, and what is half done is taken back',
    async () => {
      const leave = (): Promise<RunResult> => host.run('sh', '-c', `${evio('leave').join(' ')} || true`);
      // Of an attempt that failed.
      await host.run(...evio('kube', 'reset', '--json'));
      await leave();
      const clean = await host.changes();
      let wholeMs = 0;
      for (let round = 0; round <= rounds; round++) {
        const token = await invite();
        if (round > 0) await host.killed(init(token), Math.random() * wholeMs, Math.random() < 0.5);
        if (round % 2 === 0) {
          const begun = performance.now();
          const made: RunResult = await host.run(...init(token));
          if (round === 0) wholeMs = performance.now() - begun;
          const { node } = JSON.parse(made.stdout) as { node: { name: string; ip: string } };
          expect(node.name).toBe('worker');
          expect(await shown('/etc/default/kubelet')).toBe(`KUBELET_EXTRA_ARGS="--node-ip=${node.ip}"\n`);
          expect((await host.run('ls', '/opt/cni/bin')).stdout).toBe(
            'evio-cni\nhost-local\nloopback\nportmap\n',
          );
          // One node runs, and the network has one member more.
          const { stdout } = await host.run(...evio('status', '--json'));
          expect(JSON.parse(stdout)).toMatchObject({ node: { ip: node.ip } });
          const peers = await maker.node.json<{ peers: { name: string; state: string }[] }>(['peers']);
          const there = peers.peers.filter(({ state }) => state === 'connected').map(({ name }) => name);
          expect(there).toEqual(['worker']);
        }
        await host.run(...evio('kube', 'reset', '--json'));
        expect(await host.changes()).toBe(clean);
        expect((await host.run('ls', '-A', '/var/lib/evio')).stdout).not.toContain('kube-init.json');
        // It stays a member, where it came to be one.
        await leave();
      }
    },
    (rounds + 2) * 20_000,
  );
});

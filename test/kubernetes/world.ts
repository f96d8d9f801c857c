/** The cluster with its pods, as the cases share it: one cluster for all of them, one after the other. */
import { fileURLToPath } from 'node:url';
import type { LabProcess } from '../../src/lab/exec.js';
import type { Cluster } from './cluster.js';
import type { Machine } from './machine.js';

const program = fileURLToPath(new URL('../support/flow.mjs', import.meta.url));
/** Between two datagrams of a stream, ms. */
const paceMs = 20;
let nextPort = 7_000;

export interface Flow {
  /** The longest time without a datagram, without the pace itself, ms. */
  readonly gapMs: number;
  readonly sent: number;
  readonly lost: number;
}

/** Where a stream begins or ends: a pod, or a machine of the cluster itself. */
export interface End {
  readonly machine: Machine;
  readonly pod?: string;
}

export class World {
  readonly cluster: Cluster;
  /** Of the account that the manifest makes. */
  kubeconfig = '';
  /** IPv4 address of the pod `web-NODE` of each node. */
  readonly pods = new Map<Machine, string>();

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  node(index: 0 | 1 | 2): Machine {
    return this.cluster.nodes[index] as Machine;
  }

  agentOf(machine: Machine): LabProcess {
    return machine.daemons.get('agent') as LabProcess;
  }

  /** What a pod gets of an address: the name of the pod that answers. (Debian's busybox has a wget that crashes.) */
  async get(from: Machine, address: string, port: number, waitS = 4): Promise<string> {
    return this.ask(`web-${from.name}`, address, port, waitS);
  }

  async ask(pod: string, address: string, port: number, waitS = 4): Promise<string> {
    const asks = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w ${waitS} ${address} ${port} | tail -n 1`;
    const { stdout, stderr } = await this.cluster.kubectl(['exec', pod, '--', 'sh', '-c', asks], {
      allowFailure: true,
    });
    return stdout.trim() || stderr.trim();
  }

  async curl(from: Machine, url: string, waitS = 3): Promise<string> {
    const { stdout } = await from.on(['curl', '-sg', '-m', String(waitS), url], { allowFailure: true });
    return stdout.trim();
  }

  /** The pod of a node was asked by this address. */
  seenBy(machine: Machine, address: string): Promise<number> {
    return this.cluster.until(`the pod of ${machine.name} sees ${address}`, 10_000, async () => {
      const { stdout } = await this.cluster.kubectl(['logs', `web-${machine.name}`]);
      return stdout.includes(`${address}]`) || stdout.includes(`${address}:`);
    });
  }

  /** Words before a program that make it run in the network of a pod, on the machine itself. */
  async inside({ machine, pod }: End): Promise<string[]> {
    if (pod === undefined) return [];
    const id = await this.cluster.path(`pod ${pod}`, '{.status.containerStatuses[0].containerID}');
    const { stdout } = await machine.on(['ctr', '-n', 'k8s.io', 'tasks', 'ls']);
    const line = stdout.split('\n').find((text) => text.startsWith(id.replace('containerd://', '')));
    const pid = line?.split(/\s+/)[1];
    if (pid === undefined) throw new Error(`${pod} does not run on ${machine.name}: ${stdout}`);
    return ['nsenter', '-t', pid, '-n', '--'];
  }

  /** A stream of datagrams, fifty a second, while something happens. */
  async during(from: End, to: End, address: string, happens: () => Promise<unknown>): Promise<Flow> {
    const port = String(nextPort++);
    const node = [process.execPath, program];
    const receiver = to.machine.spawn([...(await this.inside(to)), ...node, 'receive', address, port]);
    await receiver.line(/listening/, 10_000);
    const sender = from.machine.spawn([
      ...(await this.inside(from)),
      ...node,
      ...['send', address, port, String(paceMs)],
    ]);
    try {
      await receiver.line(/first/, 20_000);
      await happens();
    } finally {
      await sender.stop(5_000);
      await receiver.stop(5_000);
    }
    const last = <T>(process: LabProcess): T => JSON.parse(process.stdout.at(-1) ?? '{}') as T;
    const { sent } = last<{ sent: number }>(sender);
    const { received, longestMs, lastMs } = last<{ received: number; longestMs: number; lastMs: number }>(
      receiver,
    );
    // A stream that does not come back is a gap to the end; the sender ends 0.3 s before the receiver is asked.
    return { gapMs: Math.max(longestMs, lastMs - 1_000) - paceMs, sent, lost: sent - received };
  }
}

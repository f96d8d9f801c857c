/**
 * One real node with many peers: the hub runs the real binary, interface and packet thread; its peers are a crowd in
 * one other process (crowd.ts). Every peer is a session of its own, direct, with its own keys and socket.
 *
 *   namespace hub ── evio node ── UDP ── public segment ── UDP ── crowd.js, members 0 to N - 1
 *                       │
 *                     evio0: the kernel answers the crowd's echo requests
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EvioError } from '../core/lib/errors.js';
import type { ScalePoint } from './bench-report.js';
import type { CrowdCommand, CrowdSetup, EchoReport } from './crowd.js';
import { shell, sleep, type LabProcess } from '../lab/exec.js';
import type { Rig, RigNode } from '../lab/rig.js';
import { residentMiB } from '../lab/usage.js';

const crowdProgram = fileURLToPath(new URL('../../dist/bench/crowd.js', import.meta.url));
const hubPort = 5_600;
const hubIp = '10.144.0.1';
const firstIp = '10.144.16.1';
/** Addresses of the crowd, apart from that of its machine. */
const crowdAddresses = Array.from({ length: 32 }, (_, i) => `198.51.100.${i + 1}`);

/** Nanoseconds on a processor so far: the main thread, and all others. In user mode and in the kernel. */
export interface ThreadTimes {
  readonly control: number;
  readonly others: number;
}

export interface EchoCost extends EchoReport {
  /** Processor time of the hub for one packet in and its answer out, µs. */
  readonly microseconds: number;
}

/** Time of the threads of a process by /proc/PID/task/TID/schedstat. */
export function threadTimes(pid: number): ThreadTimes {
  let [control, others] = [0, 0];
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      const ns = Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1').split(' ')[0]);
      if (Number(tid) === pid) control += ns;
      else others += ns;
    } catch {
      // It ended.
    }
  }
  return { control, others };
}

export class ManyPeers {
  readonly hub: RigNode;
  readonly #node: LabProcess;
  readonly #crowd: LabProcess;

  private constructor(hub: RigNode, node: LabProcess, crowd: LabProcess) {
    this.hub = hub;
    this.#node = node;
    this.#crowd = crowd;
  }

  /**
   * `name` tells two of them in one lab apart; `nodeFlags` are the hub's, for Node.js, and `more` what else `evio node` is
   * told. Throws EVIO_LAB.
   */
  static async start(
    rig: Rig,
    name: string,
    nodeFlags: readonly string[] = [],
    more: readonly string[] = [],
  ): Promise<ManyPeers> {
    const [host, stand] = await Promise.all([
      rig.lab.publicHost(`${name}hub`, { v6: false }),
      rig.lab.publicHost(`${name}crowd`, { v6: false }),
    ]);
    const hub = rig.node(host, `${name}hub`);
    const made = await hub.json<{ network: { id: string } }>([
      ...['init', name, '--node-name', 'hub', '--ip', hubIp],
    ]);
    // The hub counts who joins: the token of `init` is for ten.
    const { token } = await hub.json<{ token: string }>(['token', 'create', '--uses', '0']);
    const folder = join(hub.home, 'networks', made.network.id);
    const { credential } = JSON.parse(readFileSync(join(folder, 'profile.json'), 'utf8')) as {
      credential: string;
    };
    const node = hub.launch(['node', '--port', String(hubPort), ...more], nodeFlags);
    await hub.up();
    const added = crowdAddresses.map((address) => `ip addr add ${address}/32 dev lo\n`);
    await shell(stand.ns, added.join(''));
    await shell(`${rig.lab.prefix}-net`, `ip route add 198.51.100.0/24 via ${stand.v4 ?? ''}\n`);
    const setup: CrowdSetup = {
      token,
      addresses: crowdAddresses,
      firstIp,
      hub: { name: 'hub', ip: hubIp, id: hub.id, credential, endpoint: `${host.v4 ?? ''}:${hubPort}` },
    };
    const flags = ['--max-old-space-size=4096'];
    const crowd = stand.launch([process.execPath, ...flags, crowdProgram, JSON.stringify(setup)]);
    await crowd.line(/"event":"ready"/, 20_000);
    return new ManyPeers(hub, node, crowd);
  }

  get pid(): number {
    return this.#node.pid;
  }

  /** What the hub printed. */
  get output(): readonly string[] {
    return this.#node.stdout;
  }

  async #ask<T>(command: CrowdCommand, event: string, timeoutMs: number): Promise<T> {
    const after = this.#crowd.stdout.length;
    this.#crowd.write(JSON.stringify(command));
    const wanted = (line: string): boolean =>
      this.#crowd.stdout.indexOf(line, after) >= 0 && /"event":"(failed|\w+)"/.test(line);
    const line = await this.#crowd.line(wanted, timeoutMs);
    const answer = JSON.parse(line) as { event: string; message?: string };
    if (answer.event !== event) throw new EvioError('EVIO_LAB', `the crowd: ${answer.message ?? line}`);
    return answer as T;
  }

  /** Until the hub has so many peers, all connected directly. */
  async grow(members: number): Promise<void> {
    await this.#ask({ do: 'grow', members }, 'grown', 130_000);
  }

  /** Resident memory of the hub, MiB. */
  residentMiB(): number {
    return residentMiB([this.pid]);
  }

  /** Traffic, see `CrowdCommand`; what it cost the hub. */
  async echo(options: Omit<Extract<CrowdCommand, { do: 'echo' }>, 'do'>): Promise<EchoCost> {
    const before = threadTimes(this.pid);
    const report = await this.#ask<EchoReport>(
      { do: 'echo', ...options },
      'echoed',
      options.seconds * 1_000 + 10_000,
    );
    const after = threadTimes(this.pid);
    const spent = after.control + after.others - before.control - before.others;
    return { ...report, microseconds: spent / 1_000 / report.returned };
  }

  /** Share of one processor that the hub takes while nothing happens, by thread. */
  async idle(seconds: number): Promise<ThreadTimes> {
    const before = threadTimes(this.pid);
    await sleep(seconds * 1_000);
    const after = threadTimes(this.pid);
    const share = (ns: number): number => ns / (seconds * 1e9);
    return { control: share(after.control - before.control), others: share(after.others - before.others) };
  }

  /** Peers that the hub is connected with at this moment. */
  async connected(): Promise<number> {
    return (await this.hub.peers()).filter((peer) => peer.state === 'connected').length;
  }

  async stop(): Promise<void> {
    this.#crowd.write(JSON.stringify({ do: 'stop' } satisfies CrowdCommand));
    await this.#crowd.stop(3_000);
    await this.hub.stop();
  }
}

/** Peers at which memory is measured, and how long it may settle before. */
const scalePeers = [1, 50, 500];
const settleMs = 4_000;

/** Resident memory of a node by the number of its peers. */
export async function memoryByPeers(rig: Rig): Promise<ScalePoint[]> {
  const many = await ManyPeers.start(rig, 'scale');
  try {
    const points: ScalePoint[] = [];
    for (const peers of scalePeers) {
      await many.grow(peers);
      await sleep(settleMs);
      points.push({ peers, residentMiB: many.residentMiB() });
    }
    return points;
  } finally {
    await many.stop();
  }
}

/** A container runtime in short: pods are network namespaces, and `cnitool` or the plugin itself is called for them. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabProcess, run, shell, type RunResult } from '../../src/lab/exec.js';
import { buildTools } from './tools.js';

const overheard = fileURLToPath(new URL('../support/overheard.mjs', import.meta.url));
const plugin = fileURLToPath(new URL('../../bin/evio-cni.cjs', import.meta.url));

/** A machine on which pods run. */
export interface Machine {
  readonly ns: string;
  /** EVIO_HOME. */
  readonly home: string;
}

export interface Pod {
  readonly name: string;
  readonly netns: string;
}

export interface PluginAnswer {
  readonly status: number | null;
  readonly printed: Record<string, unknown>;
}

type Json = Readonly<Record<string, unknown>>;

/** A folder for everything that plugins keep: laid over /var/lib/cni of each program, so that nothing stays there. */
export class Runtime {
  readonly machine: Machine;
  readonly folder: string;
  readonly old: string;
  readonly #pods = new Set<string>();

  private constructor(machine: Machine, tools: { current: string; old: string }) {
    this.machine = machine;
    this.old = tools.old;
    this.folder = mkdtempSync(join(tmpdir(), 'evio-cni-'));
    for (const name of ['bin', 'conf', 'state']) mkdirSync(join(this.folder, name));
    for (const name of readdirSync(tools.current))
      symlinkSync(join(tools.current, name), join(this.folder, 'bin', name));
    symlinkSync(plugin, join(this.folder, 'bin', 'evio-cni'));
  }

  static async on(machine: Machine): Promise<Runtime> {
    mkdirSync('/var/lib/cni', { recursive: true });
    return new Runtime(machine, await buildTools());
  }

  /** A plugin more, under the name of its program. */
  install(program: string): void {
    symlinkSync(program, join(this.folder, 'bin', basename(program)));
  }

  /** Writes a network configuration; `plugins` are chained. */
  configure(name: string, cniVersion: string, ...plugins: readonly Json[]): void {
    const text = JSON.stringify({ cniVersion, name, plugins });
    writeFileSync(join(this.folder, 'conf', `${name}.conflist`), text);
  }

  /** A pod of this name; one of it that an attempt left, which failed, goes. */
  async pod(name: string): Promise<Pod> {
    const ns = `${this.machine.ns}-${name}`;
    if (this.#pods.has(ns)) await run(['ip', 'netns', 'delete', ns], { allowFailure: true });
    await run(['ip', 'netns', 'add', ns]);
    this.#pods.add(ns);
    await run(['ip', 'link', 'set', 'lo', 'up'], { ns });
    return { name: ns, netns: `/run/netns/${ns}` };
  }

  async remove(pod: Pod): Promise<void> {
    await run(['ip', 'netns', 'delete', pod.name], { allowFailure: true });
    this.#pods.delete(pod.name);
  }

  get environment(): NodeJS.ProcessEnv {
    const { folder, machine } = this;
    return { CNI_PATH: join(folder, 'bin'), NETCONFPATH: join(folder, 'conf'), EVIO_HOME: machine.home };
  }

  /**
   * In the machine's network namespace as a runtime calls a plugin, `/var/lib/cni` being our folder. Authorities that a person told
   * Node of are no runtime's: Node reads them at each start, which takes longer than all that the plugin does.
   */
  #within(argv: readonly string[]): string[] {
    const bind = `unset NODE_EXTRA_CA_CERTS; mount --bind ${join(this.folder, 'state')} /var/lib/cni && exec "$@"`;
    const enter = ['nsenter', `--net=/run/netns/${this.machine.ns}`, 'unshare', '--mount'];
    return [...enter, 'sh', '-c', bind, 'sh', ...argv];
  }

  /** Runs `cnitool`. Capability arguments are those of the runtime (ports, bandwidth). */
  tool(
    command: 'add' | 'del' | 'check' | 'gc' | 'status',
    network: string,
    pod: Pod,
    capabilities: Json = {},
    ifname = 'eth0',
  ): Promise<RunResult> {
    const argv = this.#within([join(this.folder, 'bin', 'cnitool'), command, network, pod.netns]);
    const env = { ...this.environment, CAP_ARGS: JSON.stringify(capabilities), CNI_IFNAME: ifname };
    return run(argv, { env, allowFailure: true, timeoutMs: 60_000 });
  }

  /** The same, and parses what ADD answered. Throws with what it printed. */
  async add(network: string, pod: Pod, capabilities: Json = {}, ifname = 'eth0'): Promise<CniResult> {
    const { status, stdout, stderr } = await this.tool('add', network, pod, capabilities, ifname);
    if (status !== 0) throw new Error(`cnitool add: ${stdout}${stderr}`);
    return JSON.parse(stdout) as CniResult;
  }

  /** Calls the plugin itself, or another. `kill`: SIGKILL then, to it alone or to all that it started. */
  plugin(
    command: string,
    config: Json | string,
    environment: NodeJS.ProcessEnv,
    kill?: { readonly afterMs: number; readonly everything: boolean },
    name = 'evio-cni',
  ): Promise<PluginAnswer> {
    const [program = '', ...args] = this.#within([join(this.folder, 'bin', name)]);
    const env = { ...process.env, ...this.environment, CNI_COMMAND: command, ...environment };
    const child = spawn(program, args, { env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(typeof config === 'string' ? config : JSON.stringify(config));
    const timer =
      kill &&
      setTimeout(() => {
        const { pid } = child;
        if (pid !== undefined && child.exitCode === null)
          process.kill(kill.everything ? -pid : pid, 'SIGKILL');
      }, kill.afterMs);
    // Programs that outlive a killed plugin hold its output open.
    child.once('exit', (status) => {
      clearTimeout(timer);
      if (status === null) child.stdout.destroy();
    });
    return new Promise((resolve) => {
      child.once('close', (status) => {
        resolve({ status, printed: printed.trim() === '' ? {} : (JSON.parse(printed) as Json) });
      });
    });
  }

  /** Frames that a pod gets while something happens, and those of them that are for somebody else, by who sent them to whom. */
  async overheard(
    pod: Pod,
    happens: () => Promise<unknown>,
  ): Promise<{ frames: number; others: Record<string, number> }> {
    const listener = new LabProcess(['nsenter', `--net=${pod.netns}`, process.execPath, overheard, 'eth0']);
    await listener.line(/looking/, 10_000);
    try {
      await happens();
    } finally {
      await listener.stop(5_000);
    }
    return JSON.parse(listener.stdout.at(-1) ?? '') as { frames: number; others: Record<string, number> };
  }

  /** What plugins left on the machine: interfaces, tables of nftables, leases. Empty after the last DEL. */
  async leftOvers(): Promise<string[]> {
    const { ns } = this.machine;
    const links = await shell(
      ns,
      "ip -o link show | cut -d: -f2 | grep -vE ' (lo|eth[0-9]|evio[0-9])(@|$)' || true",
    );
    const tables = await shell(ns, 'nft list tables | grep evio-cni || true');
    const leases = readdirSync(join(this.folder, 'state'), { recursive: true, encoding: 'utf8' }).filter(
      (path) => /networks\/[^/]+\/[0-9a-f.:]+$/.test(path),
    );
    return [...`${links}${tables}`.split('\n').filter((line) => line !== ''), ...leases];
  }

  /** Size of a file that a plugin wrote, or undefined. */
  has(path: string): boolean {
    return statSync(join(this.folder, 'state', path), { throwIfNoEntry: false }) !== undefined;
  }

  async destroy(): Promise<void> {
    for (const ns of this.#pods) await run(['ip', 'netns', 'delete', ns], { allowFailure: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces: readonly { readonly name: string; readonly mtu?: number; readonly sandbox?: string }[];
  readonly ips: readonly {
    readonly version?: string;
    readonly address: string;
    readonly gateway: string;
    readonly interface: number;
  }[];
  readonly routes: readonly { readonly dst: string }[];
}

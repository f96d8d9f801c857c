/**
 * A machine with podman and containerd of Debian, without Kubernetes and without a registry: its image is busybox, packed by hand.
 * The packages are unpacked beside the system, not installed.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, LabProcess, run, sleep, type RunResult } from '../../src/lab/exec.js';
import type { TestNode } from '../lab/support.js';
import { endMachine } from '../support/ending.js';

const script = fileURLToPath(new URL('containers.sh', import.meta.url));
const plugin = fileURLToPath(new URL('../../bin/evio-cni.cjs', import.meta.url));
const tools = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'evio-test', 'containers');
const packages = ['podman', 'conmon', 'libsubid4', 'libgpgme11', 'libassuan0', 'containerd', 'runc'];
const furtherPackages = ['containernetworking-plugins', 'iptables', 'busybox-static'];

/** Why these tests cannot run here; undefined: they can. */
export const missing: string | undefined = ((): string | undefined => {
  if (process.getuid?.() !== 0)
    return 'SKIPPED: the tests of podman and containerd need root, for namespaces.';
  const lacking = ['apt-get', 'dpkg', 'tar'].find((program) => findProgram(program) === undefined);
  return (
    lacking &&
    `SKIPPED: the tests of podman and containerd take both from Debian, and ${lacking} is not installed here.`
  );
})();

/** Debian's packages, and a file system of busybox alone, as `tar` packs it; some seconds where nothing is there yet. */
async function unpacked(): Promise<string> {
  if (!existsSync(tools)) {
    mkdirSync(join(tools, '..'), { recursive: true });
    const fresh = mkdtempSync(`${tools}-`);
    const unpack = [
      'mkdir debs deb rootfs rootfs/bin rootfs/proc rootfs/sys rootfs/dev rootfs/etc rootfs/tmp rootfs/run',
      `cd debs; apt-get -qq download ${[...packages, ...furtherPackages].join(' ')} 2>&1`,
      'for d in *.deb; do dpkg -x "$d" ../deb; done; cd ..; rm -r debs',
      'for f in iptables iptables-save iptables-restore; do ln -sf xtables-nft-multi deb/usr/sbin/$f; done',
      'cp deb/bin/busybox rootfs/bin; for a in sh sleep ping cat ip; do ln -s busybox rootfs/bin/$a; done',
      'tar -C rootfs -cf rootfs.tar .',
    ];
    await run(['sh', '-ec', unpack.join('\n')], { cwd: fresh, timeoutMs: 180_000 });
    try {
      renameSync(fresh, tools);
    } catch (thrown) {
      // Another test was faster.
      if (!existsSync(tools)) throw thrown;
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  return tools;
}

interface Container {
  exec(...argv: readonly string[]): Promise<RunResult>;
  /** Kills it; its network is taken from it. */
  end(): Promise<void>;
}

export class ContainerHost {
  readonly place: TestNode;
  readonly #folder: string;
  readonly #first: LabProcess;
  readonly #containerd: LabProcess;

  private constructor(place: TestNode, folder: string, first: LabProcess) {
    this.place = place;
    this.#folder = folder;
    this.#first = first;
    this.#containerd = new LabProcess(this.#within(['containerd']));
  }

  static async on(place: TestNode): Promise<ContainerHost> {
    const folder = mkdtempSync(join(tmpdir(), 'evio-containers-'));
    const first = new LabProcess([
      ...['nsenter', `--net=/run/netns/${place.ns}`, 'unshare', '-m', '--'],
      ...['bash', script, await unpacked(), folder, place.node.home, plugin],
    ]);
    await first.line(/ready/, 10_000);
    return new ContainerHost(place, folder, first);
  }

  #within(argv: readonly string[]): string[] {
    return ['nsenter', '-t', String(this.#first.pid), '-n', '-m', '--', ...argv];
  }

  run(...argv: readonly string[]): Promise<RunResult> {
    return run(this.#within(argv), { timeoutMs: 60_000 });
  }

  /** Files and links in /etc and /opt that are other than those of the system below. */
  async changes(): Promise<string> {
    const folders = ['etc', 'opt'].map((name) => join(this.#folder, 't', `${name}.up`));
    const { stdout } = await this.run('find', ...folders, '!', '-type', 'd', '-printf', '%P %y %l\n');
    return stdout.split('\n').sort().join('\n');
  }

  /** Runs a program that may be killed: it alone, or with all that it started and that did not go its own way. */
  killed(argv: readonly string[], afterMs: number, everything: boolean): Promise<void> {
    const [program = '', ...args] = this.#within(argv);
    const child = spawn(program, args, { detached: true, stdio: 'ignore' });
    const timer = setTimeout(() => {
      const { pid } = child;
      if (pid !== undefined && child.exitCode === null) process.kill(everything ? -pid : pid, 'SIGKILL');
    }, afterMs);
    return new Promise((resolve) => {
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Parent of its containers' cgroups, which goes with the machine. */
  get cgroup(): string {
    return `/evio-${this.place.ns}`;
  }

  /** A container of containerd with the pod network, by `ctr`, which detaches what it runs in the foreground only. */
  containerd(name: string): Container {
    const cgroup = ['--cgroup', `${this.cgroup}/${name}`];
    const words = ['--rm', '--cni', ...cgroup, 'localhost/box:latest', name, 'sleep', '1000'];
    const foreground = new LabProcess(this.#within(['ctr', 'run', ...words]));
    let asked = 0;
    return {
      exec: (...argv) => {
        const exec = ['ctr', 'tasks', 'exec', '--exec-id', `exec${asked++}`, name, ...argv];
        return run(this.#within(exec), { allowFailure: true });
      },
      end: async () => {
        await this.run('ctr', 'tasks', 'kill', '-s', 'KILL', name);
        await foreground.exited;
      },
    };
  }

  /** As its owner would write it into /etc/cni/net.d. */
  async configure(name: string, ...plugins: readonly object[]): Promise<void> {
    const input = JSON.stringify({ cniVersion: '1.0.0', name, plugins });
    await run(this.#within(['tee', `/etc/cni/net.d/${name}.conflist`]), { input });
  }

  /** The image that `podman` and `ctr` run. */
  async importImage(): Promise<void> {
    const rootfs = join(await unpacked(), 'rootfs.tar');
    await this.run('podman', 'import', rootfs, 'box');
    const archive = '/run/box.tar';
    await this.run('podman', 'save', '-q', '--format', 'oci-archive', '-o', archive, 'localhost/box:latest');
    await this.ready();
    await this.run('ctr', 'images', 'import', archive);
  }

  /** Until containerd answers. */
  async ready(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const { status, stderr } = await run(this.#within(['ctr', 'version']), { allowFailure: true });
      if (status === 0) return;
      if (tries > 50) throw new Error(`${stderr}\n${this.#containerd.tail()}`);
      await sleep(200);
    }
  }

  async destroy(): Promise<void> {
    await this.#containerd.stop(2_000);
    await endMachine(String(this.#first.pid), this.cgroup.slice(1));
    await this.#first.stop(1_000);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

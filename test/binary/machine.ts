/**
 * A machine of its own in namespaces: systemd is its first process, its disk is a minimal Debian under an overlay, so that
 * each begins fresh. That Debian is made once, by prepare.sh.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { need } from '../support/need.js';
import { prepared } from './support.js';

const debianRoot = join(prepared, 'debian-12');
export const hasMachine = (): boolean =>
  need(
    'root and a Debian (bash test/binary/prepare.sh)',
    process.getuid?.() === 0 && existsSync(join(debianRoot, 'lib/systemd/systemd')),
  );

/** Mounts in the machine's own namespace; "$0" is the root below it, "$1" its folder. */
const boot = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$0,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
mount -t tmpfs cgroup sys/fs/cgroup
mkdir sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
ip link set lo up
exec env -i container=evio PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd systemd.unit=multi-user.target`;

const environment = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8'];

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Machine {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #pid: number;

  private constructor(child: ChildProcess, folder: string, pid: number) {
    this.#child = child;
    this.#folder = folder;
    this.#pid = pid;
  }

  /** Starts it; resolves when systemd has come up. */
  static async start(): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'evio-machine-'));
    const namespaces = ['--pid', '--mount', '--net', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'];
    const child = spawn('unshare', [...namespaces, 'sh', '-c', boot, debianRoot, folder], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    for (let tries = 0; tries < 300; tries++) {
      await sleep(100);
      const [pid] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
      if (pid === undefined || pid === '') continue;
      const machine = new Machine(child, folder, Number(pid));
      const { stdout } = machine.run(['systemctl', 'is-system-running']);
      if (/running|degraded/.test(stdout)) return machine;
    }
    child.kill('SIGKILL');
    throw new Error('the machine did not come up');
  }

  /** Runs a program in it to its end. */
  run(argv: readonly string[]): Ran {
    const enter = ['--target', `${this.#pid}`, '--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup'];
    const inside = ['--root', '--wd'];
    return spawnSync('nsenter', [...enter, ...inside, 'env', '-i', ...environment, ...argv], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  }

  /** As `run`, for one line of the shell. Throws when it fails. */
  sh(line: string): string {
    const { status, stdout, stderr } = this.run(['sh', '-c', line]);
    if (status !== 0) throw new Error(`${line}: ${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Copies a file of the host into it. */
  put(from: string, to: string): void {
    cpSync(from, join(`/proc/${this.#pid}/root`, to));
  }

  /** The names in one of its folders; none when it is not there. */
  list(path: string): string[] {
    const folder = join(`/proc/${this.#pid}/root`, path);
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    process.kill(this.#pid, 'SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

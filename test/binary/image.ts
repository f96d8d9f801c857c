/** The image, unpacked as an engine does it, and run with what deploy/compose gives it, in namespaces. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { need } from '../support/need.js';
import { root } from './support.js';

export const imageFile = join(root, 'build/evio-oci.tar');
export const hasImage = (): boolean =>
  need('root and the image (npm run build:oci)', process.getuid?.() === 0 && existsSync(imageFile));

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string; readonly variant?: string };
}
export interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}
export interface ImageConfig {
  readonly architecture: string;
  readonly config: { readonly Entrypoint: string[]; readonly Env: string[] };
  readonly rootfs: { readonly diff_ids: string[] };
}

const hashOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A folder that holds an OCI layout. */
export class Layout {
  readonly path = mkdtempSync(join(tmpdir(), 'evio-layout-'));

  constructor(file: string) {
    execFileSync('tar', ['xf', file, '-C', this.path]);
  }

  json<T>(name: string): T {
    return JSON.parse(readFileSync(join(this.path, name), 'utf8')) as T;
  }

  /** The bytes of a blob. Throws when they are not what the descriptor says. */
  blob({ digest, size }: Descriptor): Buffer {
    const bytes = readFileSync(join(this.path, 'blobs', digest.replace(':', '/')));
    if (bytes.length !== size || hashOf(bytes) !== digest) throw new Error(`${digest} is not what it says`);
    return bytes;
  }

  parsed<T>(descriptor: Descriptor): T {
    return JSON.parse(this.blob(descriptor).toString()) as T;
  }

  /** The manifests of the image, for each architecture. */
  manifests(): Descriptor[] {
    const [index] = this.json<{ manifests: Descriptor[] }>('index.json').manifests;
    return this.parsed<{ manifests: Descriptor[] }>(index as Descriptor).manifests;
  }

  /** Unpacks the layers of `architecture` into `folder`, and checks each against the configuration. */
  unpack(architecture: string, folder: string): ImageConfig {
    const found = this.manifests().find(({ platform }) => platform?.architecture === architecture);
    const manifest = this.parsed<Manifest>(found as Descriptor);
    const config = this.parsed<ImageConfig>(manifest.config);
    for (const [i, layer] of manifest.layers.entries()) {
      const plain = gunzipSync(this.blob(layer));
      if (hashOf(plain) !== config.rootfs.diff_ids[i]) throw new Error(`layer ${i} is another one`);
      execFileSync('tar', ['xpf', '-', '--numeric-owner', '-C', folder], { input: plain });
    }
    return config;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** "$0" is the root, "$1" the folder of its volumes. As an engine with `read_only` sets it up. */
const setUp = `set -e
mount --make-rprivate /
mount --bind "$0" "$0"
mount -o remount,bind,ro "$0"
mount -t proc proc "$0/proc"
mount -t tmpfs tmpfs "$0/run"
mount -t tmpfs tmpfs "$0/dev"
mkdir "$0/dev/net"
for each in null zero urandom random net/tun; do : > "$0/dev/$each"; mount --bind "/dev/$each" "$0/dev/$each"; done
for each in evio evio-relay; do mount --bind "$1/$each" "$0/var/lib/$each"; done
ip link set lo up
echo ready
exec sleep 1000000`;

/** Words before \`evio\` that leave it what a service of deploy/compose has, in a root. */
const confined = {
  relay: ['chroot', '--userspec=65532:65532', '--groups=65532'],
  // chroot itself needs the other one.
  node: ['setpriv', '--no-new-privs', '--bounding-set=-all,+net_admin,+sys_chroot', 'chroot'],
  nobody: ['chroot', '--userspec=65531:65531', '--groups=65531'],
};

export class Container {
  readonly #root: string;
  readonly #volumes: string;
  readonly #holder: ChildProcess;
  readonly #config: ImageConfig;

  private constructor(root: string, volumes: string, holder: ChildProcess, config: ImageConfig) {
    this.#root = root;
    this.#volumes = volumes;
    this.#holder = holder;
    this.#config = config;
  }

  static async start(layout: Layout, architecture: string): Promise<Container> {
    const folder = mkdtempSync(join(tmpdir(), 'evio-image-'));
    const volumes = mkdtempSync(join(tmpdir(), 'evio-volumes-'));
    const config = layout.unpack(architecture, folder);
    // mkdtemp made it for one user.
    chmodSync(folder, 0o755);
    for (const name of ['evio', 'evio-relay']) {
      // A new volume is the folder of the image.
      execFileSync('cp', ['-a', join(folder, 'var/lib', name), volumes]);
    }
    const argv = ['--mount', '--net', 'sh', '-c', setUp, folder, volumes];
    const holder = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = (await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')])) as unknown[];
    if (!Buffer.isBuffer(said)) throw new Error('the root could not be set up');
    return new Container(folder, volumes, holder, config);
  }

  /** Starts the image's entry point with `words`, as `who`. */
  spawn(who: keyof typeof confined, words: readonly string[], env: Record<string, string> = {}): Running {
    const enter = ['--target', `${this.#holder.pid}`, '--mount', '--net'];
    const given = [
      ...this.#config.config.Env,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ];
    const [before, ...rest] = confined[who];
    const program = [before as string, ...rest, this.#root, ...this.#config.config.Entrypoint];
    return new Running([
      ...enter,
      'env',
      '-i',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      ...given,
      ...program,
      ...words,
    ]);
  }

  /** As `spawn`, to its end; gives what it printed. Throws when it fails. */
  async run(
    who: keyof typeof confined,
    words: readonly string[],
    env?: Record<string, string>,
  ): Promise<string> {
    const running = this.spawn(who, words, env);
    const code = await running.ended;
    if (code !== 0) throw new Error(`evio ${words.join(' ')} ended with ${code}: ${running.said}`);
    return running.said;
  }

  async stop(): Promise<void> {
    const ended = once(this.#holder, 'close');
    this.#holder.kill('SIGKILL');
    await ended;
    for (const folder of [this.#root, this.#volumes]) rmSync(folder, { recursive: true, force: true });
  }
}

export class Running {
  said = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(argv: readonly string[]) {
    this.#child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null);
  }

  /** Ends it as an engine does; gives its exit status. */
  stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }
}

/** The program of one file, and a root folder in which nothing else lies but what the loader of programs needs. */
import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { need } from '../support/need.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const architecture = process.arch;
export const program = join(root, `build/evio-linux-${architecture}`);

/** What prepare.sh made. */
export const prepared = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'evio-test');
export const tool = (name: string): string => join(prepared, 'binary-tools/usr/bin', name);

export const hasBinary = (): boolean =>
  need('root and the binary (npm run build:binary)', process.getuid?.() === 0 && existsSync(program));

/** The libraries that a program asks the loader for, and the loader. */
export function librariesOf(path: string): string[] {
  const text = execFileSync('ldd', [path], { encoding: 'utf8' });
  return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file as string);
}

/** A root with `evio`, its libraries and a few devices; no shell, no Node, no users. */
export class BareRoot {
  readonly path = mkdtempSync(join(tmpdir(), 'evio-root-'));

  constructor() {
    for (const folder of ['usr/bin', 'etc', 'tmp', 'run', 'var/lib', 'var/cache', 'proc', 'dev'])
      mkdirSync(join(this.path, folder), { recursive: true });
    cpSync(program, join(this.path, 'usr/bin/evio'));
    for (const library of librariesOf(program)) {
      mkdirSync(dirname(join(this.path, library)), { recursive: true });
      cpSync(library, join(this.path, library), { dereference: true });
    }
  }

  /** Runs `evio ARGV` with this folder as its root, in mount and network namespaces of its own. */
  run(
    argv: readonly string[],
    options: { env?: Record<string, string>; input?: string; readOnly?: boolean; name?: string } = {},
  ): SpawnSyncReturns<string> {
    const { env = {}, input = '', readOnly = false, name = 'evio' } = options;
    const script = `set -e
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
${readOnly ? 'mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"; mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"' : ''}
ip link set lo up
exec chroot "$0" /usr/bin/${name} "$@"`;
    return spawnSync('unshare', ['--mount', '--net', 'sh', '-c', script, this.path, ...argv], {
      encoding: 'utf8',
      input,
      env: { PATH: process.env['PATH'], ...env },
      timeout: 60_000,
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

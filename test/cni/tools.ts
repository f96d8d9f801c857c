/** The CNI project's own programs, built from their published Go modules: no stand-in of a runtime or of another plugin. */
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findProgram, run } from '../../src/lab/exec.js';

const library = 'github.com/containernetworking/cni';
const plugins = 'github.com/containernetworking/plugins/plugins';

/** What is built, and into which folder. */
const builds = {
  current: [
    `${library}/cnitool@v1.3.0`,
    ...['ipam/host-local', 'meta/portmap', 'meta/bandwidth', 'meta/tuning', 'main/bridge'].map(
      (name) => `${plugins}/${name}@v1.10.0`,
    ),
  ],
  /** What Debian 12 ships: speaks CNI 1.0 at most. */
  old: [`${plugins}/ipam/host-local@v1.1.1`],
};

function folderOf(build: keyof typeof builds): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'evio-test', `cni-${build}`);
}

/** Why these tests cannot run here; undefined: they can. */
export const missing: string | undefined =
  process.getuid?.() !== 0
    ? 'SKIPPED: the CNI tests need root, for network namespaces.'
    : findProgram('go') === undefined
      ? "SKIPPED: the CNI tests build the CNI project's own tools, and Go is not installed here."
      : undefined;

/** Builds what is not there yet (a minute when Go's cache is cold). Returns the folders. */
export async function buildTools(): Promise<{ current: string; old: string }> {
  for (const [build, packages] of Object.entries(builds)) {
    const folder = folderOf(build as keyof typeof builds);
    mkdirSync(folder, { recursive: true });
    const wanted = packages.filter((path) => !existsSync(join(folder, /([^/]+)@/.exec(path)?.[1] ?? '')));
    // Packages of one call must be of one module.
    for (const module of [library, plugins]) {
      const paths = wanted.filter((path) => path.startsWith(`${module}/`));
      if (paths.length === 0) continue;
      const env = { GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '-p=2' };
      await run(['go', 'install', ...paths], { env, timeoutMs: 280_000 });
    }
  }
  return { current: folderOf('current'), old: folderOf('old') };
}

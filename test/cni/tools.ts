/** The CNI project's own programs, built from their published Go modules: no stand-in of a runtime or of another plugin. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
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

/** Programs of others that use the plugin: minutes to build, so they are asked for by `npm run test:cni:others`. */
const others = {
  multus: ['gopkg.in/k8snetworkplumbingwg/multus-cni.v4', 'v4.2.2', 'cmd/multus'],
  nerdctl: ['github.com/containerd/nerdctl', 'v1.7.7', 'cmd/nerdctl'],
} as const;

export const othersToo = process.env['EVIO_TEST_OTHERS'] !== undefined;

/** Builds it from its Go module if it is not there yet. Returns its path. */
export async function buildOther(name: keyof typeof others): Promise<string> {
  const [module, version, command] = others[name];
  const folder = join(folderOf('current'), '..', `cni-${name}`);
  const program = join(folder, name);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  // By a module around it: the registry has no list of the versions, which `go install` asks for.
  writeFileSync(
    join(folder, 'tools.go'),
    `//go:build tools\n\npackage tools\n\nimport _ "${module}/${command}"\n`,
  );
  rmSync(join(folder, 'go.mod'), { force: true });
  const lines = [
    'go mod init tools && go get "$1@$2" && go mod tidy -e',
    'go build -trimpath -ldflags "-s -w" -o "$4.new" "$1/$3" && mv "$4.new" "$4"',
  ];
  const env = { CGO_ENABLED: '0', GOFLAGS: '-p=2 -mod=mod' };
  const words = [module, version, command, program];
  await run(['sh', '-ec', lines.join('\n'), 'sh', ...words], { cwd: folder, env, timeoutMs: 15 * 60_000 });
  return program;
}

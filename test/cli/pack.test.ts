/** The tarball that would be published: installs into an empty prefix, from the registry alone, and runs. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-pack-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('installs globally without install scripts, and runs', { timeout: 240_000 }, () => {
    const npm = (...args: string[]): string =>
      execFileSync('npm', args, {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, NODE_EXTRA_CA_CERTS: process.env['EVIO_TEST_AUTHORITIES'] },
      });
    // dist/ is built before the tests; building again here would pull it from under the other ones.
    const packed = JSON.parse(npm('pack', '--json', '--ignore-scripts', '--pack-destination', folder)) as {
      filename: string;
      files: { path: string }[];
      size: number;
    }[];
    const paths = packed[0]?.files.map((file) => file.path) ?? [];
    for (const path of [
      'bin/run.js',
      'oclif.manifest.json',
      'dist/commands/join.js',
      'dist/index.d.ts',
      'dist/program/before.cjs',
      'dist/program/node.cjs',
      'dist/program/forward-worker.js',
      'LICENSE',
      'README.md',
    ]) {
      expect(paths).toContain(path);
    }
    expect(paths.filter((path) => /^(src|test|node_modules|\.ci)\//.test(path))).toEqual([]);
    expect(packed[0]?.size).toBeLessThan(2_600_000);
    // Made again, at another time, it is the same to the last byte.
    const first = readFileSync(join(folder, packed[0]?.filename as string));
    npm('pack', '--ignore-scripts', '--pack-destination', folder);
    expect(readFileSync(join(folder, packed[0]?.filename as string)).equals(first)).toBe(true);
    const prefix = join(folder, 'prefix');
    const tarball = join(folder, packed[0]?.filename as string);
    npm('install', '--global', '--ignore-scripts', '--prefix', prefix, '--omit=dev', tarball);
    // Elsewhere no node runs: npm refuses there (EBADPLATFORM) before it installs anything.
    const installed = readFileSync(join(prefix, 'lib/node_modules/evio/package.json'), 'utf8');
    expect((JSON.parse(installed) as { os?: string[] }).os).toEqual(['linux']);
    const manual = readFileSync(join(prefix, 'share/man/man1/evio-join.1'), 'utf8');
    expect(manual).toContain('.SH EXAMPLES');
    const evio = (...args: string[]): string =>
      execFileSync(join(prefix, 'bin/evio'), args, {
        encoding: 'utf8',
        env: { ...process.env, EVIO_HOME: join(folder, 'home'), CI: 'true' },
      });
    expect(evio('--version')).toMatch(/^evio\/\d+\.\d+\.\d+ /);
    const made = JSON.parse(evio('init', 'packed', '--json')) as { network: { name: string } };
    expect(made.network.name).toBe('packed');
    expect(evio('join', '--help')).toContain('EXAMPLES');
    expect(evio('node', '--help')).toContain('EXAMPLES');
    // The library's declarations are all there, down to the last one they name.
    const program = `import { connectControl, openNetwork, type PeerReport } from 'evio';
      const control = await connectControl();
      const peers: readonly PeerReport[] = await control.peers();
      // @ts-expect-error: these are types, and not any
      const none: null = peers[0]?.name;
      export { none, openNetwork };`;
    const library = join(prefix, 'lib/node_modules/evio/dist/index.d.ts');
    const compilerOptions = {
      ...{ noEmit: true, strict: true, module: 'nodenext', target: 'es2023', types: ['node'] },
      ...{ typeRoots: [join(root, 'node_modules/@types')], paths: { evio: [library] } },
    };
    writeFileSync(join(folder, 'library.mts'), program);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['library.mts'] }));
    const types = spawnSync('npx', ['tsc', '-p', folder], { cwd: root, encoding: 'utf8' });
    expect(types.stdout).toBe('');
    // The one file that a node starts from, where there is nothing to run.
    const env = { ...process.env, EVIO_HOME: join(folder, 'none'), NODE_DEBUG: 'esm,evio' };
    const node = spawnSync(join(prefix, 'bin/evio'), ['node', '--json'], { encoding: 'utf8', env });
    expect(node.stdout).toMatch(/EVIO_(NO_NETWORK|PRIVILEGE)/);
    expect(node.stderr).toMatch(/^EVIO \d+: compiles/m);
    expect(node.stderr).not.toContain('dist/cli/main.js');
  });
});

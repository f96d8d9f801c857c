/**
 * The package as its users have it, packed: the three examples of the library, their types checked strictly, run at real nodes;
 * and what deploy/ci has jobs do.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CiMachine, type Action, type Job } from '../support/ci-job.js';
import { run, LabProcess } from '../../src/lab/exec.js';
import { TestNet, type TestNode } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ci = join(root, 'deploy/ci');

describe('the packed package', () => {
  let net: TestNet;
  let maker: TestNode;
  let folder = '';
  let job: CiMachine;
  const running: LabProcess[] = [];

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    [maker] = net.nodes as [TestNode];
    folder = join(net.rig.folder, 'user');
    const modules = join(folder, 'node_modules');
    mkdirSync(modules, { recursive: true });
    await run(['npm', 'pack', '--ignore-scripts', '--pack-destination', folder], {
      cwd: root,
      timeoutMs: 120_000,
    });
    const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    await run(['tar', 'xzf', join(folder, tarball), '-C', folder], {});
    cpSync(join(folder, 'package'), join(modules, 'evio'), { recursive: true });
    // Its dependencies, as an installation has them.
    for (const name of readdirSync(join(root, 'node_modules')))
      if (!name.startsWith('.') && name !== 'evio')
        symlinkSync(join(root, 'node_modules', name), join(modules, name));
    for (const name of readdirSync(join(root, 'examples')))
      if (name.endsWith('.mjs')) cpSync(join(root, 'examples', name), join(folder, name));
  }, 180_000);
  afterAll(async () => {
    for (const one of running) await one.stop(1_000);
    await net?.destroy();
  });

  const launch = (at: TestNode, argv: readonly string[], home: string): LabProcess => {
    const one = new LabProcess([process.execPath, ...argv], {
      ns: at.ns,
      cwd: folder,
      env: { EVIO_HOME: home, CI: 'true' },
    });
    running.push(one);
    return one;
  };

  it('has types that a strict program takes', async () => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'ES2022',
          module: 'NodeNext',
          strict: true,
          noUncheckedIndexedAccess: true,
          exactOptionalPropertyTypes: true,
          allowJs: true,
          checkJs: true,
          noEmit: true,
          types: ['node'],
        },
        include: ['*.mjs'],
      }),
    );
    await run([process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      timeoutMs: 180_000,
    });
  }, 200_000);

  it('asks a node, and hears of its events', async () => {
    const watch = launch(maker, ['watch.mjs'], maker.node.home);
    await watch.line(/^lab: n0 10\.144\./, 20_000);
    const other = await net.add({ nat: 'endpoint-independent' });
    await watch.line(/^n1 is here/, 20_000);
    await other.node.stop();
    await watch.line(/^n1 is gone/, 20_000);
  });

  it('is a member inside a program, which speaks TCP to others', async () => {
    const server = new LabProcess(
      [
        process.execPath,
        '-e',
        `require('node:http').createServer((_, response) => response.end('hello from n0')).listen(80, () => console.log('listening'))`,
      ],
      { ns: maker.ns },
    );
    running.push(server);
    await server.line(/listening/, 10_000);
    const at = await net.place({ nat: 'endpoint-independent' }, 'fetcher');
    const fetch = launch(at, ['fetch.mjs', net.token, 'n0'], at.node.home);
    await fetch.line(/^hello from n0$/, 30_000);
    // It closes its network, and ends by itself.
    await expect.poll(() => fetch.running, { timeout: 15_000 }).toBe(false);
    expect(await fetch.exited).toBe(0);
  });

  it('is a port of the switch, which receives and sends frames', async () => {
    const [first, second] = await Promise.all(
      ['left', 'right'].map(async (name) => {
        const at = await net.place({ nat: 'endpoint-independent' }, name);
        const frames = launch(at, ['frames.mjs', net.token], at.node.home);
        const line = await frames.line(/^listening as listener/, 40_000);
        return { frames, mac: line.slice(line.indexOf(', ') + 2) };
      }),
    );
    // What one program shouts the other hears, and a broadcast of the other member's kernel, too.
    await second?.frames.line(new RegExp(`^${first?.mac} -> ff:ff:ff:ff:ff:ff type 0806`), 20_000);
    await first?.frames.line(new RegExp(`^${second?.mac} -> ff:ff:ff:ff:ff:ff type 0806`), 20_000);
    await run(['ping', '-c', '2', '-W', '1', '10.144.0.98'], { ns: maker.ns, allowFailure: true });
    const { node } = await maker.node.json<{ node: { mac: string } }>(['status']);
    await first?.frames.line(new RegExp(`^${node.mac} -> ff:ff:ff:ff:ff:ff type 0806`), 20_000);
  });

  it('makes a job of GitHub a member by the action, and the steps after it reach a member by its name', async () => {
    const at = await net.place({ nat: 'endpoint-independent' }, 'job');
    job = new CiMachine(at.site.host, folder, join(folder, 'node_modules/evio/bin/run.js'));
    const { inputs, runs } = parse(readFileSync(join(ci, 'action.yml'), 'utf8')) as Action;
    const [step] = runs.steps;
    const given: Record<string, string> = { token: net.token, name: 'ci-github-1' };
    const filled = (text: string): string =>
      text.replace(
        /\$\{\{ inputs\.(\w+) \}\}/g,
        (_, name: string) => given[name] ?? inputs[name]?.default ?? '',
      );
    const env = Object.fromEntries(
      Object.entries(step?.env ?? {}).map(([name, text]) => [name, filled(text)]),
    );
    expect(Object.values(env).join()).not.toContain('${{');
    const [environment, output] = [join(folder, 'github-env'), join(folder, 'github-output')];
    for (const file of [environment, output]) writeFileSync(file, '');
    const joined = await job.bash(step?.run ?? 'false', {
      ...env,
      GITHUB_ACTION_PATH: ci,
      GITHUB_ENV: environment,
      GITHUB_OUTPUT: output,
    });
    expect(joined, joined.stderr).toMatchObject({ status: 0, stdout: '' });
    expect(readFileSync(output, 'utf8')).toBe('proxy=socks5h://127.0.0.1:1080\n');
    const later = Object.fromEntries(
      readFileSync(environment, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s)),
    ) as Record<string, string>;
    expect(Object.keys(later).sort()).toEqual(['EVIO_HOME', 'EVIO_PROXY']);
    const fetched = await job.bash(
      'curl -sS --retry 20 --retry-all-errors --retry-delay 1 --proxy "$EVIO_PROXY" http://n0/\nnpx --yes evio down >&2',
      later,
    );
    expect(fetched, fetched.stderr).toMatchObject({ status: 0, stdout: 'hello from n0' });
  }, 120_000);

  it('makes one of GitLab a member by the file that it includes, and leaves nothing that runs', async () => {
    const { '.evio': written } = parse(readFileSync(join(ci, 'gitlab.yml'), 'utf8')) as { '.evio': Job };
    const script = [
      ...written.before_script,
      'curl -sS --retry 20 --retry-all-errors --retry-delay 1 --proxy "$EVIO_PROXY" http://n0/',
      'printf " %s" "${EVIO_TOKEN:-no token}"',
      ...written.after_script,
      'npx --yes evio status >&2 && exit 9 || true',
    ].join('\n');
    const done = await job.bash(script, { EVIO_TOKEN: net.token, CI_JOB_ID: '7' });
    expect(done, done.stderr).toMatchObject({ status: 0 });
    expect(done.stdout).toContain('hello from n0 no token');
  }, 120_000);
});

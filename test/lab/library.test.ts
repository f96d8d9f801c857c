/** The library as its users have it: the packed package, three examples, their types checked strictly, run at real nodes. */
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, LabProcess } from '../../src/lab/exec.js';
import { TestNet, type TestNode } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the library', () => {
  let net: TestNet;
  let maker: TestNode;
  let folder = '';
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
});

/** The image: what it is made of, and that relay and node run from it with what deploy/compose gives them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Container, hasImage, imageFile, Layout, type ImageConfig, type Manifest } from './image.js';
import { architecture, root } from './support.js';

const goArchitecture = { x64: 'amd64', arm64: 'arm64' }[architecture as 'x64' | 'arm64'];

describe.runIf(hasImage())('the image', () => {
  let layout: Layout;
  let container: Container;
  beforeAll(async () => {
    layout = new Layout(imageFile);
    container = await Container.start(layout, goArchitecture);
  });
  afterAll(async () => {
    await container?.stop();
    layout?.remove();
  });

  it('is one for both architectures, each with the libraries that its program asks for', () => {
    const manifests = layout.manifests();
    expect(manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    for (const each of manifests) {
      const folder = mkdtempSync(join(tmpdir(), 'evio-unpacked-'));
      try {
        const { architecture: name } = layout.unpack(each.platform?.architecture as string, folder);
        const elf = (option: string, path: string): string =>
          execFileSync('readelf', ['-W', option, path], { encoding: 'utf8' });
        const program = join(folder, 'usr/bin/evio');
        const machine = { amd64: 'X86-64', arm64: 'AArch64' }[name];
        const libraries = join(folder, `usr/lib/${name === 'amd64' ? 'x86_64' : 'aarch64'}-linux-gnu`);
        expect(elf('--file-header', program)).toContain(machine);
        const needed = [...elf('--dynamic', program).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(
          ([, file]) => file,
        );
        expect(needed).toContain('libatomic.so.1');
        for (const file of needed)
          expect(elf('--file-header', join(libraries, file as string))).toContain(machine);
        const [, loader] = /interpreter: (\S+)\]/.exec(elf('--program-headers', program)) ?? [];
        expect(elf('--file-header', join(folder, loader as string))).toContain(machine);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  });

  it('is read by skopeo, where that is there', (context) => {
    try {
      execFileSync('skopeo', ['--version']);
    } catch {
      return context.skip('skopeo is not installed');
    }
    const inspect = (...words: string[]): ImageConfig =>
      JSON.parse(
        execFileSync('skopeo', [...words, 'inspect', '--config', `oci-archive:${imageFile}`], {
          encoding: 'utf8',
        }),
      ) as ImageConfig;
    expect(inspect('--override-arch', 'arm64').architecture).toBe('arm64');
    expect(inspect('--override-arch', 'amd64').config.Entrypoint).toEqual(['/usr/bin/evio']);
  });

  it('is the same to the last byte when it is made again', { timeout: 400_000 }, () => {
    const out = mkdtempSync(join(tmpdir(), 'evio-oci-'));
    try {
      const file = join(out, 'again.tar');
      const env = { ...process.env, TZ: 'Asia/Tokyo', LC_ALL: 'C' };
      execFileSync(process.execPath, ['scripts/oci/build.mjs', `--out=${file}`], { cwd: root, env });
      expect(readFileSync(file).equals(readFileSync(imageFile))).toBe(true);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });

  it('can be told apart from an image that was changed on the way', () => {
    const [first] = layout.manifests();
    const { layers } = layout.parsed<Manifest>(first as never);
    expect(() => layout.blob({ ...(layers[0] as (typeof layers)[0]), size: 1 })).toThrow('not what it says');
  });

  it('says its version, also to a user who owns nothing in it', async () => {
    expect(await container.run('nobody', ['--version'])).toMatch(/^evio\/\d+\.\d+\.\d+ linux-/);
  });

  it('runs a relay without a right, and members by it: without an interface, and with one', async () => {
    const relayEnv = { EVIO_HOME: '/var/lib/evio-relay' };
    const relay = container.spawn('relay', ['relay', '--listen', '127.0.0.1:3478', '--json'], relayEnv);
    await expect.poll(() => relay.said, { timeout: 30_000 }).toContain('"listening"');
    const [, url] = /"url":"([^"]+)"/.exec(relay.said) ?? [];
    const made = JSON.parse(
      await container.run('node', ['init', 'home', '--relay', url as string, '--json']),
    ) as { token: string };
    expect(made.token).toMatch(/^evio1/);
    const node = container.spawn('node', ['node', '--dns', 'off', '--json']);
    await expect.poll(() => node.said, { timeout: 30_000 }).toContain('"started"');
    expect(node.said).toContain('"device":"evio0"');
    // Another member, in a folder that only it has.
    const guestEnv = { EVIO_HOME: '/var/lib/evio/guest' };
    const words = ['join', made.token, '--name', 'guest', '--userspace', '--proxy', 'off', '--json'];
    const guest = container.spawn('node', words, guestEnv);
    await expect.poll(() => guest.said, { timeout: 60_000 }).toContain('"peer-connected"');
    expect(await container.run('node', ['ping', 'guest', '-c', '1'])).toContain('1 received');
    for (const each of [guest, node, relay]) expect(await each.stop(), each.said).toBe(0);
  });
});
